"""Columns that an export adds, files of nested shares, and train thinned: in real exports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars
import pytest
from fake_builds import Fake, column_doc

from warehouse.datasets.loading import load_dataset
from warehouse.datasets.splits import fold_of, hash_text
from warehouse.errors import ExportError, SpecError
from warehouse.exports.outcome import Export, Outcome

HASH = {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}, "train_dev": 0.05}
BY_KEY = {"key": "id", "label": "y", "split": HASH}
ROWS = """
    select i as id, 'g' || (i % 300) as g, ['no', 'no', 'no', 'it''s', null][1 + i % 5] as y,
        (1 + i % 4) / 4 as p, i * 1.5 as x
    from range(3000) as r(i)
"""

Exporter = Callable[..., Export]


def frames(fake: Fake, reference: str = "late") -> dict[str, polars.DataFrame]:
    dataset = load_dataset(reference, project=fake.project)
    return {split: dataset[split].collect() for split in dataset}


def test_folds_keep_groups_whole_and_are_where_plain_python_says(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "groups": ["g"], "folds": 5}, rows=ROWS)

    result = export()

    found = frames(fake)
    for group, fold in found["train"].select("g", "fold").iter_rows():
        assert fold == fold_of(hash_text((group,), salt="company"), 5)
    assert set(found["train"]["fold"]) == {0, 1, 2, 3, 4}
    assert all(found[split]["fold"].null_count() == found[split].height for split in ("train_dev", "dev", "test"))
    column = result.manifest.columns[-1]
    assert (column.name, column.type) == ("fold", "INTEGER")
    assert column.description.startswith(
        "Number of the row's fold for cross-validation, 0 to 4, by a hash of its group"
    )
    assert export().outcome is Outcome.UNCHANGED


def test_every_class_weighs_the_same_in_all(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "weights": "class"}, rows=ROWS)

    result = export()

    found = frames(fake)
    train = found["train"]
    sums = dict(train.drop_nulls("y").group_by("y").agg(polars.col("sample_weight").sum()).iter_rows())
    labelled = train["y"].count()
    assert sums == {label: pytest.approx(labelled / 2) for label in ("no", "it's")}
    assert train.filter(polars.col("y").is_null())["sample_weight"].null_count() == train["y"].null_count()
    assert found["test"]["sample_weight"].null_count() == found["test"].height
    assert (result.manifest.columns[-1].name, result.manifest.columns[-1].unit) == ("sample_weight", "1")


def test_new_rows_change_class_weights_and_no_old_row(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "weights": "class"}, rows=ROWS)
    export()
    fake.build(
        {**BY_KEY, "weights": "class"}, rows=f"{ROWS} union all select 9000 + i, 'g', 'no', 1, 0 from range(99) s(i)"
    )

    result = export()

    assert result.manifest.change is not None
    assert (result.manifest.change.rows_changed, result.manifest.change.rows_added) == (0, 99)


def test_a_rare_row_weighs_one_over_its_probability(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "weights": {"inverse_probability": "p"}}, rows=ROWS)

    export()

    train = frames(fake)["train"]
    assert train["sample_weight"].to_list() == [1 / p for p in train["p"]]


@pytest.mark.parametrize("value", ["0", "-0.5", "1.5", "null", "'nan'::double"])
def test_what_is_no_probability_is_named(fake: Fake, export: Exporter, value: str) -> None:
    document = {**BY_KEY, "weights": {"inverse_probability": "p"}}
    fake.build(document, rows=f"select * replace (case when id = 7 then {value} else p end as p) from ({ROWS})")

    with pytest.raises(ExportError, match=r"'p' is NULL, not above 0, or above 1 in 1 rows of train, .* with key 7"):
        export()


def test_probabilities_must_be_numbers(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "weights": {"inverse_probability": "g"}}, rows=ROWS)

    with pytest.raises(ExportError, match="'g' is of type VARCHAR; it must be a number"):
        export()


def test_too_many_classes_are_refused(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "label": "x", "weights": "class"}, rows=ROWS)

    with pytest.raises(ExportError, match="at most 1,000 classes"):
        export()


def test_one_label_of_train_is_thinned_before_classes_are_weighed(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)
    export()
    whole = frames(fake)
    document = {**BY_KEY, "downsample": {"label": "no", "keep": 0.5}, "weights": "class"}
    fake.build(document, rows=ROWS)

    result = export()

    found = frames(fake)
    labels = dict(found["train"].group_by("y").len().iter_rows())
    before = dict(whole["train"].group_by("y").len().iter_rows())
    assert result.manifest.dropped == {"downsampled": before["no"] - labels["no"]}
    assert 0.4 < labels["no"] / before["no"] < 0.6
    assert (labels["it's"], labels[None]) == (before["it's"], before[None])
    for split in ("train_dev", "dev", "test"):
        assert found[split]["id"].to_list() == whole[split]["id"].to_list()
    weights = dict(found["train"].select("y", "sample_weight").unique().iter_rows())
    assert weights["no"] == pytest.approx((labels["no"] + labels["it's"]) / (2 * labels["no"]))
    assert result.manifest.spec.downsample is not None
    assert result.manifest.spec.downsample.keep == 0.5


def test_a_label_that_no_row_has_cannot_be_thinned(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "downsample": {"label": "nope", "keep": 0.5}}, rows=ROWS)

    with pytest.raises(ExportError, match=r"labels: 'no' \(1,800 rows\), \"it's\" \(600 rows\)"):
        export()


def test_a_column_of_the_table_with_the_name_of_an_added_one_is_refused(fake: Fake, export: Exporter) -> None:
    fake.build({**BY_KEY, "folds": 5}, rows=f"select *, 1 as Fold from ({ROWS})")

    with pytest.raises(SpecError, match="the export would add one of this name"):
        export()


def test_the_tables_own_columns_keep_their_descriptions(fake: Fake, export: Exporter) -> None:
    columns = {"x": column_doc("x", description="How far.", meta={"unit": "km"})}
    fake.build({**BY_KEY, "folds": 2}, rows=ROWS, model={"columns": columns})

    described = {column.name: (column.description, column.unit) for column in export().manifest.columns}

    assert described["x"] == ("How far.", "km")
    assert described["fold"][1] is None


@pytest.mark.parametrize("fraction", [0, 1, -1, 2.0, float("nan")])
def test_a_fraction_is_above_0_and_below_1(fake: Fake, export: Exporter, fraction: Any) -> None:
    fake.build(BY_KEY, rows=ROWS)

    with pytest.raises(ExportError, match="--fraction must be a share above 0 and below 1"):
        export(fraction=fraction)


def test_a_fraction_so_small_that_train_is_empty_is_refused(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)

    with pytest.raises(ExportError, match="the fraction 1e-06 is too small"):
        export(fraction=0.000001)


def test_a_fraction_named_like_another_dataset_is_refused(fake: Fake, export: Exporter) -> None:
    from fake_builds import exposure_node

    exposures = [exposure_node("late", BY_KEY), exposure_node("Late_2p5pct", BY_KEY)]
    fake.build(exposures=exposures, rows=ROWS)

    with pytest.raises(ExportError, match="'late_2p5pct', and another dataset has this name"):
        export(fraction=0.025)


def test_shares_of_a_column_split_are_nested_by_the_names_of_the_whole(fake: Fake, export: Exporter) -> None:
    document = {"key": "id", "split": {"method": "column", "column": "part"}, "folds": 3}
    fake.build(document, rows=f"select *, ['train', 'train', 'test'][1 + id % 3] as part from ({ROWS})")

    export(), export(fraction=0.2), export(fraction=0.5)

    shares = [frames(fake, name)["train"].select("id", "fold").rows() for name in ("late_20pct", "late_50pct", "late")]
    assert {*shares[0]} < {*shares[1]} < {*shares[2]}
    assert 0.4 < len(shares[1]) / len(shares[2]) < 0.6


@pytest.mark.parametrize("column", ["fold bits", "place", "part", "point", "base", 'a "b"', "stratum", "ruled", "É"])
def test_columns_named_like_our_own_words_are_fine_with_every_rule(fake: Fake, export: Exporter, column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'
    document = {
        **{"key": "id", "label": "y", "groups": [column], "folds": 3, "weights": "class", "subsets": [0.2]},
        **{"target_distribution": f"{quoted} <> 3", "synthetic": "made_up", "downsample": {"label": 1, "keep": 0.5}},
        "split": {**HASH, "stratify": [column], "freeze": ["test"]},
    }
    rows = f"select i as id, i % 2 as y, i % 10 = 0 as made_up, i % 400 as {quoted} from range(4000) as r(i)"
    fake.build(document, rows=rows)
    first = export()
    fake.build(document, rows=rows.replace("4000", "5000"))

    assert first.outcome is Outcome.WRITTEN
    assert export().manifest.change.rows_moved == 0  # type: ignore[union-attr]  # there was a version before


def test_a_dry_run_estimates_sizes_from_a_sample_and_from_the_version_before(fake: Fake, export: Exporter) -> None:
    fake.build(BY_KEY, rows=ROWS)

    sampled = export(dry_run=True).estimated_bytes
    written = export()
    known = export(fraction=0.5, dry_run=True)

    sizes = {split.name: sum(file.byte_count for file in split.files) for split in written.manifest.splits}
    assert sampled is not None
    assert 0.5 < sum(sampled.values()) / sum(sizes.values()) < 2
    assert known.estimated_bytes is not None
    assert known.estimated_bytes["train"] < sampled["train"]
    assert not (fake.project.datasets_path / "late_50pct" / "1.0.0").exists()
