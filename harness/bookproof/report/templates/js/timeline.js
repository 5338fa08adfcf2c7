// The case, drawn: lanes from left to right, in order of the evidence or by the clock. One cursor is shared with ladder and log.
const CLAIMS = { live: "c-live", stale: "c-stale", syncing: "c-syncing", none: "c-none" };
const LANES = [
  ["script", "the script", 20], ["truth", "the market (truth)", 22], ["fault", "faults", 22], ["sent", "exchange sends", 26],
  ["asked", "client sends", 24], ["book", "client shows", 24], ["lag", "versions behind", 40],
];

function timeline(core, state) {
  const marks = core.marks;
  if (!marks.length) return null;
  let byOrder = true, low = 0, high = 1, width = 900, drag = null, ready = false;
  const weights = [];
  let sum = 0;
  for (const mark of marks) {
    const special = mark.p === core.wrong || mark.p === core.cause;
    weights.push(sum);
    sum += mark.q && !special ? .08 : mark.l === "fault" || special ? 1.6 : 1;
  }
  const last = marks[marks.length - 1];
  const place = mark => byOrder ? weights[mark.place] : mark.t;
  const extent = () => byOrder ? Math.max(sum, 12) : Math.max(1000, last.t) * 1.01;
  const at = position => place(markAt(core, position));

  // The symbols whose books are drawn: the one with the failure first, at most three.
  const failing = core.observations.find(each => each.wrong);
  const order = core.symbols.map((_, number) => number);
  if (failing) order.sort((one, other) => (other === failing.y) - (one === failing.y));
  const books = order.slice(0, 3);
  const lanes = LANES.flatMap(([kind, name, size]) => {
    if (kind === "fault" && !marks.some(mark => mark.l === "fault")) return [];
    if ((kind === "book" || kind === "lag") && !core.observations.length) return [];
    if (kind === "book") return books.map(symbol => ({ kind, name: books.length > 1 ? "shows " + core.symbols[symbol].name : name, size, symbol }));
    if (kind === "lag") return books.slice(0, 1).map(symbol => ({ kind, name, size, symbol }));
    return [{ kind, name, size }];
  });
  const shownBy = new Map(books.map(symbol => [symbol, core.observations.filter(each => each.y === symbol && each.mark)]));
  const newest = [];
  const known = new Map();
  for (const mark of marks) {
    const real = mark.b && mark.y !== undefined && ["update", "snapshot", "rest-snapshot"].includes(mark.k);
    const lost = mark.l === "fault" && mark.b > mark.a;
    if ((real || lost) && mark.b > (known.get(mark.y) ?? -1)) { newest.push({ mark, lost, version: mark.b }); known.set(mark.y, mark.b); }
  }

  const main = svg("svg", { class: "main", "aria-hidden": "true" });
  const mini = svg("svg", { "aria-hidden": "true", height: 18 });
  const readout = el("p", { class: "now", role: "status" });
  const box = el("div", { class: "timeline", tabindex: 0, role: "slider", "aria-label": "Timeline. Left and right arrows go from record to record, plus and minus zoom, 0 shows all, f goes to the failure, Enter opens the record in the log.", "aria-valuemin": marks[0].p, "aria-valuemax": last.p }, main, mini);

  const gutter = () => width > 640 ? 124 : 0;
  const x = value => gutter() + (value - low) / (high - low) * (width - gutter() - 8) + 4;
  const inverse = pixel => low + (pixel - gutter() - 4) / (width - gutter() - 8) * (high - low);

  function show(from, to) {
    const most = extent(), span = clamp(to - from, byOrder ? 6 : 500, most);
    low = clamp(from, 0, most - span);
    high = low + span;
    draw();
  }
  const zoom = (factor, around) => { const middle = around ?? clamp(at(state.at), low, high); show(middle - (middle - low) * factor, middle + (high - middle) * factor); };
  function focus() {
    const points = core.points.filter(point => point.kind !== "recovered" && point.kind !== "lost").map(point => point.p);
    if (core.wrong) points.push(core.wrong);
    if (!points.length) return show(0, extent());
    const from = at(Math.min(...points)), to = at(Math.max(...points));
    const margin = Math.max((to - from) * .5, byOrder ? 9 : 20000);
    show(from - margin * 1.3, to + margin);
  }

  function draw() {
    const parts = [];
    const left = gutter();
    let top = 16;
    const bottoms = new Map();
    for (const lane of lanes) {
      if (!left) top += 14;
      lane.top = top;
      parts.push(svg("text", { class: "name", x: left ? 6 : 4, y: left ? top + lane.size / 2 + 4 : top - 3 }, lane.name));
      parts.push(svg("line", { class: "rule", x1: left, x2: width, y1: top + lane.size + 3, y2: top + lane.size + 3 }));
      bottoms.set(lane.kind, top + lane.size);
      top += lane.size + 6;
    }
    const end = top;
    for (const lane of lanes) parts.push(...content(lane));
    parts.push(...axis(end));
    parts.push(...pointers(end));
    main.setAttribute("height", end + 20);
    main.setAttribute("viewBox", "0 0 " + width + " " + (end + 20));
    main.replaceChildren(...parts);
    overview();
    cursor();
  }
  const inside = value => value >= low - (high - low) * .02 && value <= high + (high - low) * .02;

  function content(lane) {
    switch (lane.kind) {
      case "script": return labelled(lane, marks.filter(mark => mark.l === "script" && (mark.k === "step" || mark.k === "missed")), mark => mark.k === "missed" ? "✕ " + mark.s.replace("waited for ", "") : mark.s.replace(/^step (\d+): /, "$1 "), mark => mark.k === "missed" ? "v-fault" : "v-step");
      case "truth": return truth(lane);
      case "fault": return labelled(lane, marks.filter(mark => mark.l === "fault"), mark => mark.s, () => "v-fault", true);
      case "sent": return spread(lane, marks.filter(mark => mark.l === "exchange"), sent);
      case "asked": return spread(lane, marks.filter(mark => mark.l === "client"), asked);
      case "book": return ribbon(lane);
      case "lag": return curve(lane);
    }
    return [];
  }
  // A sign each, where there is room; signs on the same spot are drawn once, the weightier one.
  function spread(lane, items, sign) {
    const parts = [];
    let before = -9, level = 0;
    for (const mark of items) {
      const value = place(mark);
      if (!inside(value)) continue;
      const here = x(value), weight = mark.f || mark.p === core.cause ? 3 : mark.q ? 0 : mark.k === "update" ? 1 : 2;
      if (here - before < 2 && weight <= level) continue;
      parts.push(...sign(mark, here, lane.top + lane.size / 2));
      before = here;
      level = weight;
    }
    return parts;
  }
  function labelled(lane, items, text, style, triangle) {
    const parts = [];
    const seen = items.filter(mark => inside(place(mark)));
    seen.forEach((mark, number) => {
      const here = x(place(mark)), middle = lane.top + lane.size / 2;
      if (number && here - x(place(seen[number - 1])) < 1.5) return;
      parts.push(triangle ? svg("path", { class: style(mark), d: `M${here - 6} ${middle - 6}h12l-6 12z` }) : svg("rect", { class: style(mark), x: here - 1, y: lane.top, width: 2, height: lane.size }));
      const room = (number + 1 < seen.length ? x(place(seen[number + 1])) : width) - here - 14;
      const words = text(mark), most = Math.floor(room / 6.3);
      if (most > 3) parts.push(svg("text", { class: style(mark) === "v-fault" ? "t-fault" : null, x: here + (triangle ? 9 : 5), y: middle + 4 }, words.length > most ? words.slice(0, most - 1).trimEnd() + "…" : words));
    });
    return parts;
  }
  function truth(lane) {
    const parts = [], middle = lane.top + lane.size / 2;
    let before = -9, label = -99;
    for (const { mark, lost, version } of newest) {
      const value = place(mark);
      if (!inside(value)) continue;
      const here = x(value);
      if (here - before < 2 && !lost) continue;
      before = here;
      parts.push(svg("rect", { class: lost ? "v-fault" : "v-truth", x: here - 1, y: lane.top + 2, width: 2.5, height: 8 }));
      const words = "v" + version, size = words.length * 7 + 6;
      if (here - label > size || lost) { parts.push(svg("text", { class: lost ? "t-fault" : null, x: here, y: middle + 11, "text-anchor": "middle" }, words)); label = here; }
    }
    return parts;
  }
  function sent(mark, here, middle) {
    const touched = mark.f ? [svg("rect", { class: "v-struck", x: here - 6, y: middle - 11, width: 12, height: 22, rx: 2 })] : [];
    switch (mark.k) {
      case "update": return [svg("rect", { class: mark.f ? "v-fault" : "v-update", x: here - 1.5, y: middle - 7, width: 3, height: 14 }), ...touched];
      case "snapshot": case "rest-snapshot": return [svg("rect", { class: "v-snapshot", x: here - 5, y: middle - 7, width: 10, height: 14, rx: 1 }), ...touched];
      case "closed": return [svg("path", { class: "v-ended", d: `M${here - 5} ${middle - 5}l10 10m0 -10l-10 10` })];
      default: return [svg("rect", { class: mark.f ? "v-fault" : "v-minor", x: here - 1, y: middle - 3, width: 2, height: 6 }), ...touched];
    }
  }
  function asked(mark, here, middle) {
    switch (mark.k) {
      case "closed": return [svg("path", { class: "v-ended", d: `M${here - 5} ${middle - 5}l10 10m0 -10l-10 10` })];
      case "error": case "warning": case "resync": case "disconnected": case "reconnected": return [svg("path", { class: "v-tells", d: `M${here} ${middle - 7}l7 13h-14z` })];
      case "ping": case "pinged": return [svg("rect", { class: "v-minor", x: here - 1, y: middle - 3, width: 2, height: 6 })];
      default: return [svg("circle", { class: "v-asks", cx: here, cy: middle, r: 5 })];
    }
  }
  function ribbon(lane) {
    const parts = [], shown = shownBy.get(lane.symbol);
    let from = null;
    const flush = (run, to) => {
      const start = Math.max(gutter(), x(run.value)), size = Math.max(2, Math.min(width, x(to)) - start);
      if (x(to) < gutter() || start > width) return;
      parts.push(svg("rect", { class: run.wrong ? "c-wrong" : CLAIMS[run.claim] || "c-none", x: start, y: lane.top + 2, width: size, height: lane.size - 4 }));
      const words = run.wrong ? "says live, is wrong" : run.claim, told = size > words.length * 7 + 12;
      if (run.wrong) {
        let lines = "";
        for (let at = start - start % 7 + 7 + (told ? Math.ceil(words.length * 6.6 / 7) * 7 + 7 : 0); at < start + size && at < width; at += 7) lines += `M${at} ${lane.top + 3}v${lane.size - 6}`;
        parts.push(svg("path", { class: "h-wrong", d: lines }));
      }
      if (told) parts.push(svg("text", { x: start + 4, y: lane.top + lane.size / 2 + 4, class: run.claim === "none" && !run.wrong ? "" : "on" }, words));
    };
    for (const each of shown) {
      const value = place(each.mark);
      if (from && from.claim === each.claim && !!from.wrong === !!each.wrong) continue;
      if (from) flush(from, value);
      from = { claim: each.claim, wrong: each.wrong, value };
    }
    if (from) flush(from, extent());
    let before = -9;
    for (const each of shown) {
      const value = place(each.mark), here = x(value);
      if (!inside(value) || here - before < 3) continue;
      before = here;
      parts.push(svg("rect", { class: "v-truth", x: here - .5, y: lane.top + lane.size - 5, width: 1, height: 5 }));
    }
    return parts;
  }
  function curve(lane) {
    const shown = shownBy.get(lane.symbol).filter(each => each.equals !== undefined && each.high >= 0);
    const behind = each => Math.max(0, each.high - each.equals);
    const most = Math.max(1, ...shown.map(behind)), floor = lane.top + lane.size;
    const y = each => floor - behind(each) / most * (lane.size - 6);
    const parts = [svg("text", { x: width - 6, y: lane.top + 9, "text-anchor": "end" }, "most: " + most)];
    let line = "", area = "", before = null;
    const all = shownBy.get(lane.symbol);
    for (const each of all) {
      const here = clamp(x(place(each.mark)), gutter(), width);
      if (each.equals === undefined || each.high < 0) { if (before) area += `L${here} ${floor}`; before = null; continue; }
      if (before) { line += `H${here}V${y(each)}`; area += `H${here}V${y(each)}`; }
      else { line += `M${here} ${y(each)}`; area += `M${here} ${floor}V${y(each)}`; }
      before = here;
    }
    if (before) area += `V${floor}`;
    return [svg("path", { class: "lag-area", d: area }), svg("path", { class: "lag", d: line }), ...parts];
  }
  function axis(end) {
    const parts = [];
    if (byOrder) {
      let before = -99;
      for (const mark of marks) {
        const value = weights[mark.place];
        if (!inside(value) || mark.q) continue;
        const here = x(value);
        if (here - before < 64 || here > width - 20) continue;
        before = here;
        parts.push(svg("text", { x: here, y: 11, "text-anchor": "middle" }, (parts.length ? "" : "#") + mark.p));
      }
    } else {
      const step = [1, 2, 5].flatMap(unit => [1e2, 1e3, 1e4, 1e5, 1e6, 1e7].map(scale => unit * scale)).sort((a, b) => a - b).find(size => (high - low) / size < width / 90) || 1e8;
      for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
        parts.push(svg("line", { class: "grid", x1: x(value), x2: x(value), y1: 14, y2: end }));
        parts.push(svg("text", { x: x(value), y: 11, "text-anchor": "middle" }, +(value / 1e6).toFixed(4) + " s"));
      }
    }
    return parts;
  }
  function pointers(end) {
    const parts = [];
    const line = (position, style, words, side) => {
      const value = at(position);
      if (!inside(value)) return;
      const here = x(value);
      parts.push(svg("line", { class: "l-" + style, x1: here, x2: here, y1: 14, y2: end + 2 }));
      const size = words.length * 6.6, before = side === "end" ? here - 4 - size > gutter() : here + 4 + size > width;
      parts.push(svg("text", { class: "w-" + style, x: before ? here - 4 : here + 4, y: end + 15, "text-anchor": before ? "end" : "start" }, words));
    };
    for (const point of core.points.filter(each => each.kind === "notice")) line(point.p, "notice", "an ideal client notices", "end");
    if (core.cause && !core.points.some(each => each.kind === "notice" && each.p === core.cause)) line(core.cause, "cause", "", "end");
    if (core.wrong) line(core.wrong, "wrong", "✕ first wrong", "start");
    return parts;
  }
  function overview() {
    const most = extent(), left = gutter(), scale = (width - left - 8) / most, parts = [];
    const to = value => left + 4 + value * scale;
    const shown = shownBy.get(books[0]) || [];
    let run = null;
    const flush = end => run && parts.push(svg("rect", { class: run.wrong ? "c-wrong" : CLAIMS[run.claim] || "c-none", x: to(run.value), y: 5, width: Math.max(1, to(end) - to(run.value)), height: 8 }));
    for (const each of shown) {
      if (run && run.claim === each.claim && !!run.wrong === !!each.wrong) continue;
      const value = place(each.mark);
      flush(value);
      run = { claim: each.claim, wrong: each.wrong, value };
    }
    flush(most);
    let before = -9;
    for (const mark of marks) if (mark.l === "fault" && to(place(mark)) - before > 2) { before = to(place(mark)); parts.push(svg("rect", { class: "v-fault", x: before - 1, y: 0, width: 2, height: 18 })); }
    parts.push(svg("rect", { class: "window", x: to(low), y: 1, width: Math.max(6, to(high) - to(low)), height: 16, rx: 3 }));
    if (left) parts.push(svg("text", { x: 6, y: 13 }, "the whole case"));
    mini.setAttribute("viewBox", "0 0 " + width + " 18");
    mini.replaceChildren(...parts);
  }
  function cursor() {
    main.querySelector(".l-cursor")?.remove();
    const mark = markAt(core, state.at), here = x(place(mark));
    if (inside(place(mark))) main.append(svg("line", { class: "l-cursor", x1: here, x2: here, y1: 12, y2: +main.getAttribute("height") - 18 }));
    box.setAttribute("aria-valuenow", mark.p);
    box.setAttribute("aria-valuetext", "position " + mark.p + ": " + mark.s);
    readout.replaceChildren(el("strong", {}, "Position " + mark.p + ", " + seconds(mark.t) + ": "), WHO[mark.l] + (mark.c ? " (connection " + mark.c + ")" : "") + ": " + mark.s + " ", el("button", { type: "button", class: "link", onclick: () => state.open(mark.p) }, "in the log"));
  }

  const laneOf = kind => ({ script: "script", fault: "fault", exchange: "sent", client: "asked", book: "book" })[kind];
  function nearest(event) {
    const bounds = main.getBoundingClientRect(), pixel = event.clientX - bounds.left, height = event.clientY - bounds.top;
    const lane = lanes.find(each => height >= each.top - 3 && height <= each.top + each.size + 3);
    let best = null, least = 14;
    for (const mark of marks) {
      const away = Math.abs(x(place(mark)) - pixel);
      if (away > least + .01) continue;
      const here = lane && (laneOf(mark.l) === lane.kind || (lane.kind === "lag" && mark.l === "book") || (lane.kind === "truth" && mark.b));
      if (!here && lane) continue;
      if (mark.q && away > 3) continue;
      least = away; best = mark;
    }
    if (!best && lane && (lane.kind === "book" || lane.kind === "lag")) {
      const value = inverse(pixel), shown = shownBy.get(lane.symbol);
      const found = lastAtMost(shown, value, each => place(each.mark));
      if (found >= 0) best = shown[found].mark;
    }
    return best;
  }
  function words(mark) {
    const lines = ["position " + mark.p + " · " + seconds(mark.t) + (mark.c ? " · connection " + mark.c : ""), mark.s];
    if (mark.o !== undefined) {
      const seen = core.observations[mark.o];
      if (seen.wrong) lines.push("✕ wrong: " + (seen.why || "no version of the market"));
      else if (seen.equals !== undefined) lines.push("version " + seen.equals + ", newest sent " + seen.high);
    }
    if (mark.f && mark.l === "exchange") lines.push("touched by a fault");
    return lines;
  }

  main.addEventListener("pointermove", event => {
    if (drag) {
      const bounds = main.getBoundingClientRect(), moved = (event.clientX - drag.x) / (bounds.width - gutter()) * (drag.high - drag.low);
      if (Math.abs(event.clientX - drag.x) > 4) { drag.moved = true; show(drag.low - moved, drag.high - moved); }
      return;
    }
    const mark = nearest(event);
    if (mark) showTip(event, ...words(mark)); else hideTip();
  });
  main.addEventListener("pointerleave", hideTip);
  main.addEventListener("pointerdown", event => { drag = { x: event.clientX, low, high, moved: false }; main.setPointerCapture(event.pointerId); hideTip(); });
  main.addEventListener("pointerup", event => {
    const done = drag;
    drag = null;
    if (done && done.moved) return;
    const mark = nearest(event) || marks[Math.max(0, lastAtMost(marks, inverse(event.clientX - main.getBoundingClientRect().left), place))];
    state.go(mark.p, "timeline");
    box.focus({ preventScroll: true });
  });
  main.addEventListener("pointercancel", () => { drag = null; });
  box.addEventListener("wheel", event => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    const turn = event.deltaY || event.deltaX;
    if (event.shiftKey) { const by = (high - low) * Math.sign(turn) * .15; show(low + by, high + by); }
    else zoom(turn > 0 ? 1.25 : .8, inverse(event.clientX - main.getBoundingClientRect().left));
  }, { passive: false });
  const slide = event => {
    const bounds = mini.getBoundingClientRect(), value = (event.clientX - bounds.left - gutter() - 4) / (bounds.width - gutter() - 8) * extent(), span = high - low;
    show(value - span / 2, value + span / 2);
  };
  mini.addEventListener("pointerdown", event => { mini.setPointerCapture(event.pointerId); slide(event); });
  mini.addEventListener("pointermove", event => { if (event.buttons) slide(event); });

  function step(by) {
    let to = markAt(core, state.at).place + by;
    while (to > 0 && to < marks.length - 1 && marks[to].q && marks[to].p !== core.wrong) to += by;
    const mark = marks[clamp(to, 0, marks.length - 1)];
    state.go(mark.p, "timeline");
    const value = place(mark);
    if (value < low || value > high) { const span = high - low; show(value - span / 2, value + span / 2); }
  }
  const keys = {
    ArrowRight: event => event.shiftKey ? show(low + (high - low) * .2, high + (high - low) * .2) : step(1),
    ArrowLeft: event => event.shiftKey ? show(low - (high - low) * .2, high - (high - low) * .2) : step(-1),
    "+": () => zoom(.7), "=": () => zoom(.7), "-": () => zoom(1.4), 0: () => show(0, extent()), f: focus,
    Home: () => { state.go(marks[0].p, "timeline"); show(0, high - low); },
    End: () => { state.go(last.p, "timeline"); show(extent() - (high - low), extent()); },
    Enter: () => state.open(state.at),
  };
  box.addEventListener("keydown", event => {
    const does = keys[event.key];
    if (!does || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    does(event);
  });

  const button = (text, name, how) => el("button", { type: "button", title: name, "aria-label": name, onclick: how }, text);
  const scale = el("select", { onchange: () => { byOrder = scale.value === "order"; focus(); } }, el("option", { value: "order" }, "in order"), el("option", { value: "clock" }, "by the clock"));
  state.listen((position, by) => {
    if (!ready) return;
    const value = at(position);
    if (by !== "timeline" && (value < low || value > high)) { const span = high - low; show(value - span / 2, value + span / 2); } else cursor();
  });
  new ResizeObserver(([entry]) => {
    const size = Math.round(entry.contentRect.width);
    if (!size || size === width) return;
    width = size;
    if (ready) return draw();
    ready = true;
    focus();
    const value = at(state.at), span = high - low;
    if (value < low || value > high) show(value - span / 2, value + span / 2);
  }).observe(box);
  const sign = (shape, words) => el("span", {}, svg("svg", { width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" }, shape), words);
  const swatch = style => svg("rect", { class: style, x: 1, y: 3, width: 14, height: 10 });
  return el("section", { "aria-label": "What happened, drawn" },
    el("div", { class: "bar" }, el("h2", {}, "What happened"),
      el("label", { class: "soft" }, "From left to right ", scale),
      button("−", "Zoom out", () => zoom(1.5)), button("+", "Zoom in", () => zoom(.66)), button("all", "Show the whole case", () => show(0, extent())),
      core.wrong && button("the failure", "Show the failure", () => { focus(); state.go(core.wrong, "button"); })),
    box,
    el("p", { class: "key" },
      sign(svg("rect", { class: "v-update", x: 6, y: 1, width: 3, height: 14 }), "update"), sign(svg("rect", { class: "v-snapshot", x: 3, y: 1, width: 10, height: 14 }), "snapshot"),
      sign(svg("path", { class: "v-fault", d: "M2 3h12l-6 12z" }), "fault"), sign(svg("rect", { class: "v-struck", x: 2, y: 1, width: 12, height: 14 }), "message touched by a fault"),
      sign(svg("circle", { class: "v-asks", cx: 8, cy: 8, r: 5 }), "client subscribes, connects, asks"), sign(svg("path", { class: "v-tells", d: "M8 2l7 13H1z" }), "client tells its user of trouble"),
      sign(svg("path", { class: "v-ended", d: "M3 3l10 10m0 -10l-10 10" }), "connection ends"),
      "the client's book is said to be:", sign(swatch("c-live"), "live"), sign(swatch("c-stale"), "stale"), sign(swatch("c-syncing"), "syncing"), sign(swatch("c-none"), "none"),
      sign([swatch("c-wrong"), svg("path", { class: "h-wrong", d: "M5 4v8m5 -8v8" })], "live, but wrong")),
    el("p", { class: "soft key" }, "Point at a sign to read it, click to go there. Drag to move, Ctrl and wheel to zoom; on the keyboard ← → + − 0 f Enter."),
    readout);
}
