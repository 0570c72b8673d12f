"""Chromium shows every page of the most hostile site without complaint, on a phone too, and its search finds things."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import browser
import pytest
import site_projects

CRAWL = """<!doctype html><meta charset="utf-8"><body><script>
const pages = %s, questions = %s, outcome = { wide: {}, titles: [], found: {}, keys: "" };
const open = (page) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.width = 360; frame.height = 700;
  frame.onload = () => done(frame);
  frame.src = page;
  document.body.append(frame);
});
const wait = (test) => new Promise((done) => { const ask = () => test() ? done() : setTimeout(ask, 5); ask(); });
(async () => {
  for (const page of pages) {
    const frame = await open(page), body = frame.contentDocument.body, width = frame.contentWindow.innerWidth;
    const wide = [...body.querySelectorAll("*")].filter((part) => part.getBoundingClientRect().right > width + 1
      && !part.closest(".panel, .skip, .hidden, pre, .brand, .freq, .pill"));
    if (wide.length || frame.contentDocument.documentElement.scrollWidth > width)
      outcome.wide[page] = wide.map((part) => part.outerHTML.slice(0, 90)).slice(0, 3);
    if (frame.contentDocument.title === "hit" || body.querySelectorAll("h1").length !== 1) outcome.titles.push(page);
    frame.remove();
  }
  const frame = await open(pages[0]), inside = frame.contentDocument, input = inside.getElementById("search");
  const press = (key) => input.dispatchEvent(new frame.contentWindow.KeyboardEvent("keydown", { key, bubbles: true }));
  inside.body.dispatchEvent(new frame.contentWindow.KeyboardEvent("keydown", { key: "/", bubbles: true }));
  input.dispatchEvent(new frame.contentWindow.Event("focus"));
  for (const question of questions) {
    input.value = question;
    input.dispatchEvent(new frame.contentWindow.Event("input"));
    await wait(() => !/Still/.test(inside.getElementById("found-count").textContent));
    outcome.found[question] = [...inside.querySelectorAll("#found a")].slice(0, 3).map((found) =>
      [found.querySelector("i").textContent, found.querySelector("b").textContent, found.getAttribute("href")]);
  }
  input.value = "orders";
  input.dispatchEvent(new frame.contentWindow.Event("input"));
  press("ArrowDown");
  outcome.keys = input.getAttribute("aria-activedescendant") + " " + input.getAttribute("aria-expanded");
  press("Escape");
  outcome.keys += " " + input.getAttribute("aria-expanded");
  const listed = await open("tables/index.html"), filter = listed.contentDocument.getElementById("filter");
  filter.value = "a_view";
  filter.dispatchEvent(new listed.contentWindow.Event("input"));
  outcome.filtered = listed.contentDocument.querySelector("[data-count]").textContent;
  document.body.dataset.outcome = JSON.stringify(outcome);
})();
</script>"""


@pytest.mark.slow
def test_a_browser_shows_every_page_without_complaint_and_finds_what_is_searched(hostile, tmp_path: Path) -> None:
    pages = sorted(page for page in hostile.pages() if not page.startswith("reports/") and page != "404.html")
    pages.insert(0, pages.pop(pages.index("index.html")))
    questions = ["orders", "ONLY descr", "prod", "script", "عربي", "nothing of this kind"]
    crawl = hostile.site.path.resolve() / "crawl.html"
    crawl.write_text(CRAWL % (json.dumps(pages), json.dumps(questions)), encoding="utf-8")
    try:
        document, console = browser.open_page(
            crawl, tmp_path / "profile", "--allow-file-access-from-files", "--virtual-time-budget=60000"
        )
    finally:
        crawl.unlink()

    assert console == []
    found = re.search(r'data-outcome="([^"]+)"', document)
    assert found is not None
    outcome = json.loads(html.unescape(found[1]))
    assert outcome["wide"] == {}
    assert outcome["titles"] == []
    assert ["table", "orders", "tables/orders.html"] in outcome["found"]["orders"]
    kind, name, target = outcome["found"]["ONLY descr"][0]
    assert (kind, name) == ("column", "gone")
    page, _, part = target.partition("#")
    assert f'<tr id="{part}"><th scope="row"><bdi class="name">gone<' in hostile.page(page)
    assert outcome["found"]["prod"][0][0] == "dataset"
    assert any(name == site_projects.TABLES[2] for _, name, _ in outcome["found"]["script"])
    assert outcome["found"]["عربي"][0][0] == "table"
    assert outcome["found"]["nothing of this kind"] == []
    assert outcome["keys"] == "found-1 true false"
    assert outcome["filtered"] == "1 of 13"
