// The cases' data: packed in script elements, unpacked when a case is opened.
const shared = JSON.parse(byId("shared").textContent);
const blocks = new Map();
for (const block of document.querySelectorAll('script[type="application/x-bookproof"]')) blocks.set(block.dataset.case, block);

async function unpacked(base64) {
  if (!base64) return null;
  const bytes = Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// Everything about one case; the wire only when it is asked for.
async function load(id) {
  const [told, core, wire] = blocks.get(id).textContent.split(".");
  const data = { result: await unpacked(told), core: await unpacked(core), wire: null };
  if (data.core) prepare(data.core);
  data.openWire = async () => {
    if (data.wire === null) {
      const read = await unpacked(wire);
      data.wire = new Map((read ? read.payloads : []).map(each => [each.p, each]));
      data.wireLeft = read ? read.left || 0 : null;
    }
    return data.wire;
  };
  return data;
}

// Defaults are left out of what is packed.
function prepare(core) {
  for (const name of ["marks", "symbols", "observations", "points", "steps", "breaks"]) core[name] = core[name] || [];
  for (const symbol of core.symbols) {
    for (const name of ["bids", "asks", "changes", "published"]) symbol[name] = symbol[name] || [];
    symbol.first = symbol.first || 0;
    symbol.last = symbol.last || 0;
    let version = 0;
    symbol.versions = symbol.published.map(step => version += step);
  }
  for (const mark of core.marks) { mark.a = mark.a || 0; mark.b = mark.b || 0; }
  core.observations.forEach(each => { each.bids = each.bids || []; each.asks = each.asks || []; if (each.high === undefined) each.high = -1; });
  core.marks.forEach((mark, place) => {
    mark.place = place;
    if (mark.o !== undefined) { core.observations[mark.o].mark = mark; core.observations[mark.o].place = mark.o; }
  });
}
const markAt = (core, position) => core.marks[Math.max(0, lastAtMost(core.marks, position, mark => mark.p))];
