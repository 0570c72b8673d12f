"""Splits that keep the keys of an earlier version, in real exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_builds import Fake

from warehouse.datasets.loading import load_dataset
from warehouse.errors import ExportError, VersionError
from warehouse.exports.outcome import Export, Outcome

SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}
HASH = {"method": "hash", "shares": SHARES, "train_dev": 0.2}
BY_BOTH = {**HASH, "method": "hash_time", "cutoffs": {"dev": "2024-01-15", "test": "2024-01-29"}}
BY_KEY = {"key": "id", "split": HASH}
ROWS = """
    select i as id, i // 4 as g, i % 3 as s, timestamp '2024-01-01' + to_hours((i * 7 % 1000)::int) as t,
        i % 7 = 0 as made_up
    from range(1000) as r(i)
"""
MORE = ROWS.replace("range(1000)", "range(1500)")

Exporter = Callable[..., Export]


def frozen(document: dict[str, Any], freeze: Any) -> dict[str, Any]:
    return {**document, "split": {**document["split"], "freeze": freeze}}


def keys(fake: Fake, reference: str, split: str) -> set[Any]:
    return set(load_dataset(reference, project=fake.project)[split].collect()["id"])


@pytest.mark.parametrize(
    "document",
    [
        BY_KEY,
        {**BY_KEY, "groups": ["g"]},
        {**BY_KEY, "groups": ["g"], "split": {**HASH, "stratify": ["s"]}, "key": "id"},
        {**BY_KEY, "split": {**HASH, "stratify": ["s"]}},
        {**BY_KEY, "time": "t", "split": {"method": "time", "shares": SHARES, "train_dev": 0.2}},
        {**BY_KEY, "groups": ["g"], "time": "t", "split": BY_BOTH},
        {**BY_KEY, "target_distribution": "s < 2", "synthetic": "made_up"},
        {**BY_KEY, "columns": {"pseudonymise": ["id"]}},
    ],
    ids=["key", "group", "strata of groups", "strata", "time", "hash and time", "target", "pseudonym"],
)
def test_a_frozen_split_keeps_its_keys_and_takes_no_others(
    fake: Fake, export: Exporter, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_PSEUDONYM_KEY", "0123456789abcdef0123456789abcdef")
    rows, more = ROWS, MORE
    if document.get("groups") and "stratify" in document["split"]:
        rows, more = (text.replace("i % 3 as s", "(i // 4) % 3 as s") for text in (ROWS, MORE))
    fake.build(frozen(document, ["test"]), rows=rows)
    first = export()
    fake.build(frozen(document, ["test"]), rows=more)
    second = export()

    assert (first.manifest.spec.freeze, second.manifest.spec.freeze) == ({"test": "newest"}, {"test": "1.0.0"})
    assert any("frozen from this version on" in finding.message for finding in first.findings)
    assert keys(fake, "late@1.0.0", "test") == keys(fake, "late@1.1.0", "test")
    assert second.manifest.version == "1.1.0"
    assert second.manifest.change is not None
    assert second.manifest.change.rows_moved == 0
    dropped = second.manifest.dropped.get("frozen", 0)
    assert second.manifest.row_count + sum(second.manifest.dropped.values()) == 1500
    assert (dropped > 0) is (document["split"]["method"] in ("time", "hash_time"))


def test_an_unchanged_build_leaves_the_version_as_it_is(fake: Fake, export: Exporter) -> None:
    fake.build(frozen(BY_KEY, ["test"]), rows=ROWS)
    export()
    assert export().outcome is Outcome.UNCHANGED

    fake.build(frozen(BY_KEY, ["test"]), rows=ROWS)

    assert export().outcome is Outcome.UNCHANGED


def test_keys_that_are_gone_are_counted_and_come_back_to_their_split(fake: Fake, export: Exporter) -> None:
    fake.build(frozen(BY_KEY, ["test"]), rows=ROWS)
    export()
    gone = min(keys(fake, "late", "test"))
    fake.build(frozen(BY_KEY, ["test"]), rows=f"{ROWS} where i <> {gone}")
    second = export()
    fake.build(frozen(BY_KEY, ["test"]), rows=ROWS)
    third = export()

    (finding,) = (finding for finding in second.findings if finding.check == "freeze")
    test = len(keys(fake, "late@1.0.0", "test"))
    assert finding.message == f"1 of {test:,} frozen keys of test in late@1.0.0 are gone, for example {gone}"
    assert third.manifest.spec.freeze == {"test": "1.0.0"}
    assert keys(fake, "late", "test") == keys(fake, "late@1.0.0", "test")


def test_frozen_keys_stay_where_another_salt_would_place_them_elsewhere(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build(frozen({**BY_KEY, "split": {**HASH, "salt": "another"}}, {"test": "1.0.0"}), rows=ROWS)

    result = export(allow_split_changes=True)

    assert result.outcome is Outcome.WRITTEN
    assert keys(fake, result.reference, "test") == keys(fake, "late@1.0.0", "test")


def test_rows_of_an_entity_that_test_keeps_never_enter_train(fake: Fake, export: Exporter) -> None:
    document = {**BY_KEY, "groups": ["g"]}
    fake.build(document, rows=f"{ROWS} where i % 4 < 2")
    export()
    other = {**document, "split": {**HASH, "salt": "another"}}
    fake.build(frozen(other, {"test": "1.0.0"}), rows=ROWS)

    result = export(allow_split_changes=True)

    groups = {key // 4 for key in keys(fake, result.reference, "test")}
    assert result.manifest.dropped == {"frozen": 2 * len(groups)}
    for split in ("train", "train_dev", "dev"):
        assert not {key // 4 for key in keys(fake, result.reference, split)} & groups


def test_with_train_frozen_new_rows_of_train_are_left_out(fake: Fake, export: Exporter) -> None:
    fake.build(frozen(BY_KEY, ["train", "train_dev"]), rows=ROWS)
    export()
    fake.build(frozen(BY_KEY, ["train", "train_dev"]), rows=MORE)

    result = export()

    for split in ("train", "train_dev"):
        assert keys(fake, "late@1.1.0", split) == keys(fake, "late@1.0.0", split)
    assert result.manifest.dropped["frozen"] > 200


def test_a_share_of_train_has_the_frozen_test_of_the_whole(fake: Fake, export: Exporter) -> None:
    fake.build(frozen(BY_KEY, ["test"]), rows=ROWS)
    export()
    fake.build(frozen(BY_KEY, ["test"]), rows=MORE)
    tenth, half = export(fraction=0.1), export(fraction=0.5)
    whole = export()

    assert (tenth.reference, half.reference, whole.reference) == ("late_10pct@1.0.0", "late_50pct@1.0.0", "late@1.1.0")
    trains = [keys(fake, name, "train") for name in ("late_10pct", "late_50pct", "late")]
    assert trains[0] < trains[1] < trains[2]
    for split in ("train_dev", "dev", "test"):
        assert keys(fake, "late_10pct", split) == keys(fake, "late_50pct", split) == keys(fake, "late", split)
    assert tenth.manifest.spec.fraction == 0.1
    assert export(fraction=0.1).outcome is Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("freeze", "error", "message"),
    [
        ({"test": "9.0.0"}, VersionError, "has no version or tag '9.0.0'"),
        ({"test": "1.0.0", "dev": "2.0.0"}, ExportError, "keys twice, in test of late@1.0.0 and dev of late@2.0.0"),
    ],
    ids=["no such version", "two splits keep one key"],
)
def test_a_freeze_that_cannot_be_is_refused(
    fake: Fake, export: Exporter, freeze: Any, error: type[Exception], message: str
) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build({**BY_KEY, "split": {**HASH, "salt": "another"}}, rows=ROWS)
    export(allow_split_changes=True)
    fake.build(frozen(BY_KEY, freeze), rows=ROWS)

    with pytest.raises(error, match=message):
        export(allow_split_changes=True)


def test_a_number_before_the_first_version_is_refused(fake: Fake, export: Exporter) -> None:
    fake.build(frozen(BY_KEY, {"test": "1.0.0"}), rows=ROWS)

    with pytest.raises(ExportError, match="the dataset has no version"):
        export()


def test_another_key_than_that_of_the_frozen_version_is_refused(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build(frozen(BY_KEY, {"test": "1.0.0"}), rows=f"select * replace (id::varchar as id) from ({ROWS})")

    with pytest.raises(ExportError, match=r"whose key \(id\) is not of the same columns and types as today's \(id\)"):
        export()


def test_a_table_without_any_frozen_key_is_refused(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build(frozen(BY_KEY, ["test"]), rows=f"select * replace (id + 5000 as id) from ({ROWS})")

    with pytest.raises(ExportError, match=r"none of the \d+ keys of test in late@1\.0\.0 is in model"):
        export()


def test_frozen_rows_that_are_off_target_now_stay_and_are_reported(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    fake.build(frozen({**BY_KEY, "target_distribution": "s = 0"}, ["test"]), rows=ROWS)

    result = export(allow_split_changes=True)

    assert keys(fake, result.reference, "test") == keys(fake, "late@1.0.0", "test")
    assert any("are off target, and stay since test is frozen" in finding.message for finding in result.findings)
