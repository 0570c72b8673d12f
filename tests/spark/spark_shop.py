"""The tiny project with a source and types that both DuckDB and Spark build."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = """
sources:
  - name: shop
    config:
      meta:
        external_location: "read_csv('{{ env_var('WAREHOUSE_ROOT', '.') }}/data/{name}.csv', all_varchar = true)"
    tables:
      - name: orders
"""


def copy_shop(root: Path, *, exposure: str) -> None:
    """Copies the project into a folder that is not there yet, with this dataset declared."""
    shutil.copytree(ROOT / "tests/projects/tiny", root)
    shutil.copytree(ROOT / "macros", root / "macros")
    shutil.copyfile(ROOT / "profiles.yml", root / "profiles.yml")
    models = (root / "models/models.yml").read_text()
    (root / "models/models.yml").write_text(SOURCE + models[models.index("models:") :])
    (root / "models/stg_orders.sql").write_text(
        "select order_id::integer as order_id, customer, amount::integer as amount from {{ source('shop', 'orders') }}"
    )
    (root / "models/exposures.yml").write_text(exposure)
