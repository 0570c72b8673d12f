"""A version's README.md: the dataset card that people read, and whose front matter Hugging Face reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from warehouse.datasets.card_types import features, reader_options
from warehouse.datasets.manifest import FileRecord, LabelCount, Manifest, SplitRecord
from warehouse.datasets.split_words import code, split_rule, treatment
from warehouse.datasets.subsets import SUBSET_SPLIT, subset_files, subset_name


def dataset_card(manifest: Manifest, *, licence: str | None) -> str:
    """Markdown with YAML front matter, so that `datasets.load_dataset(folder)` finds every split.

    NOTE: without `configs`, Hugging Face guesses splits from names, and puts train_dev into train *and* validation.
    """
    import yaml

    front: dict[str, Any] = {
        "pretty_name": manifest.name,
        **({"license": licence} if licence else {}),
        "configs": (configs := list(_configs(manifest))),
    }
    if types := features(manifest.columns, manifest.spec.format):
        front["dataset_info"] = [{"config_name": config["config_name"], "features": types} for config in configs]
    sections = [
        f"---\n{yaml.dump(front, Dumper=_dumper(), sort_keys=False, allow_unicode=True)}---",
        f"# {manifest.name} {manifest.version}",
        _text(manifest.description) or "(no description)",
        _facts(manifest, licence),
        f"## Splits\n\n{_split_table(manifest.splits)}\n\n{split_rule(manifest.spec)}{_dropped(manifest)}",
        *_treatment(manifest),
        f"## Columns\n\n{_column_table(manifest)}",
        f"## Use\n\n{_usage(manifest)}",
    ]
    return "\n\n".join(sections) + "\n"


def _dumper() -> Any:
    """Without anchors: a list that stands in several configurations is written out in each."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    return Plain


def _configs(manifest: Manifest) -> Iterator[dict[str, Any]]:
    """One per way to load the folder: everything, and once more for each nested share of train."""
    yield _config("default", manifest, {})
    for fraction in manifest.spec.subsets:
        train = next(split.files for split in manifest.splits if split.name == SUBSET_SPLIT)
        yield _config(subset_name(fraction), manifest, {SUBSET_SPLIT: subset_files(train, fraction)})


def _config(name: str, manifest: Manifest, instead: Mapping[str, Sequence[FileRecord]]) -> dict[str, Any]:
    files = {split.name: instead.get(split.name, split.files) for split in manifest.splits}
    return {
        "config_name": name,
        "data_files": [{"split": split, "path": [file.path for file in of]} for split, of in files.items()],
        **reader_options(manifest.columns, manifest.spec.format),
    }


def _facts(manifest: Manifest, licence: str | None) -> str:
    origin = manifest.provenance
    commit = origin.git_commit or "unknown"
    rows = [
        ("Owner", manifest.owner or "nobody named"),
        ("Maturity", manifest.maturity or "not said"),
        *([("Licence", licence)] if licence else []),
        ("Rows", f"{manifest.row_count:,}"),
        ("Key", ", ".join(manifest.spec.key)),
        ("Label", manifest.spec.label or "none"),
        ("Model", f"{manifest.spec.model} ({origin.model_path})"),
        ("Build", f"{origin.build_id}, commit {commit}{' with changes' if origin.git_dirty else ''}"),
        ("Written", f"{manifest.created_at:%Y-%m-%dT%H:%M:%SZ}"),
        ("Fingerprint", manifest.fingerprint),
    ]
    return "\n".join(f"- **{title}**: {_text(value)}" for title, value in rows)


def _split_table(splits: Sequence[SplitRecord]) -> str:
    total = sum(split.row_count for split in splits)
    lines = ["| split | rows | share | labels |", "|---|---:|---:|---|"]
    for split in splits:
        share = f"{split.row_count / total:.1%}"
        lines.append(f"| {split.name} | {split.row_count:,} | {share} | {_text(label_balance(split))} |")
    return "\n".join(lines)


class Labelled(Protocol):
    """A split with its labels, on whichever side of a comparison."""

    @property
    def row_count(self) -> int:
        """How many rows it has."""

    @property
    def labels(self) -> tuple[LabelCount, ...] | None:
        """Every label with its rows, most frequent first."""

    @property
    def label_mean(self) -> float | None:
        """Mean of a numeric label."""


def label_balance(split: Labelled) -> str:
    """The most frequent labels with their shares, or the mean; empty without a label."""
    if split.labels is not None and len(split.labels) <= 20:
        shown = ", ".join(
            f"{'missing' if count.label is None else count.label[:40]} {count.row_count / split.row_count:.1%}"
            for count in split.labels[:4]
        )
        return shown + (", ..." if len(split.labels) > 4 else "")
    return "" if split.label_mean is None else f"mean {split.label_mean:.4g}"


def _dropped(manifest: Manifest) -> str:
    if not manifest.dropped:
        return ""
    return (
        " In no split: " + ", ".join(f"{count:,} rows ({reason})" for reason, count in manifest.dropped.items()) + "."
    )


def _treatment(manifest: Manifest) -> Iterator[str]:
    if sentences := treatment(manifest.spec):
        yield "\n".join(f"- {sentence}" for sentence in sentences)
    if manifest.spec.subsets:
        subsets = ", ".join(f"`{subset_name(fraction)}`" for fraction in manifest.spec.subsets)
        yield (
            f"Nested shares of train, each inside the next, by entity: {subsets}. Each is also a configuration for "
            "`datasets.load_dataset`, with the other splits whole."
        )


def _column_table(manifest: Manifest) -> str:
    lines = ["| column | type | unit | description |", "|---|---|---|---|"]
    for column in manifest.columns:
        cells = (code(column.name), _text(column.type), _text(column.unit or ""), _text(column.description))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _usage(manifest: Manifest) -> str:
    return (
        "```python\n"
        "from warehouse import load_dataset\n"
        f'dataset = load_dataset("{manifest.name}", "{manifest.version}")\n'
        'train = dataset["train"]  # a polars LazyFrame\n'
        "```\n\n"
        'Or, in this folder and with no tool of ours: `datasets.load_dataset(".")`, `sha256sum -c SHA256SUMS`, '
        "`mlcroissant validate --jsonld croissant.json`."
    )


def _text(value: str) -> str:
    """One line of plain text: no markup of a description reaches the page, and no table breaks."""
    line = " ".join(value.split())
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(char, entity)
    return line.replace("|", "\\|")
