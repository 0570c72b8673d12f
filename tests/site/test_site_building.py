"""A site holds everything, is shown in one switch, and nothing that people wrote acts in it or reaches another file."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import site_projects
from fake_builds import Fake
from site_projects import NOW

from warehouse.errors import LockedError, StorageError
from warehouse.project import Project
from warehouse.records import Status, read_record
from warehouse.site import profiling, publishing
from warehouse.site.file_names import file_stem
from warehouse.site.publishing import site_lock
from warehouse.site.site import build_site
from warehouse.stages import Nightly

OURS = ("reports/",)
STRUCTURE = "html head meta title link script body header nav main footer section div p h1 h2 h3 a b i bdi span ul li"
OTHERS = "table caption thead tbody tr th td dl dt dd details summary pre code time label input figure figcaption"
ALLOWED = {*STRUCTURE.split(), *OTHERS.split(), "svg", "path", "rect", "g", "text", "circle"}


class Parts(HTMLParser):
    """Elements of a page, in order, and its ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.ids = [attributes["id"] for _, attributes in self.found if attributes.get("id")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_every_table_dataset_and_run_has_a_page(hostile) -> None:
    pages = hostile.pages()

    tables = [page for page in pages if page.startswith("tables/") and page != "tables/index.html"]
    assert len(tables) == len(site_projects.TABLES) + 2  # and a view and a source
    assert len([page for page in pages if page.startswith("datasets/")]) == 5  # and the list
    assert len([page for page in pages if page.startswith("runs/")]) == 6
    assert hostile.site.page_count == len([page for page in pages if not page.startswith(OURS)])
    assert hostile.site.report_count == len([page for page in pages if page.startswith(OURS)])


def test_all_links_lead_to_a_file_of_the_site_and_to_a_part_that_is_there(hostile) -> None:
    pages = hostile.pages()
    ids = {address: set(Parts(page).ids) for address, page in pages.items()}
    external = set()
    for address, page in pages.items():
        for tag, attributes in Parts(page).found:
            target = attributes.get("href") or attributes.get("src") or ""
            if not target or (address == "404.html" and target.startswith("/")):
                continue
            if re.match(r"[a-z]+:", target):
                external.add((tag, target))
                continue
            parts = urlsplit(target)
            path = os.path.normpath(Path(address).parent / unquote(parts.path)) if parts.path else address
            assert (hostile.site.path / path).is_file(), f"{address}: {target}"
            if parts.fragment:
                assert parts.fragment in ids[path], f"{address}: {target}"
    assert external == {("a", "https://example.com/x?a=1&b=<")}


def test_nothing_that_people_wrote_becomes_markup(hostile) -> None:
    for address, page in hostile.pages().items():
        if address.startswith(OURS):
            continue
        parts = Parts(page)
        assert {tag for tag, _ in parts.found} <= ALLOWED, address
        for tag, attributes in parts.found:
            assert not [name for name in attributes if name.startswith("on") or name == "style"], address
            assert tag != "script" or attributes["src"].endswith("assets/catalog.js")
        assert len(parts.ids) == len(set(parts.ids)), address
        assert not {"\x00", "\x1b", "\u202e"} & set(page), address
        assert "script-src &#39;self&#39;" in page or "script-src 'self'" in page


def test_names_of_files_are_safe_and_never_shared() -> None:
    names = [
        *site_projects.TABLES,
        site_projects.EVIL_FOLDER,
        site_projects.HOSTILE,
        "",
        ".",
        "..",
        "nul.html",
        "a/b",
        "x.",
    ]
    stems = [file_stem(name) for name in names]

    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{0,79}", stem) for stem in stems)
    assert len({stem.lower() for stem in stems}) == len(names)
    assert file_stem("fct_flights") == "fct_flights"
    assert file_stem("shop.orders") == "shop.orders"


def test_values_of_columns_that_identify_people_and_rows_that_failed_are_not_shown(hostile) -> None:
    everything = "".join(
        path.read_text(errors="replace") for path in hostile.site.path.resolve().rglob("*") if path.is_file()
    )

    assert "person1@" not in everything
    assert "secret-" not in everything
    assert "withheld: it identifies people" in hostile.page("tables/orders.html")
    profile = next((hostile.project.warehouse_path / "profiles").glob("model.fake.t0.json"))
    assert "person" not in profile.read_text()


def test_the_first_page_says_what_is_wrong_and_what_to_do(hostile) -> None:
    home = hostile.page("index.html")

    assert "The warehouse is published; 4 critical and 2 warnings to look at." in home
    assert "The newest build is not published: failed" in home
    assert "The newest nightly run did not pass: error" in home
    assert "Dataset broken has a problem" in home
    assert "Dataset late has a problem" in home
    assert hostile.site.headline in home
    assert hostile.site.attention_count == 6


def test_a_tables_page_has_its_columns_checks_history_and_lineage(hostile) -> None:
    page = hostile.page("tables/orders.html")

    assert '<td class="n">none' in page
    assert "holds" in page
    assert 'aria-label="held in 1 of 3 builds, last not in 20261125T010000Z"' in page
    assert "7 of 500 rows unexpected (1.400%)" in page
    assert "Only described." in page
    assert 'class="pill">unique</span>' in page
    assert "from 500 to 502 rows in 3 builds" in page
    assert '<a href="../datasets/late.html">' in page
    assert '<a href="../tables/shop.orders.html">' in page
    assert "javascript:" not in page


def test_a_datasets_page_tells_its_versions_splits_tags_and_what_is_not_known(hostile) -> None:
    page = hostile.page(f"datasets/{file_stem(site_projects.DATASET)}.html")

    assert page.count('class="card version"') == 3
    assert page.index('id="v2.0.0"') < page.index('id="v1.1.0"')
    assert "Version 1.1.0 is tagged prod." in page
    assert "Who loads the files of a version is not recorded" in page
    assert "225,968" in page
    assert page.count(">drift</bdi>") == 3
    assert "3 of 5 drifted." in page
    assert "drift of old_customers@1.1.0 and today&#39;s table" in page
    assert f"Nightly run {site_projects.NIGHT} left it at version 2.0.0 (written)." in page
    assert "no longer in use" not in hostile.page("datasets/late.html")


def test_the_search_index_has_every_table_and_column(hostile) -> None:
    pages = hostile.page("assets/search.js")
    columns = hostile.page("assets/search-1.js")

    count, entries = json.loads(f"[{pages.removeprefix('catalogFound(').removesuffix(');' + chr(10))}]")
    listed = json.loads(columns.removeprefix("catalogColumns(").removesuffix(");\n"))
    assert count == 1
    assert ["table", "orders", "tables/orders.html", "One row per order."] in entries
    assert {entries[place][2] for name, place, *_ in listed if name == "email"} >= {"tables/orders.html"}
    assert "<" not in pages + columns


def test_a_second_build_replaces_the_first_in_one_switch_and_profiles_nothing_again(
    hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("profiled again")

    monkeypatch.setattr("warehouse.site.profiling.profile_of", refuse)
    before = hostile.site.path.readlink()
    home = hostile.page("index.html")
    again = build_site(hostile.project, now=NOW)

    assert again.path.readlink() != before
    assert hostile.page("index.html") == home
    assert [path.name for path in again.path.parent.glob(".site-*")] == [again.path.readlink().name]


def test_profiles_are_kept_while_the_rows_stay_the_same(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    profiled = []
    profile_of = profiling.profile_of
    monkeypatch.setattr(
        profiling, "profile_of", lambda *words, **more: profiled.append(1) or profile_of(*words, **more)
    )
    outcomes = []
    for rows in ("range(3)", "range(3)", "(select 2 - i as i from range(3) as r(i))", "range(4)"):
        fake.build(rows=f"select i as id from {rows} as r(i)")
        page = build_site(fake.project, now=NOW, output=None).path / "tables" / "examples.html"
        outcomes.append((len(profiled), f"<dt>Rows<dd>{rows[6:7] if rows[0] == 'r' else 3}<" in page.read_text()))

    assert outcomes == [(1, True), (1, True), (1, True), (2, True)]


def test_a_night_that_is_about_to_end_is_told_of_as_ended(fake: Fake) -> None:
    fake.build(rows="select 1 as id")
    site_projects.write_record(fake.project, site_projects.NIGHT, command="nightly", status="running", stages=[])
    record = read_record(fake.project, site_projects.NIGHT)
    assert record is not None
    nightly = Nightly.from_record(replace(record, status=Status.FAILED))

    site = build_site(fake.project, now=NOW, night=nightly)

    assert "The newest nightly run did not pass: failed" in (site.path / "index.html").read_text()
    site = build_site(fake.project, now=NOW)
    assert "nightly run did not pass" not in (site.path / "index.html").read_text()


def test_what_fails_half_way_leaves_the_site_that_was_there(hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    before = hostile.site.path.readlink()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing.os, "sync", fail)
    with pytest.raises(StorageError, match="No space left on device"):
        build_site(hostile.project, now=NOW)

    assert hostile.site.path.readlink() == before
    assert [path.name for path in before.parent.glob(".site-*")] in ([], [before.name])


def test_a_project_without_anything_has_a_site_that_says_so(fake: Fake) -> None:
    site = build_site(fake.project, now=NOW)

    home = (site.path / "index.html").read_text()
    assert site.headline == "Nothing is published yet."
    assert "make the first build: warehouse build" in home
    assert (site.path / "tables" / "index.html").is_file()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_nothing_else_is_replaced(fake: Fake, tmp_path: Path, kind: str) -> None:
    output = tmp_path / "public"
    if kind == "file":
        output.write_text("mine")
    elif kind == "folder":
        output.mkdir()
        (output / "mine.txt").write_text("mine")
    else:
        output.symlink_to(fake.project.root)

    with pytest.raises(StorageError, match=r"docs build --output FOLDER"):
        build_site(fake.project, now=NOW, output=output)

    assert kind != "folder" or (output / "mine.txt").read_text() == "mine"


def test_an_empty_folder_may_become_the_site(fake: Fake, tmp_path: Path) -> None:
    output = tmp_path / "public"
    output.mkdir()

    build_site(fake.project, now=NOW, output=output)

    assert (output / "index.html").is_file()


def test_two_builds_of_one_site_do_not_run_at_once(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "LOCK_SECONDS", 0.0)
    output = fake.project.state_path / "site"
    with site_lock(output), pytest.raises(LockedError, match="a build of the site"):
        build_site(fake.project, now=NOW)


def test_a_published_build_that_cannot_be_read_is_told_of(fake: Fake) -> None:
    build_id = fake.build(rows="select 1 as id")
    path: Project = fake.project
    (path.builds_path / build_id / "warehouse.duckdb").write_bytes(b"no database")

    site = build_site(path, now=NOW)

    assert "The published build cannot be read" in (site.path / "index.html").read_text()
    assert (site.path / "tables" / "examples.html").is_file()
