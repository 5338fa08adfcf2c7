// One case: what it says, why, and everything that it rests on.
const KIND = { fault: "Fault", notice: "Noticeable", wrong: "Wrong", recovered: "Recovered", lost: "Not recovered" };

function copyable(text) {
  const code = el("pre", { tabindex: 0 }, text);
  const button = el("button", { type: "button", onclick: async () => {
    getSelection().selectAllChildren(code);
    try { await navigator.clipboard.writeText(text); button.textContent = "copied"; } catch { button.textContent = "selected"; }
  } }, "copy");
  return el("div", {}, code, button);
}

function ruleOf(check) {
  const rule = check.rule && shared.rules[check.rule];
  if (!rule) return null;
  const source = rule.source.startsWith("https://") ? el("a", { href: rule.source, rel: "noreferrer noopener" }, rule.source) : rule.source;
  return el("blockquote", {}, el("strong", {}, rule.level), " ", rule.text, el("br"), el("span", { class: "soft" }, check.rule, " · ", source, rule.seen ? " (read " + rule.seen + ")" : ""));
}

function verdictBox(result, telling, state) {
  const suspect = result.suspects && result.suspects[0];
  const sentences = [];
  if (suspect) sentences.push(el("p", { class: "lead" }, suspect.name[0].toUpperCase() + suspect.name.slice(1) + "."));
  const main = telling && telling.message ? telling.message : result.message;
  if (main) sentences.push(el("p", { class: suspect ? null : "lead" }, main));
  if (result.message && result.message !== main && !result.message.includes(main) ) sentences.push(el("p", {}, result.message));
  else if (result.message && main && result.message !== main) sentences.push(el("p", {}, result.message.replace(main, "").trim()));
  if (suspect && suspect.reason && !(main || "").includes(suspect.reason.replace(/\.$/, ""))) sentences.push(el("p", {}, "Why this is likely: " + suspect.reason));
  if (!suspect && result.diagnosis) sentences.push(el("p", {}, result.diagnosis));
  if (result.known) sentences.push(el("p", {}, el("strong", {}, "Known failure: "), result.known));
  if (telling && telling.position) sentences.push(el("p", {}, "First seen at ", el("button", { type: "button", class: "link", onclick: () => state.go(telling.position, "text") }, "position " + telling.position), "."));
  if (!sentences.length) sentences.push(el("p", {}, result.verdict === "pass" || result.verdict === "info" ? "Nothing was wrong." : "Nothing more is known."));
  if (result.suspects && result.suspects.length > 1) {
    sentences.push(el("details", {}, el("summary", {}, "Less likely"), el("ul", {}, result.suspects.slice(1).map(each => el("li", {}, el("strong", {}, each.name), ": ", each.reason)))));
  }
  return el("div", { class: "verdict " + result.verdict }, sentences);
}

function checksOf(result, state) {
  const rows = (result.checks || []).map(check => el("tr", {},
    el("td", { class: "mono" }, check.id), el("td", { class: check.verdict }, check.verdict),
    el("td", {}, check.title, check.message ? [el("br"), el("span", { class: "soft" }, check.message)] : null,
      check.position && state ? [" ", el("button", { type: "button", class: "link", onclick: () => state.go(check.position, "text") }, "position " + check.position)] : null),
    el("td", {}, check.rule ? el("details", {}, el("summary", { class: "mono" }, check.rule.split("/").slice(1).join("/") + (shared.rules[check.rule] ? " (" + shared.rules[check.rule].level + ")" : "")), ruleOf(check)) : null),
    el("td", { class: "num" }, check.observations ?? 0)));
  const bad = (result.checks || []).filter(check => !["pass", "info"].includes(check.verdict)).length;
  return el("details", { open: bad > 0 }, el("summary", {}, el("strong", {}, plural(rows.length, "check")), ", " + (bad ? bad + " not passed" : "all passed") + ", " + plural(result.observations || 0, "observation")),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, ["check", "verdict", "what is checked", "rule", "rests on"].map(name => el("th", { scope: "col" }, name)))), el("tbody", {}, rows))));
}

function booksOf(check) {
  if (!check) return null;
  const parts = [];
  if (check.diff) {
    parts.push(el("h2", {}, "Levels that differ at the first wrong observation"), el("div", { class: "scroll" }, el("table", {},
      el("thead", {}, el("tr", {}, ["side", "price", "client", "truth", "why"].map(name => el("th", { scope: "col" }, name)))),
      el("tbody", {}, check.diff.map(row => el("tr", {}, el("td", {}, row[0]), el("td", { class: "num" }, row[1]), el("td", { class: "num fail" }, row[2] ?? "–"), el("td", { class: "num" }, row[3] ?? "–"), el("td", {}, row[4] || "")))))));
  }
  return parts;
}

