from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from warehouse.datasets.parsing import parse_spec
from warehouse.datasets.spec import (
    ColumnSplit,
    DatasetSpec,
    Deduplicate,
    Downsample,
    DuplicateRule,
    Format,
    Grouping,
    HashSplit,
    HashTimeSplit,
    NearText,
    Order,
    Synthetic,
    TimeSplit,
    WeightKind,
    Weights,
)
from warehouse.findings import Severity
from warehouse.statistics.kinds import Kind

HASH = {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.1}}
TIME = {"method": "time", "cutoffs": {"dev": "2013-10-01", "test": "2013-11-01"}}
MINIMAL = {"key": "id", "split": HASH}


def parse(document: object, *, name: str = "late") -> tuple[DatasetSpec | None, list[str]]:
    return parse_spec(name, document, model="examples", default_salt="company")


def spec_of(document: object) -> DatasetSpec:
    spec, problems = parse(document)
    assert problems == []
    assert spec is not None
    return spec


def test_a_minimal_declaration_is_filled_with_every_default() -> None:
    spec = spec_of(MINIMAL)

    assert spec == DatasetSpec(
        name="late",
        model="examples",
        key=("id",),
        split=HashSplit(shares={"train": 0.8, "dev": 0.1, "test": 0.1}, train_dev=0.0, salt="company"),
        order=Order.TABLE,
        gates={"drift": Severity.WARNING, "leakage": Severity.WARNING, "missing_labels": Severity.WARNING},
    )
    assert spec.splits == ("train", "dev", "test")
    assert spec.hashed == ("id",)


def test_a_full_declaration_is_read() -> None:
    spec = spec_of(
        {
            "key": ["carrier", "number"],
            "label": "is_late",
            "columns": {"exclude": ["note"]},
            "groups": "plane",
            "time": "departed_at",
            "split": {**HASH, "train_dev": 0.05, "salt": "mine"},
            "order": "shuffled",
            "gates": {"drift": "critical"},
        }
    )

    assert (spec.key, spec.groups, spec.hashed) == (("carrier", "number"), ("plane",), ("plane",))
    assert spec.splits == ("train", "train_dev", "dev", "test")
    assert spec.order is Order.SHUFFLED
    assert spec.gates["drift"] is Severity.CRITICAL
    assert isinstance(spec.split, HashSplit)
    assert spec.split.salt == "mine"


def test_a_split_needs_no_dev() -> None:
    spec = spec_of({"key": "id", "split": {"method": "hash", "shares": {"train": 0.9, "test": 0.1}}})

    assert spec.splits == ("train", "test")


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2013-10-01", datetime(2013, 10, 1, tzinfo=UTC)),
        ("2013-10-01T06:30:00", datetime(2013, 10, 1, 6, 30, tzinfo=UTC)),
        ("2013-10-01T06:30:00+02:00", datetime(2013, 10, 1, 4, 30, tzinfo=UTC)),
    ],
)
def test_cutoffs_are_moments_in_utc(written: str, moment: datetime) -> None:
    spec = spec_of({"key": "id", "time": "t", "split": {"method": "time", "cutoffs": {"test": written}}})

    assert isinstance(spec.split, TimeSplit)
    assert spec.split.cutoffs == {"test": moment}
    assert spec.splits == ("train", "test")


@pytest.mark.parametrize(
    ("written", "seconds"), [("7 days", 604_800), ("1 day", 86_400), ("12 hours", 43_200), ("90minutes", 5_400)]
)
def test_an_embargo_is_a_duration(written: str, seconds: int) -> None:
    spec = spec_of({"key": "id", "time": "t", "split": {**TIME, "embargo": written}})

    assert isinstance(spec.split, TimeSplit)
    assert spec.split.embargo_seconds == seconds


