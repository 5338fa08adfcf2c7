// The matrix: filters, search, and what its cells show.
function overview() {
  const matrix = byId("matrix");
  if (!matrix) return;
  const filter = byId("filter"), dialect = byId("dialect"), measure = byId("measure"), found = byId("found");
  const chips = [...document.querySelectorAll(".chip[data-verdict]")], wanted = new Set();
  const heads = [...matrix.tHead.rows[0].cells].slice(1);
  const topics = [...matrix.tBodies].map(body => ({ body, rows: [...body.querySelectorAll("[data-row]")].map(row => ({
    row, name: row.cells[0].textContent.toLowerCase() + " " + body.rows[0].textContent.toLowerCase(),
    cells: [...row.cells].slice(1).map(cell => ({ cell, link: cell.querySelector("a"), text: cell.textContent.toLowerCase() })),
  })) }));
  const total = blocks.size;
  function apply() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean), column = dialect && dialect.value ? dialect.selectedIndex - 1 : -1;
    let count = 0;
    heads.forEach((head, number) => { head.hidden = column >= 0 && number !== column; });
    for (const topic of topics) {
      let any = false;
      for (const { row, name, cells } of topic.rows) {
        let here = 0;
        cells.forEach(({ cell, link, text }, number) => {
          cell.hidden = column >= 0 && number !== column;
          const fits = link && !cell.hidden && (!wanted.size || wanted.has(link.dataset.verdict)) && words.every(word => name.includes(word) || text.includes(word) || link.id.includes(word));
          cell.classList.toggle("dim", !fits);
          if (fits) here += 1;
        });
        row.hidden = !here;
        count += here;
        any = any || here > 0;
      }
      topic.body.hidden = !any;
    }
    found.textContent = count === total ? plural(total, "case") : count + " of " + plural(total, "case");
  }
  for (const chip of chips) chip.addEventListener("click", () => {
    if (!wanted.delete(chip.dataset.verdict)) wanted.add(chip.dataset.verdict);
    chip.setAttribute("aria-pressed", wanted.has(chip.dataset.verdict));
    apply();
  });
  filter.addEventListener("input", apply);
  if (dialect) dialect.addEventListener("change", apply);
  measure.addEventListener("change", () => {
    for (const link of matrix.querySelectorAll("td a")) {
      const text = link.firstElementChild;
      if (text.dataset.label === undefined) text.dataset.label = text.textContent;
      text.textContent = !measure.value ? text.dataset.label : text.dataset.label[0] + " " + (link.dataset[measure.value] || "–");
    }
  });
  apply();
}
