"""Loads table `shop.orders` of the project in the first argument; tests kill it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from load_servers import Table

from warehouse.loads.specs import Kind, LoadSpec, Mode
from warehouse.project import Project

SPEC = LoadSpec(
    source_name="shop",
    table_name="orders",
    declared_in="models/_sources.yml",
    mode=Mode.INCREMENTAL,
    kind=Kind.POSTGRES,
    connection="SHOP_DB",
    table="orders",
    cursor="updated_at",
    key=("id",),
)

if __name__ == "__main__":
    print("ready", flush=True)
    Table(Project.find(Path(sys.argv[1])), SPEC).load()