def test_everything_that_can_be_declared_is_read() -> None:
    spec = spec_of(
        {
            "key": "id",
            "label": "y",
            "label_horizon": "20 days",
            "time": "t",
            "known_at": "w",
            "groups": {"composite": ["a", "b"]},
            "columns": {"grant": "mail", "pseudonymise": ["name"], "tags_denied": ["secret"]},
            "target_distribution": "origin = 'JFK'",
            "synthetic": {"column": "s", "train_dev": True},
            "split": {
                "method": "hash_time",
                "shares": HASH["shares"],
                "cutoffs": TIME["cutoffs"],
                "embargo": {"before": "7 days", "after": "1 day"},
                "freeze": {"test": "1.0.0"},
            },
            "deduplicate": {"exact": "together", "text": {"column": "note", "threshold": 0.9}},
            "downsample": {"label": False, "keep": 0.1},
            "subsets": [0.1, 0.01],
            "folds": 5,
            "weights": {"inverse_probability": "p"},
            "format": {"type": "csv", "escape_formulas": True},
            "shard": {"size": "1 GiB"},
            "gates": {"leakage": "critical"},
        }
    )

    assert isinstance(spec.split, HashTimeSplit)
    # A label that is known 20 days later reaches over the cutoff, whatever the embargo says.
    assert (spec.split.embargo_seconds, spec.split.embargo_after_seconds) == (20 * 86_400, 86_400)
    assert spec.split.cutoffs == {"dev": datetime(2013, 10, 1, tzinfo=UTC), "test": datetime(2013, 11, 1, tzinfo=UTC)}
    assert (spec.groups, spec.grouping, spec.is_linked) == (("a", "b"), Grouping.COMPOSITE, True)
    assert (spec.grant, spec.pseudonymise, spec.tags_denied) == (("mail",), ("name",), ("secret",))
    assert spec.synthetic == Synthetic(column="s", train_dev=True)
    assert spec.freeze == {"test": "1.0.0"}
    assert spec.deduplicate == Deduplicate(exact=DuplicateRule.TOGETHER, text=NearText(column="note", threshold=0.9))
    assert spec.downsample == Downsample(label="false", keep=0.1)
    assert (spec.subsets, spec.folds) == ((0.01, 0.1), 5)
    assert spec.weights == Weights(kind=WeightKind.INVERSE_PROBABILITY, column="p")
    assert (spec.format, spec.escape_formulas) == (Format.CSV, True)
    assert (spec.shard_rows, spec.shard_bytes) == (None, 2**30)
    assert spec.gates["leakage"] is Severity.CRITICAL


@pytest.mark.parametrize(
    ("groups", "linked"),
    [("a", False), (["a"], False), (["a", "b"], True), ({"linked": ["a", "b"]}, True), ({"composite": ["a"]}, False)],
    ids=["one", "a list of one", "several", "linked", "composite"],
)
def test_several_groups_are_linked_unless_they_are_composite(groups: object, linked: bool) -> None:
    assert spec_of({**MINIMAL, "groups": groups}).is_linked is linked


def test_freezing_without_a_number_means_the_newest_version() -> None:
    assert spec_of({"key": "id", "split": {**HASH, "freeze": ["test", "dev"]}}).freeze == {
        "test": "newest",
        "dev": "newest",
    }


def test_what_is_said_of_one_column_goes_before_what_is_said_of_all() -> None:
    columns = {"a": {"kind": "category", "distance": 0.3}, "b": {"new": 0.5}}
    document = {**MINIMAL, "drift": {"distance": 0.2, "auc": 0.7, "ignore": "c", "by": ["d"], "columns": columns}}

    rules = spec_of(document).drift

    assert [rules.threshold("distance", name) for name in ("a", "b", None)] == [0.3, 0.2, 0.2]
    assert [rules.threshold("new", name) for name in ("a", "b")] == [0.02, 0.5]
    assert (rules.threshold("auc"), rules.kinds, rules.ignore, rules.by) == (0.7, {"a": Kind.CATEGORY}, ("c",), ("d",))


