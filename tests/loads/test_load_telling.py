from __future__ import annotations

import pytest

from warehouse.lineage.names import DatasetName
from warehouse.loads.specs import Kind
from warehouse.loads.telling import server_table


@pytest.mark.parametrize(
    ("kind", "connection", "name"),
    [
        (
            Kind.POSTGRES,
            "postgresql://u:planted@db.example.com/shop",
            ("postgres://db.example.com:5432", "public.orders"),
        ),
        (
            Kind.POSTGRES,
            "host=db port=6543 user=u password='planted host=x' dbname=shop",
            ("postgres://db:6543", "public.orders"),
        ),
        (Kind.MYSQL, "host=db user=u passwd=planted database=shop", ("mysql://db:3306", "orders")),
        (Kind.POSTGRES, "postgresql://u:pl/anted@db/shop", None),
        (Kind.POSTGRES, "postgresql://u:12/anted@db/shop", None),
        (Kind.POSTGRES, "postgresql://u:planted@db/sh op", None),
        (Kind.POSTGRES, "host=db password=planted", None),
        (Kind.POSTGRES, "password=host=planted dbname=shop", None),
        (Kind.MYSQL, "", None),
        (Kind.MYSQL, "mysql://[planted", None),
    ],
)
def test_a_table_of_a_server_is_named_without_a_secret(
    kind: Kind, connection: str, name: tuple[str, str] | None
) -> None:
    expected = DatasetName(name[0], f"shop.{name[1]}") if name else None

    assert server_table(kind, connection, "orders") == expected
