"""Aspects of texts: words, classes of characters, scripts, and words that the left never used."""

from __future__ import annotations

import math
from statistics import NormalDist

from warehouse.checks.drift.aspect_making import Setting, effect_of, opening, pair_aspect, tally_aspect
from warehouse.checks.drift.effects import INTERVAL, NEW_ROWS
from warehouse.checks.drift.parts import Aspect, AspectBar
from warehouse.checks.drift.words import quoted, share_text
from warehouse.engine.base import Engine
from warehouse.sql import Relation
from warehouse.statistics.pair import compare_relations
from warehouse.statistics.sampled_tables import SampledTable
from warehouse.statistics.session_tables import SessionTables
from warehouse.statistics.significance import normal_tail
from warehouse.statistics.tallies import common_cells, tally
from warehouse.statistics.text_facts import CLASSES, UnseenWords, text_tables, unseen_words


def text_aspects(
    engine: Engine,
    tables: SessionTables,
    left: SampledTable,
    right: SampledTable,
    setting: Setting,
    index: int,
    *,
    note: str,
    grouped: bool,
) -> list[Aspect]:
    """Those of the texts in column `text_<index>` of both samples, whose words are counted in `words_<index>`."""
    names = [
        text_tables(tables, sample.table, f"text_{index}", name=f"{side}_{index}")
        for side, sample in (("left", left), ("right", right))
    ]
    characters, words = [pair[0] for pair in names], [pair[1] for pair in names]
    classes = common_cells(
        *(tally(engine, table, "class") for table in characters),
        order=[*CLASSES, "other"],
    )
    scripts = common_cells(*(tally(engine, table, "script") for table in characters))
    found = [
        _word_count(engine, left, right, setting, index, note=note, grouped=grouped),
        tally_aspect(setting, "kinds of characters", classes, note=note),
        tally_aspect(setting, "script of the letters", scripts, note=note),
        _unseen(setting, unseen_words(engine, *words), note=note),
    ]
    for table in (*characters, *words):
        tables.drop(table)
    return [aspect for aspect in found if aspect is not None]


def _word_count(
    engine: Engine, left: SampledTable, right: SampledTable, setting: Setting, index: int, *, note: str, grouped: bool
) -> Aspect | None:
    sides = [
        Relation(f"(select cluster, words_{index} as words from {sample.table} where words_{index} is not null)", side)
        for side, sample in (("left", left), ("right", right))
    ]
    (pair,) = compare_relations(engine, sides[0], sides[1], skip=["cluster"], exact_rows=0).columns
    return pair_aspect(
        engine,
        (sides[0], sides[1]),
        pair,
        setting,
        "number of words",
        groups=["cluster"] if grouped else [],
        is_count=True,
        note=note,
    )


def _unseen(setting: Setting, words: UnseenWords | None, *, note: str) -> Aspect | None:
    """The right's words that the left lacks, beyond what is to be expected, as the distance that they make."""
    if words is None or min(words.left_row_count, words.right_row_count) < NEW_ROWS:
        return None
    reach = NormalDist().inv_cdf(1 - (1 - INTERVAL) / 2) * words.spread
    excess = words.share - words.expected
    name = "words never seen"
    examples = ", ".join(quoted(word) for word in words.examples)
    beyond = f"{share_text(words.share)} in {setting.right_name}, {share_text(words.expected)} to be expected"
    return Aspect(
        name=name,
        effect=effect_of(
            setting,
            name,
            value=distance_of_new(excess),
            low=distance_of_new(excess - reach),
            high=distance_of_new(max(0.0, excess) + reach),
            p_value=normal_tail(excess / words.spread) if words.spread else 1.0,
        ),
        jensen_shannon=distance_of_new(words.share),
        noise_floor=distance_of_new(words.expected),
        left_mean=words.expected,
        right_mean=words.share,
        bars=(
            AspectBar(label=f"also in {setting.left_name}", left_share=1 - words.expected, right_share=1 - words.share),
            AspectBar(label="never seen", left_share=words.expected, right_share=words.share),
        ),
        explanation=f"{opening(name)}: {beyond}{f' ({examples} above all)' if examples else ''}{note}.",
    )


def distance_of_new(share: float) -> float:
    """Jensen-Shannon distance (base 2) that a share of new values makes by itself, all others being as they were.

    0.1 for 2 %, as for new categories.
    """
    share = min(max(share, 0.0), 1.0)
    kept = 1 - share
    divergence = math.log2(2 / (1 + kept)) + share
    if kept > 0:
        divergence += kept * math.log2(2 * kept / (1 + kept))
    return math.sqrt(max(0.0, divergence / 2))
