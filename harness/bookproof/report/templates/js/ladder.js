// The book, truth against client, at any observation. Prices and sizes are decimal texts: compared as texts, sorted as whole numbers.
const digits = text => BigInt(text.replace(".", "").replace(/^$/, "0"));

// The truth of one symbol at any version.
class Truth {
  constructor(symbol) {
    this.symbol = symbol;
    this.lives = new Map();
    symbol.bids.forEach(level => this.lives.set("0" + level[0], [[level[2], level[1]]]));
    symbol.asks.forEach(level => this.lives.set("1" + level[0], [[level[2], level[1]]]));
    for (const [version, side, price, size] of symbol.changes) {
      const key = side + price;
      if (!this.lives.has(key)) this.lives.set(key, []);
      this.lives.get(key).push([version, size]);
    }
  }
  // The last write of a level up to a version: [version, size].
  write(side, price, version) {
    const life = this.lives.get(side + price);
    if (!life) return null;
    const at = lastAtMost(life, version, each => each[0]);
    return at < 0 ? null : life[at];
  }
  writers(side, price, size, until) {
    return (this.lives.get(side + price) || []).filter(each => each[1] === size && each[0] <= until).map(each => each[0]);
  }
  // Both sides, best first, cut to the depth.
  book(version) {
    const sides = [[], []];
    for (const key of this.lives.keys()) {
      const written = this.write(key[0], key.slice(1), version);
      if (written && written[1]) sides[key[0]].push([key.slice(1), written[1]]);
    }
    return sides.map((rows, side) => sorted(rows, side).slice(0, this.symbol.depth));
  }
}

function sorted(rows, side) {
  const keyed = rows.map(row => [digits(row[0]), row]);
  keyed.sort((one, other) => one[0] === other[0] ? 0 : (one[0] < other[0]) === (side === 1) ? -1 : 1);
  return keyed.map(each => each[1]);
}

// What the client showed of one symbol, at any observation.
class Client {
  constructor(core, place) {
    this.observations = core.observations.filter(each => each.y === place);
    this.at = -1;
    this.sides = [new Map(), new Map()];
  }
  // Both sides of the number-th observation, best first; null where it is no book.
  book(number) {
    if (number < this.at) { this.at = -1; this.sides = [new Map(), new Map()]; }
    while (this.at < number) {
      const next = this.observations[++this.at];
      if (next.raw) continue;
      [next.bids, next.asks].forEach((rows, side) => rows.forEach(([price, size]) => size ? this.sides[side].set(price, size) : this.sides[side].delete(price)));
    }
    const shown = this.observations[number];
    return shown.raw ? [shown.bids, shown.asks] : this.sides.map((side, number) => sorted([...side], number));
  }
}

const writtenBy = version => version ? "written by update " + version : "written in the initial book";

// Why a level differs from the truth at a version; `high`: the newest version that was sent.
function explain(truth, side, price, mine, theirs, version, high) {
  const last = truth.write(side, price, version);
  if (mine === null) return last ? "set by update " + last[0] + "; the client does not have it" : "the client does not have it";
  const writers = truth.writers(side, price, mine, Math.max(version, high));
  const set = writers.length ? writtenBy(writers[writers.length - 1]) : "no update wrote this size here";
  if (last && (!writers.length || last[0] !== writers[writers.length - 1])) return set + "; update " + last[0] + (last[1] ? " changed it" : " deleted it");
  return theirs === null && !last ? set + "; the market has no such level" : set;
}

// Rows of both books side by side, the highest price first.
function compared(truth, client, version, high, notes) {
  const found = [];
  const told = new Map((notes || []).map(note => [(note[0] === "bid" ? 0 : 1) + note[1], note]));
  const right = version === null ? [[], []] : truth.book(version);
  for (const side of [1, 0]) {
    const mine = new Map(client[side]), theirs = new Map(right[side]);
    const rank = new Map([...right[side], ...client[side]].map(row => [row[0], 0]));
    let rows = sorted([...rank.keys()].map(price => [price, ""]), side).map(([price]) => {
      const own = mine.has(price) ? mine.get(price) : null, true_ = theirs.has(price) ? theirs.get(price) : null;
      const differs = version !== null && own !== true_;
      const note = told.get(side + price);
      return { side, price, mine: own, theirs: true_, differs, why: differs ? (note && note[4]) || explain(truth, side, price, own, true_, version, high) : "" };
    });
    rows.forEach((row, place) => { row.rank = place; });
    if (side === 1) rows = rows.reverse();
    found.push(...rows);
  }
  return found;
}

