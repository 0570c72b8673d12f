"""A real dlt resource: its state goes with its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from warehouse.errors import LoadError
from warehouse.loads.specs import Kind

pytest.importorskip("dlt")

MODULE = """
import dlt
from pathlib import Path

HERE = Path(__file__).parent

@dlt.resource(name="events")
def resource(at=dlt.sources.incremental("at", initial_value=0)):
    (HERE / "asked.txt").open("a").write(f"{at.last_value};")
    for number in range(int((HERE / "count.txt").read_text())):
        if number >= at.last_value:
            yield {"id": number, "at": number, "tags": ["a", {"b": number}]}

def events():
    return resource()

def broken():
    raise ValueError("the service says no; password planted-secret")

value = 3
"""


@pytest.fixture
def table(declare: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    table = declare(kind=Kind.DLT, key=("id",))
    name = f"events_{abs(hash(request.node.name))}"
    (table.project.root / f"{name}.py").write_text(MODULE)
    (table.project.root / "count.txt").write_text("5")
    return table.using(resource=f"{name}:events")


@pytest.mark.filterwarnings("ignore")
def test_a_resource_goes_on_where_its_last_batch_ended(table: Any) -> None:
    assert table.load().row_count == 5
    assert table.load().batch_count == 0
    (table.project.root / "count.txt").write_text("7")

    assert table.load().row_count == 2
    assert table.rows("id, tags")[-1] == (6, '["a",{"b":6}]')
    assert (table.project.root / "asked.txt").read_text() == "0;4;4;"
    assert table.load(full_refresh=True).row_count == 7
    assert not (table.folder.generations / ".work").exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("no_such_module:events", "resource no_such_module:events cannot be imported"),
        ("{module}:nothing", "cannot be imported"),
        ("{module}:value", "is no function"),
        ("{module}:broken", "broken failed: ValueError: the service says no"),
    ],
)
def test_what_does_not_run_is_one_error(
    table: Any, resource: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENTS_PASSWORD", "planted-secret")
    with pytest.raises(LoadError, match=message) as caught:
        table.using(resource=resource.format(module=table.spec.resource.partition(":")[0])).load()

    assert "planted" not in str(caught.value)
    assert table.landed.generation == 0
