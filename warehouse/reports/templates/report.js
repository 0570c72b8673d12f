"use strict";
(() => {
  const rows = [...document.querySelectorAll("tbody.list tr")];
  const cards = new Map(rows.map((row) => [row, document.getElementById(row.dataset.card)]));
  const find = new Map(rows.map((row) => [row, `${row.dataset.name} ${row.dataset.kind} ${row.querySelector(".label") ? "label" : ""}`]));
  const search = document.getElementById("search");
  const kind = document.getElementById("kind");
  const pair = document.getElementById("pair");
  const boxes = [...document.querySelectorAll("input[name=verdict]")];
  const status = document.getElementById("status");

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value[0]));
    const place = pair && pair.value;
    let shown = 0;
    for (const row of rows) {
      // One letter per pair; in any pair one of them is enough.
      const verdicts = place ? row.dataset.verdicts[place] : row.dataset.verdicts;
      const fits =
        [...verdicts].some((verdict) => wanted.has(verdict)) &&
        (!kind || !kind.value || row.dataset.kind === kind.value) &&
        words.every((word) => find.get(row).includes(word));
      row.hidden = !fits;
      cards.get(row).hidden = !fits;
      shown += fits;
    }
    status.textContent = shown === rows.length ? `${shown} columns` : `${shown} of ${rows.length} columns`;
  };
  search.addEventListener("input", filter);
  [kind, pair, ...boxes].forEach((part) => part && part.addEventListener("change", filter));

  for (const button of document.querySelectorAll("th button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const up = head.getAttribute("aria-sort") === "descending";
      for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = button.dataset.key;
      const number = button.dataset.type === "number";
      const order = (a, b) => {
        const [x, y] = [a.dataset[key], b.dataset[key]];
        return (number ? x - y : x.localeCompare(y)) * (up ? 1 : -1);
      };
      const body = document.querySelector("tbody.list");
      rows.sort(order).forEach((row) => body.append(row));
    });
  }

  // What a closed card holds must still be found. Paper shows what the screen shows.
  const open = () => {
    const card = location.hash && document.getElementById(location.hash.slice(1));
    if (card && card.tagName === "DETAILS") card.open = true;
  };
  addEventListener("hashchange", open);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#c']");
    const card = link && document.getElementById(link.hash.slice(1));
    if (card && card.tagName === "DETAILS") card.open = true;
  });
  open();
  filter();
})();
