"use strict";
(() => {
  const root = document.body.dataset.root;
  const input = document.getElementById("search"), list = document.getElementById("found"), said = document.getElementById("found-count");
  input.closest(".search").hidden = false;
  const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  let pages = null, columns = [], missing = 0, shown = [], at = -1, asked = false;

  const load = (name) => {
    const script = document.createElement("script");
    script.src = `${root}assets/${name}`;
    document.head.append(script);
  };
  globalThis.catalogFound = (pieces, found) => {
    pages = found.map(([kind, name, page, about]) => ({ kind, name, page, about, key: plain(name), more: plain(about) }));
    missing = pieces;
    for (let piece = 1; piece <= pieces; piece += 1) load(`search-${piece}.js`);
    show();
  };
  globalThis.catalogColumns = (found) => {
    missing -= 1;
    for (const [name, place, number, about = ""] of found)
      columns.push({ kind: "column", name, page: pages[place].page, part: `#c${number}`, about: about ? `${pages[place].name}: ${about}` : pages[place].name, key: plain(name), more: plain(`${pages[place].name} ${about}`) });
    show();
  };

  const score = (entry, words) => {
    let sum = entry.kind === "column" ? 0 : entry.kind === "run" || entry.kind === "report" ? 1 : 4;
    for (const word of words) {
      const place = entry.key.indexOf(word);
      if (place === 0) sum += entry.key.length === word.length ? 40 : 24;
      else if (place > 0) sum += /[a-z0-9]/.test(entry.key[place - 1]) ? 10 : 16;
      else if (entry.more.includes(word)) sum += 3;
      else return 0;
    }
    return sum - entry.key.length / 1000;
  };
  const search = (text) => {
    const words = plain(text).split(/\s+/).filter(Boolean);
    if (!words.length || !pages) return [];
    const found = [];
    for (const group of [pages, columns])
      for (const entry of group) {
        const points = score(entry, words);
        if (points > 0) found.push([points, entry]);
      }
    found.sort((a, b) => b[0] - a[0] || (a[1].key < b[1].key ? -1 : 1));
    return found.map(([, entry]) => entry);
  };
  const element = (name, text, more = {}) => {
    const made = Object.assign(document.createElement(name), more);
    if (text) made.textContent = text;
    return made;
  };
  const select = (place) => {
    at = place;
    [...list.querySelectorAll("a")].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === at));
      if (index === at) option.scrollIntoView({ block: "nearest" });
    });
    if (at >= 0) input.setAttribute("aria-activedescendant", `found-${at}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    select(-1);
  };
  const show = () => {
    const text = input.value.trim();
    if (!text) { close(); said.textContent = ""; return; }
    const found = search(text);
    shown = found.slice(0, 30);
    list.replaceChildren(...shown.map((entry, index) => {
      const option = element("a", "", { id: `found-${index}`, href: root + entry.page.split("/").map(encodeURIComponent).join("/") + (entry.part || ""), tabIndex: -1 });
      option.setAttribute("role", "option");
      const name = element("b");
      name.append(element("bdi", entry.name));
      option.append(element("i", entry.kind), name);
      if (entry.about) option.append(element("span", entry.about));
      return option;
    }));
    const words = !pages || missing > 0 ? "Still looking…" : found.length ? `${found.length} found` : "Nothing found";
    if (!found.length) list.append(element("p", words));
    else if (found.length > shown.length) list.append(element("p", `${found.length - shown.length} more; say it more exactly`, { ariaHidden: "true" }));
    said.textContent = words;
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    select(found.length ? Math.max(0, Math.min(at, shown.length - 1)) : -1);
  };
  input.addEventListener("focus", () => { if (!asked) { asked = true; load("search.js"); } if (input.value.trim()) show(); });
  input.addEventListener("input", () => { at = 0; show(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { if (list.hidden) input.value = ""; close(); return; }
    if (list.hidden || !shown.length) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); select((at + step + shown.length) % shown.length); }
    else if (event.key === "Home" && event.ctrlKey) select(0);
    else if (event.key === "Enter" && at >= 0) { event.preventDefault(); list.querySelectorAll("a")[at].click(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
    event.preventDefault();
    input.focus();
  });
  document.addEventListener("click", (event) => { if (!event.target.closest(".search")) close(); });
  input.addEventListener("blur", (event) => { if (!event.relatedTarget || !event.relatedTarget.closest("#found")) setTimeout(close, 150); });

  const filter = document.querySelector("[data-filter]");
  if (filter) {
    const rows = [...document.querySelectorAll(`#${filter.dataset.filter} tbody tr`)].map((row) => [row, plain(row.textContent)]);
    const only = document.querySelector("[data-only]"), count = document.querySelector("[data-count]");
    filter.closest(".tools").hidden = false;
    const apply = () => {
      const words = plain(filter.value).split(/\s+/).filter(Boolean);
      let left = 0;
      for (const [row, text] of rows) {
        row.hidden = !words.every((word) => text.includes(word)) || (only.checked && !/bad|warn/.test(row.dataset.s));
        left += !row.hidden;
      }
      count.textContent = `${left} of ${rows.length}`;
    };
    filter.addEventListener("input", apply);
    only.addEventListener("change", apply);
    apply();
  }

  const ages = [[86400, "day"], [3600, "hour"], [60, "minute"]];
  for (const time of document.querySelectorAll("main time, footer time")) {
    const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
    const unit = ages.find(([length]) => seconds >= length);
    if (Number.isFinite(seconds) && seconds > -60) time.title = unit ? `${Math.floor(seconds / unit[0])} ${unit[1]}${Math.floor(seconds / unit[0]) === 1 ? "" : "s"} ago` : "just now";
  }
  const opened = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", opened);
  opened();
  addEventListener("beforeprint", () => document.querySelectorAll("details.version").forEach((part) => { part.open = true; }));
})();