function factsOf(result) {
  const facts = [["client", result.client], ["seed", result.seed], ["took", result.seconds.toFixed(2) + " s" + (result.attempts > 1 ? ", " + result.attempts + " attempts" : "")]];
  if (result.reproduced !== undefined) facts.push(["again in a fresh process", result.reproduced ? "the same" : "it did not come back"]);
  if (result.recovery !== undefined) facts.push(["recovery", result.recovery.toFixed(3) + " s from the last fault to a right, live book"]);
  if (result.lag) facts.push(["lag", `p50 ${result.lag.p50} ms, p99 ${result.lag.p99} ms, most ${result.lag.most} ms, over ${plural(result.lag.samples, "read")}`]);
  const files = [result.transcript && el("a", { href: result.transcript }, "transcript"), result.file && el("a", { href: result.file }, "scenario with this seed")].filter(Boolean);
  if (files.length) facts.push(["files", files.flatMap(file => [file, " "])]);
  return el("dl", { class: "facts" }, facts.filter(each => each[1] !== undefined).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function caseView(data, neighbours, at) {
  const result = data.result, core = data.core;
  const telling = result.telling === undefined ? null : result.checks[result.telling];
  const listeners = [];
  let log = null;
  const state = {
    at: at ?? (core ? core.wrong ?? (core.marks.length ? core.marks[core.marks.length - 1].p : 0) : 0),
    listen: how => listeners.push(how),
    go: (position, by) => {
      state.at = position;
      listeners.forEach(how => how(position, by));
      history.replaceState(null, "", "#" + result.id + "@" + position);
    },
    open: position => { state.go(position, "open"); if (log) { log.open(position); log.node.scrollIntoView({ block: "start" }); log.node.querySelector(".log").focus({ preventScroll: true }); } },
  };
  const drawn = core && !core.failed && core.marks.length;
  const link = (id, text) => id ? el("a", { href: "#" + id }, text) : el("span", { class: "soft" }, text);
  const parts = [
    el("nav", { class: "bar", "aria-label": "Cases" }, el("a", { href: "#" }, "← all cases"), link(neighbours.before, "previous"), link(neighbours.after, "next"), neighbours.bad && el("span", { class: "soft" }, neighbours.bad)),
    el("h1", { tabindex: -1 }, el("span", { class: "badge " + result.verdict }, result.sign + " " + result.verdict), " ", result.title),
    el("p", { class: "mono soft" }, result.id),
    verdictBox(result, telling, state),
  ];
  if (core && core.points.length) {
    parts.push(el("ol", { class: "points", "aria-label": "Step by step" }, core.points.map(point => el("li", { class: "is-" + point.kind },
      el("span", {}, el("b", {}, KIND[point.kind]), " ", el("button", { type: "button", class: "link", "aria-label": "position " + point.p, onclick: () => state.go(point.p, "text") }, "#" + point.p)), el("span", {}, point.s)))));
  }
  if (telling) parts.push(ruleOf(telling));
  if (core && core.failed) parts.push(el("p", { class: "fail" }, core.failed));
  if (core && core.left) parts.push(el("p", { class: "soft" }, "A long case: " + plural(core.left, "record") + " are only in the transcript."));
  if (drawn) {
    parts.push(timeline(core, state));
    const book = ladder(core, state);
    const words = el("section", { "aria-label": "The scenario" }, el("h2", {}, "The scenario, in words"), core.purpose && el("p", {}, core.purpose),
      el("ol", { class: "steps" }, core.steps.map(step => el("li", { value: step.place, class: step.kind || null }, step.s))));
    parts.push(book ? el("div", { class: "columns" }, book, words) : words);
  }
  if (!drawn || !core.observations.length) parts.push(booksOf(telling));
  if (result.story) {
    parts.push(el("h2", {}, "What happened"), el("div", { class: "scroll log" }, el("table", {}, el("thead", {}, el("tr", {}, ["position", "time", "who", "what"].map(name => el("th", { scope: "col" }, name)))),
      el("tbody", {}, result.story.map(([position, when, lane, text, count]) => el("tr", {}, el("td", { class: "num" }, position), el("td", { class: "num" }, when.toFixed(3) + " s"), el("td", { class: "who" }, WHO[lane] || lane), el("td", {}, text, count > 1 ? " × " + count : "")))))));
  }
  parts.push(el("h2", {}, "Checks"), checksOf(result, drawn ? state : null));
  if (result.reproduce) parts.push(el("h2", {}, "Run it again"), copyable(result.reproduce));
  parts.push(factsOf(result));
  if (result.stderr) parts.push(el("details", { open: !drawn }, el("summary", {}, result.truly === "harness-error" ? "Where Bookproof failed" : "The client's last words (stderr)"), el("pre", { tabindex: 0 }, result.stderr.join("\n"))));
  if (drawn) { log = wireLog(data, state); parts.push(log.node); }
  const view = el("div", {}, parts);
  if (drawn) queueMicrotask(() => listeners.forEach(how => how(state.at, "start")));
  return view;
}
