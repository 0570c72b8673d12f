from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Thread

import pytest
import site_projects
from site_projects import NOW

from warehouse.project import Project
from warehouse.site.serving import SiteServer, open_server
from warehouse.site.site import Site, build_site


@dataclass(frozen=True)
class Built:
    project: Project
    site: Site

    def page(self, address: str) -> str:
        return (self.site.path / address).read_text(encoding="utf-8")

    def pages(self) -> dict[str, str]:
        """Every page, report or not, by address."""
        root = self.site.path.resolve()
        return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.html")}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The site of a project whose every name is as bad as can be; nobody changes it."""
    project = site_projects.hostile_project(tmp_path_factory.mktemp("site") / "a [odd] *pro'ject* 名前")
    return Built(project, build_site(project, now=NOW))


@pytest.fixture(scope="module")
def server(hostile: Built) -> Iterator[SiteServer]:
    server = open_server(hostile.site.path, port=0)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
