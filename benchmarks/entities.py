"""Linking rows: 10 million rows by three columns, and near-duplicate text among a million texts of about 20 words.

Ours is `resolve_entities` as an export runs it, under its memory limit: components, and every row's point on the split
line. The peer for links is SciPy's `connected_components` in memory, with polars reading the same three columns and
numbering their values; it places nothing. The peer for text is datasketch's MinHash and LSH index with as many
permutations, on a share of the texts, its time scaled to all of them (its memory is not scaled); it compares nothing
exactly. It is left out when datasketch is not installed. Bounds: minutes, and 700 MB.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

from measure import OUT, Measurement, print_bound, run_process

FOLDER = OUT / "entities"
SCRIPT = str(Path(__file__))
ROWS = int(os.environ.get("BENCHMARK_ROWS", "10000000"))
TEXTS = int(os.environ.get("BENCHMARK_TEXTS", "1000000"))
PEER_TEXTS = 20_000
COLUMNS = ("customer", "device", "mail")

LINKED = """
create table examples as
with numbers as (
    select i as id, (hash(i * 3 + 1) % ($count // 4))::bigint as who, hash(i * 7 + 5) as chance
    from range($count) as r(i)
)
select
    id,
    'customer ' || (who * 2 + chance % 2) as customer,
    -- One row in fifty uses the device of somebody else.
    'device ' || case when chance % 50 = 0 then hash(id) % ($count // 2) else who * 3 + (chance >> 8) % 3 end as device,
    case when (chance >> 16) % 4 > 0 then 'user' || (who * 2 + (chance >> 24) % 2) || '@example.com' end as mail,
from numbers
"""

TEXT = """
create table examples as
with words as (
    -- A word is one of 20,000, frequent ones as in a language: the rank is a power of an even number.
    select
        i as id,
        [substr(md5((20000 ** ((hash(source * 64 + k) >> 11) / 9007199254740992.0))::int::varchar), 1, 2 + (k * 7) % 8)
            for k in range(15 + (hash(source) % 11)::int)] as words,
        source <> i and hash(i * 11) % 4 > 0 as is_changed,
        hash(i * 17) % 1000 as chance,
        (hash(i * 19) % 14)::int as place,
    from (select i, case when hash(i * 13) % 6 = 0 then i // 10 else i end as source from range($count) as r(i))
)
select
    id,
    -- A copy has one word replaced, or none.
    array_to_string(
        case
            when is_changed then words[:place] || ['word' || chance] || words[place + 2 :]
            else words
        end, ' '
    ) as note,
from words
"""


def path(kind: str, count: int) -> Path:
    return FOLDER / f"{kind}_{count}.duckdb"


def make(kind: str, count: int) -> None:
    """The table, and for links the same columns as Parquet for the peer."""
    import duckdb

    FOLDER.mkdir(parents=True, exist_ok=True)
    unfinished = path(kind, count).with_suffix(".tmp")
    unfinished.unlink(missing_ok=True)
    with duckdb.connect(str(unfinished)) as connection:
        connection.execute(LINKED if kind == "links" else TEXT, {"count": count})
        if kind == "links":
            parquet = str(path(kind, count).with_suffix(".parquet"))
            connection.execute(f"copy (select {', '.join(COLUMNS)} from examples) to '{parquet}' (format parquet)")
    unfinished.rename(path(kind, count))


def ours(kind: str, count: int) -> None:
    import tempfile

    import duckdb  # noqa: F401  (its import is not measured)

    from warehouse import storage
    from warehouse.datasets.entities import resolve_entities
    from warehouse.datasets.row_checks import read_table_facts
    from warehouse.datasets.spec import DatasetSpec, Deduplicate, HashSplit, NearText
    from warehouse.engine.local import LocalEngine
    from warehouse.sql import Relation

    split = HashSplit(shares={"train": 0.8, "dev": 0.1, "test": 0.1}, salt="bench")
    if kind == "links":
        spec = DatasetSpec(name="b", model="examples", key=("id",), groups=COLUMNS, split=split)
    else:
        near = Deduplicate(text=NearText(column="note"))
        spec = DatasetSpec(name="b", model="examples", key=("id",), deduplicate=near, split=split)
    relation = Relation.table("examples")
    with tempfile.TemporaryDirectory(dir=FOLDER) as spill:
        connection = storage.connect(
            path(kind, count), memory_limit="350MB", threads=os.cpu_count() or 2, temporary_path=Path(spill)
        )
        engine = LocalEngine(connection)
        facts = read_table_facts(engine, relation, spec, integer_key=True)
        started = time.perf_counter()
        entities = resolve_entities(engine, relation, spec, ("id", *COLUMNS), facts)
        print(f"seconds={time.perf_counter() - started}")
        connection.close()
    assert entities is not None
    print(f"components={entities.components.component_count}")
    print(f"largest={entities.components.largest_row_count}")
    if entities.near_texts:
        print(f"unsettled={entities.near_texts.unsettled_count}")


def peer_links(count: int) -> None:
    import numpy as np
    import polars as pl
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    started = time.perf_counter()
    rows, nodes, size = [], [], count
    for column in COLUMNS:
        values = pl.read_parquet(path("links", count).with_suffix(".parquet"), columns=[column])[column]
        present = values.is_not_null().to_numpy()
        codes = values.drop_nulls().rank("dense").to_numpy() - 1
        rows.append(np.flatnonzero(present))
        nodes.append(codes.astype(np.int64) + size)
        size = int(nodes[-1].max()) + 1
    left, right = np.concatenate(rows), np.concatenate(nodes)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    sizes = np.bincount(labels[:count])
    print(f"seconds={time.perf_counter() - started}")
    print(f"components={int((sizes > 1).sum())}")
    print(f"largest={int(sizes.max())}")


def peer_text(count: int) -> None:
    import duckdb
    from datasketch import MinHash, MinHashLSH

    with duckdb.connect(str(path("text", count)), read_only=True) as connection:
        texts = [
            row[0].lower() for row in connection.execute(f"select note from examples limit {PEER_TEXTS}").fetchall()
        ]
    started = time.perf_counter()
    index = MinHashLSH(params=(18, 5), num_perm=90)
    for number, text in enumerate(texts):
        signature = MinHash(num_perm=90)
        signature.update_batch([text[i : i + 5].encode() for i in range(len(text) - 4)])
        index.query(signature)
        index.insert(number, signature)
    print(f"seconds={(time.perf_counter() - started) * count / len(texts)}")


def describe(title: str, measured: Measurement) -> None:
    facts = ", ".join(line for line in measured.output.splitlines() if not line.startswith("seconds="))
    print(f"      {title:<40} {measured.seconds:7.1f} s {measured.peak_mb:7.0f} MB peak   {facts}")


def answer(measured: Measurement) -> list[str]:
    return [line for line in measured.output.splitlines() if line.startswith(("components=", "largest="))]


def main() -> None:
    if len(sys.argv) > 1:
        side, kind, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
        if side == "peer":
            return peer_links(count) if kind == "links" else peer_text(count)
        return make(kind, count) if side == "make" else ours(kind, count)
    holds = []
    for kind, count in (("links", ROWS), ("text", TEXTS)):
        # In a process of its own, so that this one stays small: a child is measured with what it inherits.
        if not path(kind, count).exists():
            run_process(SCRIPT, "make", kind, str(count))
        print(f"{kind}: {count / 1e6:g}M rows")
        measured = run_process(SCRIPT, "ours", kind, str(count))
        describe("ours, memory limit 350 MB", measured)
        holds.append(print_bound(f"{kind}: time", measured.seconds / 60, 5, unit="min"))
        holds.append(print_bound(f"{kind}: peak memory", measured.peak_mb, 700, unit="MB"))
        if kind == "links":
            peer = run_process(SCRIPT, "peer", kind, str(count))
            describe("polars and SciPy, in memory", peer)
            if answer(peer) != answer(measured):
                raise SystemExit("ours and SciPy's components differ")
        elif importlib.util.find_spec("datasketch"):
            peer = run_process(SCRIPT, "peer", kind, str(count))
            describe(f"datasketch, {PEER_TEXTS:,} texts, scaled", peer)
        else:
            print("      datasketch is not installed: no peer")
            continue
        print(f"      {kind}: ours / peer: time {measured.seconds / peer.seconds:.2f} x, ", end="")
        print(f"memory {measured.peak_mb / peer.peak_mb:.2f} x")
    sys.exit(0 if all(holds) else 1)


if __name__ == "__main__":
    main()