def test_a_column_split_may_have_every_split() -> None:
    spec = spec_of({"key": "id", "split": {"method": "column", "column": "part"}})

    assert spec.split == ColumnSplit(column="part")
    assert spec.splits == ("train", "train_dev", "dev", "test")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param("id", "dataset must be a mapping of key, label", id="no mapping"),
        pytest.param({"split": HASH}, "key is missing", id="no key"),
        pytest.param({"key": "id"}, "split is missing", id="no split"),
        pytest.param({**MINIMAL, "lable": "y"}, "unknown key lable; did you mean 'label'?", id="a typing error"),
        pytest.param(
            {**MINIMAL, "key": 7}, "key must be a column's name or a list of them, not 7", id="a number as key"
        ),
        pytest.param({**MINIMAL, "key": ["a", "a"]}, "key names a twice", id="the same column twice"),
        pytest.param({**MINIMAL, "label": ["y"]}, "label must be the name of a column, not ['y']", id="two labels"),
        pytest.param({**MINIMAL, "groups": {"all": ["a"]}}, "unknown key groups.all", id="grouping"),
        pytest.param({**MINIMAL, "synthetic": {"train_dev": True}}, "synthetic.column is missing", id="synthetic"),
        pytest.param(
            {**MINIMAL, "synthetic": {"column": "s", "train_dev": "yes"}},
            "synthetic.train_dev must be true or false, not 'yes'",
            id="synthetic train_dev",
        ),
        pytest.param({**MINIMAL, "target_distribution": " "}, "target_distribution must be text", id="target"),
        pytest.param({**MINIMAL, "known_at": ["w"]}, "known_at is compared with the time of the row", id="known_at"),
        pytest.param({**MINIMAL, "label_horizon": "30 days"}, "label_horizon needs a label and a time", id="horizon"),
        pytest.param({**MINIMAL, "deduplicate": {"exact": "twice"}}, "deduplicate.exact must be one of", id="twice"),
        pytest.param(
            {**MINIMAL, "deduplicate": {"text": {"column": "t", "threshold": 0}}},
            "deduplicate.text.threshold must be a share above 0",
            id="threshold",
        ),
        pytest.param(
            {**MINIMAL, "deduplicate": {"text": {"column": "t", "threshold": 0.4}}},
            "deduplicate.text.threshold must be from 0.5 to 1, not 0.4",
            id="low threshold of texts",
        ),
        pytest.param({**MINIMAL, "downsample": {"label": "no", "keep": 0.1}}, "downsample needs a label", id="sample"),
        pytest.param(
            {**MINIMAL, "label": "y", "downsample": {"label": False, "keep": 1}},
            "downsample.keep must be a share above 0 and below 1, not 1",
            id="keep",
        ),
        pytest.param(
            {**MINIMAL, "label": "y", "downsample": {"keep": 0.1}},
            "downsample.label must be one value of the label",
            id="sampled label",
        ),
        pytest.param(
            {**MINIMAL, "subsets": [0.1, 2]}, "subsets must be a share above 0 and below 1, not 2", id="subset"
        ),
        pytest.param({**MINIMAL, "folds": 1}, "folds must be a whole number from 2 on, not 1", id="one fold"),
        pytest.param({**MINIMAL, "folds": True}, "folds must be a whole number from 2 on, not True", id="a true fold"),
        pytest.param({**MINIMAL, "folds": 1001}, "folds must be at most 1000", id="many folds"),
        pytest.param({**MINIMAL, "weights": "class"}, "weights: class needs a label", id="weights"),
        pytest.param(
            {**MINIMAL, "weights": "even"}, "weights must be class, or {inverse_probability", id="even weights"
        ),
        pytest.param({**MINIMAL, "format": "xml"}, "format must be one of parquet, csv, jsonl, arrow", id="format"),
        pytest.param(
            {**MINIMAL, "format": {"type": "jsonl", "escape_formulas": True}},
            "format.escape_formulas is for csv, not jsonl",
            id="formulas",
        ),
        pytest.param({**MINIMAL, "shard": {"rows": 0}}, "shard.rows must be a whole number from 1 on", id="no rows"),
        pytest.param({**MINIMAL, "shard": {"size": "big"}}, "shard.size must be a size such as '256 MB'", id="size"),
        pytest.param({**MINIMAL, "shard": {"rows": 9, "size": "1 MB"}}, "give rows or size, not both", id="two bounds"),
        pytest.param(
            {"key": "id", "split": {**HASH, "stratify": ["id"]}}, "split.stratify names a key column", id="stratify"
        ),
        pytest.param(
            {"key": "id", "split": {**HASH, "freeze": ["train_dev"]}},
            "split.freeze names train_dev, which is not one of the splits: train, dev, test",
            id="freeze",
        ),
        pytest.param(
            {"key": "id", "split": {**HASH, "freeze": {"test": 1.0}}},
            "split.freeze.test must be a version's number as text, '1.0.0' say, not 1.0",
            id="freeze a number",
        ),
        pytest.param(
            {**MINIMAL, "columns": {"grant": ["a"], "pseudonymise": ["a"]}}, "both granted and pseudonymised", id="pii"
        ),
        pytest.param(
            {**MINIMAL, "label": "y", "columns": {"pseudonymise": ["y"]}}, "label 'y' is pseudonymised", id="pii label"
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {**TIME, "method": "hash_time"}}, "shares is missing", id="ht"
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {**HASH, "method": "hash_time"}}, "cutoffs is missing", id="no cutoffs"
        ),
        pytest.param(
            {
                "key": "id",
                "time": "t",
                "split": {"method": "hash_time", "shares": HASH["shares"], "cutoffs": {"test": "2013-11-01"}},
            },
            "cutoffs and shares must name the same splits",
            id="no dev cutoff",
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": TIME, "deduplicate": {"exact": "together"}},
            "split.method is time, which cannot keep duplicates together",
            id="together over time",
        ),
        pytest.param(
            {**MINIMAL, "gates": {"drift": "fatal"}},
            "gates.drift must be one of critical, warning, info",
            id="severity",
        ),
        pytest.param({**MINIMAL, "order": "random"}, "order must be one of table, shuffled", id="order"),
        pytest.param({**MINIMAL, "order": "time"}, "order is time, and no time column is named", id="order by no time"),
        pytest.param({**MINIMAL, "label": "id"}, "label 'id' is among the key columns", id="label in the key"),
        pytest.param({**MINIMAL, "label": "g", "groups": ["g"]}, "label 'g' is among the groups", id="label a group"),
        pytest.param(
            {**MINIMAL, "label": "y", "columns": {"exclude": ["y"]}},
            "columns leave out 'y', which is the dataset's label",
            id="label left out",
        ),
        pytest.param(
            {**MINIMAL, "columns": {"include": ["a"]}},
            "columns leave out 'id', which is the dataset's key",
            id="no key in",
        ),
        pytest.param(
            {**MINIMAL, "columns": {"include": ["id"], "exclude": ["b"]}},
            "give include or exclude, not both",
            id="both",
        ),
        pytest.param({"key": "id", "split": {"method": "hsah"}}, "not 'hsah'; did you mean 'hash'?", id="method"),
        pytest.param(
            {"key": "id", "split": "hash"}, "split.method must be hash, time, hash_time, column, not None", id="text"
        ),
        pytest.param({"key": "id", "split": {"method": "hash"}}, "split.shares is missing", id="no shares"),
        pytest.param(
            {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "dev": 0.1, "test": 0.05}}},
            "split.shares must sum to 1, and train 0.8 + dev 0.1 + test 0.05 is 0.95",
            id="sum",
        ),
        pytest.param(
            {"key": "id", "split": {"method": "hash", "shares": {"train": 1.1, "test": -0.1}}},
            "split.shares.test must be a number above 0, not -0.1",
            id="negative",
        ),
        pytest.param(
            {"key": "id", "split": {"method": "hash", "shares": {"train": float("nan"), "test": 0.5}}},
            "split.shares.train must be a number above 0, not nan",
            id="nan",
        ),
        pytest.param(
            {"key": "id", "split": {"method": "hash", "shares": {"train": 0.9, "dev": 0.1}}},
            "split.shares.test is missing",
            id="no test",
        ),
        pytest.param(
            {"key": "id", "split": {"method": "hash", "shares": {"train": 0.8, "train_dev": 0.1, "test": 0.1}}},
            "split.shares.train_dev: it is carved from train",
            id="train_dev as a share",
        ),
        pytest.param(
            {"key": "id", "split": {**HASH, "train_dev": 1}}, "split.train_dev must be a share", id="train_dev"
        ),
        pytest.param({"key": "id", "split": {**HASH, "salt": ""}}, "split.salt must be printable text", id="salt"),
        pytest.param({"key": "id", "split": TIME}, "no time column is named", id="no time"),
        pytest.param(
            {"key": "id", "time": "t", "groups": ["g"], "split": TIME},
            "split.method is time, which cannot keep the groups (g) whole",
            id="groups over time",
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {**TIME, "cutoffs": {"dev": "2013-11-01", "test": "2013-10-01"}}},
            "dev (2013-11-01 00:00) must come before test (2013-10-01 00:00)",
            id="cutoffs the wrong way",
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {**TIME, "embargo": "31 days"}}, "as long as dev itself", id="embargo"
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {**TIME, "embargo": "soon"}},
            "'7 days' or '12 hours', not 'soon'",
            id="soon",
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {**TIME, "cutoffs": {"test": "autumn"}}},
            "split.cutoffs.test must be a date or a time, not 'autumn'",
            id="no date",
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {**TIME, "shares": HASH["shares"]}},
            "or shares; not both",
            id="two ways",
        ),
        pytest.param(
            {"key": "id", "time": "t", "split": {"method": "time"}}, "one of them is needed", id="neither way"
        ),
        pytest.param({"key": "id", "split": {"method": "column"}}, "split.column is missing", id="no column"),
    ],
)
def test_every_mistake_is_named(document: object, problem: str) -> None:
    _, problems = parse(document)

    assert len(problems) == 1, problems
    assert problem in problems[0]


