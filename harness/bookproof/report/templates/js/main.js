// Which case is shown is what stands after the # of the address: its id, and after an @ the position in it.
const view = byId("case"), list = byId("overview"), title = document.title;
const GOOD = ["pass", "info", "unsupported", "known"];
const ids = [...document.querySelectorAll("#matrix td a")].map(link => link.id).filter(id => blocks.has(id));
const verdicts = new Map([...document.querySelectorAll("#matrix td a")].map(link => [link.id, link.dataset.verdict]));
let asked = 0, back = 0;

function neighboursOf(id) {
  const bad = ids.filter(each => !GOOD.includes(verdicts.get(each)));
  const among = bad.includes(id) ? bad : ids, place = among.indexOf(id);
  return { before: among[place - 1], after: among[place + 1], bad: bad.includes(id) ? `${place + 1} of ${bad.length} that did not pass` : `${place + 1} of ${among.length}` };
}

async function route() {
  let id = location.hash.slice(1);
  try { id = decodeURIComponent(id); } catch { /* as it is */ }
  let at = null;
  const mark = id.match(/^(.*)@(\d+)$/);
  if (!blocks.has(id) && mark) { id = mark[1]; at = +mark[2]; }
  hideTip();
  const turn = ++asked;
  if (!blocks.has(id)) {
    const inPage = id && byId(id);
    if (!inPage || !list.hidden) { view.hidden = true; view.replaceChildren(); }
    const hidden = list.hidden;
    view.hidden = true;
    list.hidden = false;
    document.title = title;
    if (hidden) scrollTo(0, back);
    return;
  }
  if (typeof DecompressionStream === "undefined") {
    view.replaceChildren(el("p", { class: "fail" }, "This browser cannot unpack the cases (DecompressionStream is missing): use one of 2023 or later, or read report.json."));
  } else {
    let data;
    try { data = await load(id); } catch (error) { data = null; view.replaceChildren(el("p", { class: "fail" }, "The data of this case cannot be read: " + error)); }
    if (turn !== asked) return;
    if (data) { view.replaceChildren(caseView(data, neighboursOf(id), at)); document.title = id + " – Bookproof"; }
  }
  if (!list.hidden) back = scrollY;
  list.hidden = true;
  view.hidden = false;
  scrollTo(0, 0);
  view.querySelector("h1")?.focus({ preventScroll: true });
}

addEventListener("hashchange", route);
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "/" && !list.hidden && byId("filter")) { event.preventDefault(); byId("filter").focus(); }
  if (!view.hidden && (event.key === "j" || event.key === "k")) {
    const near = neighboursOf(decodeURIComponent(location.hash.slice(1)).replace(/@\d+$/, ""));
    const to = event.key === "j" ? near.after : near.before;
    if (to) location.hash = to;
  }
  if (!view.hidden && event.key === "Escape") location.hash = "";
});
const theme = byId("theme");
theme.addEventListener("change", () => { if (theme.value) document.documentElement.dataset.theme = theme.value; else delete document.documentElement.dataset.theme; });
overview();
route();
