// The wire log: every record, in order; payloads are unpacked when one is looked at.
const WHO = { script: "script", fault: "fault", exchange: "exchange →", client: "client →", book: "client shows" };
const PAGE = 150;

// JSON with line breaks, character by character: numbers stay as they are spelled.
function pretty(text) {
  const first = text.trimStart()[0];
  if (first !== "{" && first !== "[") return text;
  let out = "", depth = 0, quoted = false;
  const line = () => "\n" + "  ".repeat(depth);
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      out += letter;
      if (letter === "\\") out += text[++at] ?? "";
      else if (letter === '"') quoted = false;
    } else if (letter === '"') { quoted = true; out += letter; }
    else if (letter === "{" || letter === "[") {
      const end = flat(text, at);
      if (end) { out += text.slice(at, end); at = end - 1; continue; }
      depth += 1;
      out += letter + line();
    } else if (letter === "}" || letter === "]") { depth = Math.max(0, depth - 1); out += line() + letter; }
    else if (letter === ",") out += letter + line();
    else out += letter === ":" ? ": " : /\s/.test(letter) ? "" : letter;
  }
  return out;
}
// The end of an array or object that holds no other and fits on a line.
function flat(text, start) {
  let quoted = false;
  for (let at = start + 1; at < Math.min(text.length, start + 100); at += 1) {
    const letter = text[at];
    if (quoted) { if (letter === "\\") at += 1; else if (letter === '"') quoted = false; }
    else if (letter === '"') quoted = true;
    else if (letter === "{" || letter === "[") return 0;
    else if (letter === "}" || letter === "]") return at + 1;
  }
  return 0;
}
function hex(base64) {
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, 1024); at += 16) {
    const part = [...bytes.slice(at, at + 16)];
    lines.push(at.toString(16).padStart(4, "0") + "  " + part.map(byte => byte.toString(16).padStart(2, "0")).join(" ").padEnd(48) + " " + part.map(byte => byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·").join(""));
  }
  if (bytes.length > 1024) lines.push("… " + (bytes.length - 1024) + " bytes more");
  return lines.join("\n");
}

function payloadOf(data, mark) {
  const place = el("div", {}, el("span", { class: "soft" }, "…"));
  data.openWire().then(wire => {
    const found = wire.get(mark.p);
    if (!found) {
      const link = data.result.transcript && el("a", { href: data.result.transcript }, "transcript");
      place.replaceChildren(el("p", { class: "soft" }, plural(mark.n, "byte") + ": not in this page", link ? [", see the ", link] : "", "."));
      return;
    }
    const parts = [];
    if (found.head) parts.push(el("pre", {}, found.head));
    if (found.text) parts.push(el("pre", { tabindex: 0 }, pretty(found.text)));
    if (found.decoded) parts.push(el("p", { class: "soft" }, "as the ideal client reads it"), el("pre", { tabindex: 0 }, found.decoded.split("\n").map(pretty).join("\n")));
    if (found.data) parts.push(el("details", { open: !found.decoded }, el("summary", {}, "bytes"), el("pre", { tabindex: 0 }, hex(found.data))));
    if (found.more) parts.push(el("p", { class: "soft" }, plural(found.more, "byte") + " more in the transcript."));
    place.replaceChildren(...parts);
  });
  return place;
}

function wireLog(data, state) {
  const core = data.core;
  const body = el("tbody"), box = el("div", { class: "log", tabindex: 0, role: "region", "aria-label": "Wire log" });
  const rows = new Map();
  const opened = new Set();
  let start = 0, listed = core.marks, found = "";
  const lanes = new Set(["script", "fault", "exchange", "client", "book"]);
  let quiet = false;
  const search = el("input", { type: "search", placeholder: "subscribe, snapshot, 97 …", oninput: () => { found = search.value.toLowerCase(); filter(); } });
  const chips = Object.keys(WHO).map(lane => el("button", { type: "button", class: "chip", "aria-pressed": "true", onclick: event => {
    if (!lanes.delete(lane)) lanes.add(lane);
    event.currentTarget.setAttribute("aria-pressed", lanes.has(lane));
    filter();
  } }, WHO[lane]));
  const repeats = el("label", {}, el("input", { type: "checkbox", onchange: event => { quiet = event.target.checked; filter(); } }), " heartbeats, reads, repetitions");
  const before = el("button", { type: "button", onclick: () => { start = Math.max(0, start - PAGE); draw(); } }, "earlier");
  const after = el("button", { type: "button", onclick: () => { start = Math.min(Math.max(0, listed.length - 1), start + PAGE); draw(); box.scrollTop = 0; } }, "later");
  const where = el("span", { class: "soft" });

  function filter() {
    listed = core.marks.filter(mark => lanes.has(mark.l) && (quiet || !mark.q || mark.p === core.wrong || mark.p === core.cause) && (!found || (mark.p + " " + mark.s).toLowerCase().includes(found)));
    reveal(state.at, true);
  }
  function draw() {
    rows.clear();
    const shown = listed.slice(start, start + PAGE);
    body.replaceChildren(...shown.flatMap(mark => {
      const wrong = mark.o !== undefined && core.observations[mark.o].wrong;
      const name = el("button", { type: "button", class: "link", "aria-label": "position " + mark.p, onclick: () => state.go(mark.p, "log") }, mark.p);
      const fold = mark.n ? el("button", { type: "button", class: "link", "aria-expanded": opened.has(mark.p), onclick: () => { if (!opened.delete(mark.p)) opened.add(mark.p); draw(); } }, (opened.has(mark.p) ? "▾ " : "▸ ") + plural(mark.n, "byte")) : null;
      const row = el("tr", { class: [mark.l === "fault" || (mark.f && mark.l === "exchange") ? "fault" : "", wrong ? "wrong" : ""].join(" ") },
        el("td", { class: "num" }, name), el("td", { class: "num" }, seconds(mark.t)), el("td", { class: "who" }, WHO[mark.l] + (mark.c ? " " + mark.c : "")),
        el("td", {}, wrong ? "✕ " : "", mark.s, " ", fold));
      rows.set(mark.p, row);
      return mark.n && opened.has(mark.p) ? [row, el("tr", {}, el("td", { colspan: 4 }, payloadOf(data, mark)))] : [row];
    }));
    before.disabled = start === 0;
    after.disabled = start + PAGE >= listed.length;
    where.textContent = listed.length ? (start + 1) + "–" + Math.min(start + PAGE, listed.length) + " of " + listed.length : "nothing matches";
    here();
  }
  function here() {
    for (const row of rows.values()) { row.classList.remove("here"); row.removeAttribute("aria-current"); }
    const at = lastAtMost(listed, state.at, mark => mark.p);
    const row = at >= 0 ? rows.get(listed[at].p) : null;
    if (row) { row.classList.add("here"); row.setAttribute("aria-current", "true"); }
    return row;
  }
  function reveal(position, again) {
    const at = Math.max(0, lastAtMost(listed, position, mark => mark.p));
    if (again || at < start || at >= start + PAGE) { start = Math.max(0, at - 40); draw(); }
    const row = here();
    if (row) box.scrollTop = row.offsetTop - box.clientHeight / 3;
  }
  box.append(el("table", {}, el("thead", {}, el("tr", {}, ["position", "time", "who", "what"].map(name => el("th", { scope: "col" }, name)))), body));
  state.listen((position, by) => { if (by !== "log") reveal(position, false); else here(); });
  queueMicrotask(filter);
  return {
    open: position => { opened.add(position); reveal(position, true); },
    node: el("section", { "aria-label": "Everything in order" }, el("h2", { id: "wire" }, "Everything, in order"),
      el("div", { class: "controls" }, el("div", { class: "chips" }, chips), repeats, el("label", {}, "Search ", search)),
      el("div", { class: "bar" }, before, after, where), box),
  };
}