@pytest.mark.parametrize("name", ["../x", "a b", 'a"b', "名前", "", "1st", "x" * 101, ".", "a/b"])
def test_an_unsafe_name_is_refused(name: str) -> None:
    _, problems = parse(MINIMAL, name=name)

    assert len(problems) == 1
    assert "cannot be a dataset's name" in problems[0]


@pytest.mark.parametrize("name", ["late_arrivals", "A1", "x" * 100])
def test_a_plain_name_is_fine(name: str) -> None:
    assert parse(MINIMAL, name=name)[1] == []


def test_unhashable_and_nested_nonsense_is_reported_and_not_raised() -> None:
    nonsense: list[Any] = [None, 7, [], {}, {"a": []}, [[]], True, 1.5, "", "\0"]
    keys = (
        "key",
        "label",
        "label_horizon",
        "columns",
        "groups",
        "time",
        "known_at",
        "target_distribution",
        "synthetic",
    )
    more = ("split", "deduplicate", "downsample", "subsets", "folds", "weights", "order", "format", "shard", "gates")
    for key in (*keys, *more, "drift"):
        for value in nonsense:
            parse({**MINIMAL, key: value})
    parts = {
        "columns": ("include", "exclude", "grant", "pseudonymise", "tags_denied"),
        "groups": ("composite", "linked"),
        "synthetic": ("column", "train_dev"),
        "deduplicate": ("exact", "text"),
        "downsample": ("label", "keep"),
        "weights": ("inverse_probability",),
        "format": ("type", "escape_formulas"),
        "shard": ("rows", "size"),
    }
    for key, inner in parts.items():
        for part in inner:
            for value in nonsense:
                parse({**MINIMAL, key: {part: value}})
    for key in ("method", "shares", "train_dev", "salt", "cutoffs", "embargo", "column", "stratify", "freeze"):
        for method in ("hash", "time", "hash_time", "column"):
            for value in nonsense:
                parse({"key": "id", "time": "t", "split": {"method": method, key: value}})
