"""What must hold of every page of a report: it is one file that can do nothing, and nothing in it sticks out."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import browser
from page_elements import elements

STRUCTURE = "html head meta title style body header main footer section nav figure figcaption h1 h2 h3 p ul ol li div"
OTHERS = "a b br bdi span dl dt dd details summary table caption thead tbody tr th td code svg line circle path text"
ALLOWED = {*STRUCTURE.split(), *OTHERS.split()}
MEASURE = """<script>
  const wide = [...document.querySelectorAll("body *")].filter((part) =>
    part.getBoundingClientRect().right > innerWidth + 1 && !part.closest(".panel, svg, .hush, .skip"));
  const covered = [...document.querySelectorAll(".rung > div, .slices td")].filter((part) => part.checkVisibility())
    .filter((part) => [...part.parentNode.children].some((other) => {
      if (other === part || !other.checkVisibility()) return false;
      const [a, b] = [part.getBoundingClientRect(), other.getBoundingClientRect()];
      return a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    }));
  const told = [...wide, ...covered].map((part) => part.outerHTML.slice(0, 80));
  document.body.dataset.outcome = JSON.stringify([innerWidth, document.documentElement.scrollWidth, told]);
</script></body>"""


def assert_harmless(page: str) -> None:
    """Nothing is loaded, no script may run, and every link leads somewhere."""
    found = elements(page)
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in found:
        assert tag in ALLOWED, tag
        assert not {"src", "style", "onload", "onerror", "onclick"} & set(attributes)
        assert (attributes.get("href") or f"#{ids[0]}")[1:] in ids
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or attributes.get("aria-label")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert html.unescape(policy[1]).startswith("default-src 'none'; script-src 'none'; style-src 'sha256-")
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S).lower().split()
    assert len(page.encode()) < 200_000


def assert_texts_are_texts(page: str) -> None:
    """Of a page with the hostile texts of `drift_results`: none became anything else."""
    assert "<script" not in page
    assert "{{ 7 * 7 }}" in page
    assert not {"\x07", "\x1b", "\u202e"} & set(page)
    assert max(len(line) for line in re.findall(r"<bdi>(.*?)</bdi>", page)) < 1000


def laid_out(page: str, width: int, folder: Path) -> list[Any]:
    """How wide a window was, how wide the page is in it, and what sticks out or lies over something else."""
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    (folder / "page.html").write_text(page.replace("</body>", MEASURE), encoding="utf-8")
    # A window has a least width of 500; a frame has not.
    frame = folder / "frame.html"
    frame.write_text(
        f'<body><iframe src="page.html" width="{width}" height="800" onload="document.body.dataset.found ='
        ' this.contentDocument.body.dataset.outcome"></iframe></body>'
    )
    document, console = browser.open_page(frame, folder / "profile", "--allow-file-access-from-files")
    assert console == []
    outcome = re.search(r'data-found="([^"]+)"', document)
    assert outcome is not None
    found: list[Any] = json.loads(html.unescape(outcome[1]))
    return found
