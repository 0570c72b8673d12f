"""A version's README.md: the dataset card that people read, and whose front matter Hugging Face reads."""

from __future__ import annotations

from collections.abc import Sequence

from warehouse.datasets.manifest import Manifest, SplitRecord
from warehouse.datasets.spec import ColumnSplit, DatasetSpec, HashSplit


def dataset_card(manifest: Manifest, *, licence: str | None) -> str:
    """Markdown with YAML front matter, so that `datasets.load_dataset(folder)` finds every split.

    NOTE: without `configs`, Hugging Face guesses splits from names, and puts train_dev into train *and* validation.
    """
    import yaml

    front = {
        "pretty_name": manifest.name,
        **({"license": licence} if licence else {}),
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split.name, "path": [file.path for file in split.files]} for split in manifest.splits
                ],
            }
        ],
    }
    sections = [
        f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---",
        f"# {manifest.name} {manifest.version}",
        _text(manifest.description) or "(no description)",
        _facts(manifest, licence),
        f"## Splits\n\n{_split_table(manifest.splits)}\n\n{split_rule(manifest.spec)}{_dropped(manifest)}",
        f"## Columns\n\n{_column_table(manifest)}",
        f"## Use\n\n{_usage(manifest)}",
    ]
    return "\n\n".join(sections) + "\n"


def split_rule(spec: DatasetSpec) -> str:
    """One paragraph: how the rows came into their splits."""
    split = spec.split
    if isinstance(split, ColumnSplit):
        return f"Column {_code(split.column)} names each row's split."
    if isinstance(split, HashSplit):
        shares = ", ".join(f"{name} {share:g}" for name, share in split.shares.items())
        rule = f"Rows are placed by a hash of {_names(spec.hashed)} ({shares})."
        if spec.groups:
            rule += f" Rows with the same {_names(spec.groups)} are always in the same split."
    else:
        cutoffs = ", ".join(
            f"{name} from {moment:%Y-%m-%d %H:%M} UTC" for name, moment in (split.cutoffs or {}).items()
        )
        rule = f"Rows are placed by their time, {_code(spec.time or '')}: train first, {cutoffs}."
        if split.embargo_seconds:
            rule += (
                f" Rows in the {split.embargo_seconds / 86_400:g} days before each of these moments are in no split."
            )
    if split.train_dev:
        rule += f" A share of {split.train_dev:g} of train, chosen by hash, is train_dev."
    return rule


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


def label_balance(split: SplitRecord) -> str:
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


def _column_table(manifest: Manifest) -> str:
    lines = ["| column | type | unit | description |", "|---|---|---|---|"]
    for column in manifest.columns:
        cells = (_code(column.name), _text(column.type), _text(column.unit or ""), _text(column.description))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _usage(manifest: Manifest) -> str:
    return (
        "```python\n"
        "from warehouse import load_dataset\n"
        f'dataset = load_dataset("{manifest.name}", "{manifest.version}")\n'
        'train = dataset["train"]  # a polars LazyFrame\n'
        "```\n\n"
        'Or, in this folder and with no tool of ours: `datasets.load_dataset(".")`, `sha256sum -c SHA256SUMS`.'
    )


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(_code, columns))


def _code(name: str) -> str:
    plain = " ".join(name.split()).replace("|", "\\|")
    return f"`` {plain} ``" if "`" in plain else f"`{plain}`"


def _text(value: str) -> str:
    """One line of plain text: no markup of a description reaches the page, and no table breaks."""
    line = " ".join(value.split())
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(char, entity)
    return line.replace("|", "\\|")
