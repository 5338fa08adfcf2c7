const filter = document.getElementById("filter"), only = document.getElementById("only");
function apply() {
  const words = filter.value.toLowerCase().split(/\s+/);
  for (const row of document.querySelectorAll("[data-row]")) {
    const text = row.textContent.toLowerCase();
    row.hidden = (only.checked && "clean" in row.dataset) || !words.every(word => text.includes(word));
  }
}
if (filter) { filter.addEventListener("input", apply); only.addEventListener("change", apply); }
function show() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) { target.open = true; target.scrollIntoView(); }
}
addEventListener("hashchange", show);
show();
