"""Many rules in one specification while rows arrive and go: tests of each rule by itself stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from fake_builds import Fake
from laws import Seen, check_laws, check_nothing_moved, check_rows_are_the_tables, see

from warehouse.datasets import row_bits
from warehouse.datasets.holdings import Entity
from warehouse.datasets.pseudonyms import KEY_VARIABLE
from warehouse.errors import VersionError
from warehouse.exports.forgetting import forget
from warehouse.exports.outcome import Export, Outcome
from warehouse.exports.reproduction import Sameness, reproduce

NOW = datetime(2026, 11, 24, tzinfo=UTC)
Exporter = Callable[..., Export]

SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
HASH: dict[str, Any] = {"method": "hash", "shares": SHARES, "train_dev": 0.2}
CUTOFFS = {"dev": "2024-07-01", "test": "2024-10-01"}
HASH_TIME = {"method": "hash_time", "shares": SHARES, "cutoffs": CUTOFFS, "train_dev": 0.2}
BY_TIME = {"method": "time", "cutoffs": CUTOFFS, "train_dev": 0.2}
DECLARED: dict[str, Any] = {"key": "id", "label": "y", "columns": {"exclude": ["letter", "part", "nested", "tags"]}}
FEW: dict[str, Any] = {"include": ["id", "y", "shelf"]}
TARGET = "region = 'north' or note is null"


@pytest.fixture(autouse=True)
def several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of rows in several blocks and stretches, as those of large tables are."""
    monkeypatch.setattr(row_bits, "BLOCK_ROWS", 256)
    monkeypatch.setattr(row_bits, "STRETCH_BLOCKS", 2)


