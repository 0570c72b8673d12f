"""Results to render: an ordinary one, a hostile one, a wide one."""

from __future__ import annotations

from warehouse.checks.drift.comparison import compare
from warehouse.checks.drift.result import DriftResult
from warehouse.engine.local import LocalEngine
from warehouse.sql import Relation, identifier
from warehouse.storage import connect

HOSTILE = (
    "<script>document.title='taken'</script>",
    '"><img src=x onerror="document.title=\'taken\'">',
    "'; alert(1); //",
    "{{ 7 * 7 }}{% for x in y %}",
    "</script></style></title></svg><b>bold",
    "שלום עולם",
    "\u202etxt.exe",
    "new\nline\ttab\x07bell\x1b[31mred",
    "x" * 5000,
    "&lt;escaped&gt; &amp;",
    "🛫🛬 naïve",
    " ",
)


def compared(left: str, right: str, **options: object) -> DriftResult:
    with connect(None) as connection:
        connection.execute(f"create table l as {left}")
        connection.execute(f"create table r as {right}")
        return compare(
            LocalEngine(connection),
            Relation.table("l"),
            Relation.table("r"),
            **{"left_name": "train", "right_name": "test", **options},  # type: ignore[arg-type]
        )


def ordinary() -> DriftResult:
    columns = (
        "i as id, i % 5 = 0 as is_late, (hash(i) % 1000) / 10 {shift} as delay, i % 7 as weekday, "
        "case when i % {gap} > 0 then 'c' || (hash(i * 3) % 9) end as carrier, "
        "timestamp '2013-01-01' + to_hours(i::int) as departed_at, [i] as legs, "
        "'flight number ' || i || ' from here to there and back again' as note"
    )
    return compared(
        f"select {columns.format(shift='', gap=50)} from range(4000) as r(i)",
        f"select {columns.format(shift='+ 40', gap=4)} from range(4000, 6000) as r(i)",
        subject="late_arrivals@1.0.0",
        excluded={"id": "part of the key"},
        label="is_late",
        time="departed_at",
    )


def hostile() -> DriftResult:
    literals = ["'" + value.replace("'", "''") + "'" for value in HOSTILE]
    choice = f"([{', '.join(literals)}])[1 + i % {len(HOSTILE)}]"
    left, right = (", ".join(f"{value} as {identifier(name)}" for name in HOSTILE) for value in (choice, literals[0]))
    return compared(
        f"select {left}, {choice} as label from range(600) as r(i)",
        f"select {right}, 'other ' || {choice} as label from range(600) as r(i)",
        subject=HOSTILE[1],
        left_name=HOSTILE[0],
        right_name=HOSTILE[5],
        label="label",
        excluded={HOSTILE[4]: HOSTILE[1]},
    )


def wide(columns: int) -> DriftResult:
    kinds = [
        "hash(i + {c}) / 1e18 + {d} * {c} / 200.0",
        "'value ' || (hash(i * {c}) % 40 + {d} * ({c} % 11))",
        "timestamp '2013-01-01' + to_hours(((hash(i + {c}) % 5000) + {d} * {c}::int)::int)",
        "hash(i + {c}) % (20 + {d})",
    ]
    left, right = (
        ", ".join(f"{kinds[c % 4].format(c=c, d=d)} as a_column_with_a_usual_name_{c}" for c in range(1, columns + 1))
        for d in (0, 1)
    )
    return compared(f"select {left} from range(3000) as r(i)", f"select {right} from range(3000) as r(i)")