function ladder(core, state) {
  if (!core.symbols.length || !core.observations.length) return null;
  let symbol = 0, number = 0, against = "fit", most = 10;
  const first = core.observations.find(each => each.mark && each.mark.p === core.wrong) || core.observations.find(each => each.wrong);
  symbol = first ? first.y : 0;
  const truths = core.symbols.map(each => new Truth(each));
  const clients = core.symbols.map((each, place) => new Client(core, place));
  const table = el("tbody"), head = el("p", { class: "now", role: "status" });
  const slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "Observation" });
  const count = el("span", { class: "soft num" });
  const go = to => { const shown = clients[symbol].observations; if (shown.length) state.go(shown[clamp(to, 0, shown.length - 1)].mark.p, "ladder"); };
  const change = step => {
    const shown = clients[symbol].observations;
    for (let at = number + step; at >= 0 && at < shown.length; at += step) {
      if (!shown[at].mark.q || shown[at].wrong !== shown[at - step].wrong) return go(at);
    }
    go(step < 0 ? 0 : shown.length - 1);
  };
  const choose = el("select", { onchange: () => { symbol = +choose.value; follow(state.at); } }, core.symbols.map((each, place) => el("option", { value: place, selected: place === symbol }, each.name)));
  const compare = el("select", { onchange: () => { against = compare.value; draw(); } },
    el("option", { value: "fit" }, "the version it is, or the nearest"), el("option", { value: "newest" }, "the newest that was sent"));
  const more = el("button", { type: "button", onclick: () => { most = most === 10 ? 1000 : 10; draw(); } });
  slider.addEventListener("input", () => go(+slider.value));

  function draw() {
    const shown = clients[symbol].observations;
    slider.max = Math.max(0, shown.length - 1);
    slider.value = number;
    more.textContent = most === 10 ? "all levels" : "ten levels";
    const seen = shown[number];
    if (!seen) { head.replaceChildren("Nothing was shown of this symbol."); table.replaceChildren(); return; }
    count.textContent = number + 1 + " of " + shown.length;
    const fits = seen.equals ?? seen.nearest ?? null;
    const version = seen.high < 0 ? null : against === "newest" || fits === null ? seen.high : fits;
    const book = clients[symbol].book(number);
    const rows = seen.raw ? [] : compared(truths[symbol], book, version, seen.high, against === "fit" && version === seen.nearest ? seen.notes : null);
    const wrong = rows.filter(row => row.differs).length;
    slider.setAttribute("aria-valuetext", "position " + seen.mark.p + ", " + seen.claim + (seen.wrong ? ", wrong" : ""));
    head.replaceChildren(...verdictOf(seen, version, wrong));
    if (seen.raw) {
      const spelled = side => book[side].map(row => el("tr", {}, el("td", {}, side ? "ask" : "bid"), el("td", { class: "num mine" }, row[1]), el("td", { class: "num" }, row[0]), el("td"), el("td", { class: "why" }, "as spelled")));
      table.replaceChildren(...spelled(1), ...spelled(0));
      return;
    }
    const lines = [];
    let left = 0;
    for (const [place, row] of rows.entries()) {
      const keep = row.rank < most || row.differs;
      if (keep) {
        if (left) { lines.push(el("tr", { class: "skip-row" }, el("td", { colspan: 5 }, plural(left, "equal level")))); left = 0; }
        lines.push(el("tr", { class: row.differs ? "differs" : null },
          el("td", { class: row.side ? "side-ask" : "side-bid" }, row.side ? "ask" : "bid"),
          el("td", { class: "num mine" }, row.differs ? "≠ " : "", row.mine === null ? "–" : row.mine),
          el("td", { class: "num" }, row.price),
          el("td", { class: "num theirs" }, row.theirs === null ? "–" : row.theirs),
          el("td", { class: "why" }, row.why)));
      } else left += 1;
      const next = rows[place + 1];
      if (row.side === 1 && (!next || next.side === 0)) {
        if (left) { lines.push(el("tr", { class: "skip-row" }, el("td", { colspan: 5 }, plural(left, "equal level")))); left = 0; }
        lines.push(el("tr", { class: "spread" }, el("td", { colspan: 5 }, "asks above, bids below")));
      }
    }
    if (left) lines.push(el("tr", { class: "skip-row" }, el("td", { colspan: 5 }, plural(left, "equal level"))));
    if (!rows.length) lines.push(el("tr", {}, el("td", { colspan: 5, class: "soft" }, version === null ? "Nothing had been sent, nothing was shown." : "Both books are empty.")));
    table.replaceChildren(...lines);
  }

  function verdictOf(seen, version, wrong) {
    const behind = seen.equals === undefined ? 0 : seen.high - seen.equals;
    const said = [el("strong", {}, "Position " + seen.mark.p + " (" + seconds(seen.mark.t) + "): the client says " + seen.claim + ". ")];
    if (seen.wrong) said.push(el("strong", { class: "fail" }, "✕ This is wrong. "), seen.why || (seen.equals === undefined ? "It is no version of the market." : ""));
    else if (seen.equals !== undefined) said.push("Its book is version " + seen.equals + (behind ? ", " + plural(behind, "version") + " behind the newest sent (" + seen.high + ")." : ", the newest that was sent."));
    else if (seen.claim !== "live") said.push("So what it shows is not judged.");
    if (version !== null && wrong) said.push(" " + plural(wrong, "level") + (wrong === 1 ? " differs" : " differ") + " from version " + version + ".");
    return said;
  }

  function follow(position) {
    const shown = clients[symbol].observations;
    number = clamp(lastAtMost(shown, position, each => each.mark.p), 0, Math.max(0, shown.length - 1));
    draw();
  }
  state.listen(follow);
  const key = (name, text, how) => el("button", { type: "button", title: name, "aria-label": name, onclick: how }, text);
  return el("section", { "aria-label": "The book, truth against client" },
    el("h2", {}, "The book: client against truth"),
    el("div", { class: "bar" }, core.symbols.length > 1 && el("label", {}, "Symbol ", choose),
      key("Previous change", "◀", () => change(-1)), slider, key("Next change", "▶", () => change(1)), count,
      first && el("button", { type: "button", onclick: () => { symbol = first.y; choose.value = symbol; state.go(first.mark.p, "ladder"); } }, "first wrong book")),
    head,
    el("div", { class: "scroll" }, el("table", { class: "ladder" },
      el("caption", {}, el("label", {}, "Truth: ", compare), " ", more),
      el("thead", {}, el("tr", {}, ["side", "client", "price", "truth", "why it differs"].map((name, place) => el("th", { scope: "col", class: place > 0 && place < 4 ? "num" : null }, name)))),
      table)));
}