WHO = "c3"
"""Linked to nobody: whoever links others keeps them together only while he is there."""
OLD_COUNT, NEW_COUNT = 1200, 1320
ROWS = """
    select
        i as id,
        ['no', 'no', 'yes'][1 + i % 3] as y,
        nullif('c' || j // 4, 'c7') as customer,
        case when i % 9 = 0 then 'd' || j // 20 end as device,
        'order ' || md5((j // 6)::varchar) || ' went to ' || md5((j // 6 + 999)::varchar) || ' as ' || i % 3 as note,
        j // 6 as letter,
        if(i < 1300, i % 420, i) as shelf,
        sqrt(i) as score,
        ['north', 'north', 'south'][1 + i % 7 % 3] as region,
        j // 20 % 6 = 0 as made_up,
        ['train', 'train', 'train', 'train_dev', 'dev', 'test'][1 + j // 20 % 6] as part,
        timestamp '2024-01-01' + to_hours((i * 37 % 8760)::int) as happened,
        happened - to_minutes((i % 50)::int) as known,
        1 / (1 + i % 4) as rate,
        {'a': i, 'b': ['x', null, i::varchar]} as nested,
        map {'k' || i % 3: i / 2} as tags,
    -- A quarter of the new rows belong to entities that are there already.
    from (select i, case when i >= 1200 and i % 4 = 0 then i - 1200 else i end as j from range(1320) as r(i))
"""
COMBINATIONS: dict[str, dict[str, Any]] = {
    "pseudonymised linked groups, folds": {
        "groups": ["customer", "device"],
        "columns": {"exclude": ["letter", "part", "nested", "tags"], "pseudonymise": ["customer", "device"]},
        "split": HASH,
        "folds": 3,
    },
    "hash and time, linked groups, embargo": {
        "groups": ["customer", "device"],
        "time": "happened",
        "split": {**HASH_TIME, "embargo": {"before": "7 days", "after": "1 day"}},
    },
    "strata, frozen test, shards": {
        "split": {**HASH, "stratify": ["y", "region"], "freeze": ["test"]},
        "shard": {"rows": 100},
    },
    "strata of groups, synthetic rows, folds, class weights": {
        "groups": {"composite": ["customer", "device"]},
        "split": {**HASH, "stratify": ["part"]},
        "synthetic": {"column": "made_up", "train_dev": True},
        "folds": 2,
        "weights": "class",
        "columns": {"exclude": ["letter", "nested", "tags"]},
    },
    "target distribution, subsets, folds": {
        "target_distribution": TARGET,
        "split": HASH,
        "subsets": [0.2, 0.5],
        "folds": 4,
    },
    "target distribution, linked groups, subsets, frozen test": {
        "target_distribution": TARGET,
        "groups": ["customer", "device"],
        "split": {**HASH, "freeze": ["test"]},
        "subsets": [0.5],
    },
    "equal rows once, shuffled csv in shards": {
        "deduplicate": {"exact": "once"},
        "columns": FEW,
        "split": HASH,
        "order": "shuffled",
        "format": "csv",
        "shard": {"rows": 50},
    },
    "equal rows together, frozen train, subsets, jsonl": {
        # A group to lie with: a new row that equals others could otherwise be the one that places them all.
        "deduplicate": {"exact": "together"},
        "groups": ["shelf"],
        "columns": FEW,
        "split": {**HASH, "freeze": ["train", "test"]},
        "subsets": [0.4],
        "format": "jsonl",
    },
    "a column's splits, synthetic rows, groups, order by time": {
        "groups": ["customer", "device"],
        "time": "happened",
        "split": {"method": "column", "column": "part"},
        "synthetic": "made_up",
        "order": "time",
        "columns": {"exclude": ["letter"]},
    },
    "near texts and groups together, folds": {
        "groups": ["customer"],
        "deduplicate": {"text": "note"},
        "split": HASH,
        "folds": 2,
    },
    "near texts, hash and time, synthetic rows, target distribution": {
        "deduplicate": {"text": "note"},
        "time": "happened",
        "synthetic": "made_up",
        "target_distribution": TARGET,
        "split": HASH_TIME,
    },
    "nested values in jsonl, subsets in shards": {
        "columns": {"exclude": ["letter", "part"]},
        "split": HASH,
        "format": "jsonl",
        "subsets": [0.1, 0.3],
        "shard": {"rows": 100},
    },
    "arrow by key, composite groups, weights by probability": {
        "groups": {"composite": ["customer", "shelf"]},
        "columns": {"exclude": ["letter", "part"]},
        "split": HASH,
        "order": "key",
        "format": "arrow",
        "weights": {"inverse_probability": "rate"},
    },
    "time, label horizon, moments of knowing, down-sampling": {
        "time": "happened",
        "known_at": ["known"],
        "label_horizon": "5 days",
        "split": BY_TIME,
        "downsample": {"label": "no", "keep": 0.5},
        "order": "time",
    },
    "time by shares, frozen test, target distribution, equal rows once": {
        "time": "happened",
        "split": {"method": "time", "shares": SHARES, "freeze": ["test"]},
        "target_distribution": TARGET,
        "synthetic": "made_up",
        "deduplicate": {"exact": "once"},
    },
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a key that nobody knows")


def exported(fake: Fake, export: Exporter, document: dict[str, Any], count: int, **options: Any) -> Seen:
    """The version that so many rows give; a second export of the same build changes nothing."""
    fake.build({**DECLARED, **document}, rows=ROWS.replace("1320", str(count)))
    result = export(**options)
    assert result.outcome is Outcome.WRITTEN, result.findings
    assert export(**options).outcome is Outcome.UNCHANGED
    return see(fake.project, result.reference)


@pytest.mark.parametrize("document", COMBINATIONS.values(), ids=COMBINATIONS)
def test_every_law_holds_when_rules_meet_and_rows_arrive(
    fake: Fake, export: Exporter, document: dict[str, Any]
) -> None:
    before = exported(fake, export, document, OLD_COUNT)
    after = exported(fake, export, document, NEW_COUNT)

    check_rows_are_the_tables(before)
    check_laws(after)
    check_nothing_moved(before, after)
    for seen in (before, after):
        assert reproduce(fake.project, seen.version.reference, now=NOW).sameness is Sameness.BYTES


FORGOTTEN = (
    "pseudonymised linked groups, folds",
    "strata, frozen test, shards",
    "target distribution, linked groups, subsets, frozen test",
    "nested values in jsonl, subsets in shards",
)


@pytest.mark.parametrize("name", FORGOTTEN)
def test_whoever_is_forgotten_stays_gone_and_nobody_else_moves(fake: Fake, export: Exporter, name: str) -> None:
    document = COMBINATIONS[name]
    exported(fake, export, document, OLD_COUNT)
    exported(fake, export, document, NEW_COUNT)

    forgetting = forget(fake.project, Entity(values={"customer": WHO}), now=NOW)

    assert forgetting.row_count > 0
    successor = see(fake.project, "late")
    gone = {key for key, row in successor.table.items() if row["customer"] == WHO}
    assert not gone & successor.places.keys()
    check_laws(successor)
    with pytest.raises(VersionError, match="cannot be made again"):
        reproduce(fake.project, successor.version.reference, now=NOW)
    assert export().outcome is Outcome.UNCHANGED
    fake.build({**DECLARED, **document}, rows=f"select * from ({ROWS}) where customer is distinct from '{WHO}'")
    assert export().outcome is Outcome.UNCHANGED
    more = ROWS.replace("1320", "1380")
    fake.build({**DECLARED, **document}, rows=f"select * from ({more}) where customer is distinct from '{WHO}'")
    after = see(fake.project, export().reference)
    assert after.version.number != successor.version.number
    check_laws(after)
    check_nothing_moved(successor, after)
    assert reproduce(fake.project, "late", now=NOW).sameness is Sameness.BYTES
