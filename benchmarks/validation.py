"""Twenty expectations on ten million rows against one hand-written aggregate that computes the same facts.

Run as `python benchmarks/validation.py [ROWS]`. Both sides run in processes of their own; imports are left out.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from measure import OUT, print_bound, run_process

ROWS = 10_000_000
BOUND = 3.0
SUITE = """
expectations:
  - {type: expect_table_row_count_to_be_between, min_value: 1000, max_value: 1000000000,
     severity: critical, reason: bench}
  - {type: expect_column_values_to_not_be_null, column: id, severity: critical, reason: bench}
  - {type: expect_column_values_to_be_unique, column: id, severity: critical, reason: bench}
  - {type: expect_column_values_to_not_be_null, column: departed_at, severity: critical, reason: bench}
  - {type: expect_column_values_to_be_between, column: departed_at, min_value: 2013-01-01, max_value: 2014-01-01,
     severity: critical, reason: bench}
  - {type: expect_column_min_to_be_between, column: departed_at, max_value: 2013-01-02,
     severity: warning, reason: bench}
  - {type: expect_column_max_to_be_between, column: departed_at, min_value: 2013-01-02,
     severity: warning, reason: bench}
  - {type: expect_column_values_to_be_in_set, column: origin, value_set: [JFK, LGA, EWR],
     severity: critical, reason: bench}
  - {type: expect_column_distinct_values_to_be_in_set, column: carrier, value_set: &carriers
     [C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14, C15], severity: warning, reason: bench}
  - {type: expect_column_unique_value_count_to_be_between, column: tail_number, min_value: 10, max_value: 100000,
     severity: warning, reason: bench}
  - {type: expect_column_value_lengths_to_be_between, column: tail_number, min_value: 2, max_value: 6,
     severity: warning, reason: bench}
  - {type: expect_column_values_to_match_regex, column: tail_number, regex: "^N[0-9]+$",
     severity: warning, reason: bench}
  - {type: expect_column_values_to_be_between, column: delay_minutes, min_value: -60, max_value: 1440, mostly: 0.999,
     severity: warning, reason: bench}
  - {type: expect_column_mean_to_be_between, column: delay_minutes, min_value: 0, max_value: 60,
     severity: info, reason: bench}
  - {type: expect_column_stdev_to_be_between, column: delay_minutes, min_value: 1, max_value: 100,
     severity: info, reason: bench}
  - {type: expect_column_median_to_be_between, column: delay_minutes, min_value: 0, max_value: 60,
     severity: info, reason: bench}
  - {type: expect_column_quantile_values_to_be_between, column: distance_km, severity: info, reason: bench,
     quantile_ranges: {quantiles: [0.05, 0.5, 0.95], value_ranges: [[0, 1000], [500, 5000], [2000, 10000]]}}
  - {type: expect_column_pair_values_a_to_be_greater_than_b, column_A: arrived_at, column_B: departed_at,
     ignore_row_if: either_value_is_missing, severity: critical, reason: bench}
  - {type: expect_column_values_to_be_between, column: distance_km, min_value: 1, max_value: 4000, mostly: 0.9,
     severity: warning, reason: fails so that examples are fetched}
  - {type: expect_column_sum_to_be_between, column: seats, min_value: 1, severity: info, reason: bench}
"""
AGGREGATE = r"""
select
    count(*),
    count(*) filter (where id is null),
    count(id) - count(distinct id),
    count(*) filter (where departed_at is null),
    count(*) filter (where not (departed_at >= date '2013-01-01' and departed_at <= date '2014-01-01')),
    min(departed_at),
    max(departed_at),
    count(*) filter (where origin not in ('JFK', 'LGA', 'EWR')),
    count(origin),
    count(distinct carrier) filter (where carrier not in ('C0', 'C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7', 'C8', 'C9',
        'C10', 'C11', 'C12', 'C13', 'C14', 'C15')),
    count(distinct tail_number),
    count(*) filter (where not (length(tail_number) between 2 and 6)),
    count(*) filter (where not regexp_matches(tail_number, '^N[0-9]+$')),
    count(tail_number),
    count(*) filter (where not (delay_minutes >= -60 and delay_minutes <= 1440)),
    count(delay_minutes),
    avg(delay_minutes),
    stddev_samp(delay_minutes),
    quantile_cont(delay_minutes, 0.5),
    quantile_disc(distance_km, [0.05, 0.5, 0.95]),
    count(*) filter (where arrived_at is not null and departed_at is not null),
    count(*) filter (where not (arrived_at > departed_at)),
    count(*) filter (where not (distance_km >= 1 and distance_km <= 4000)),
    count(distance_km),
    sum(seats),
from flights
"""


def generate(path: Path, rows: int) -> None:
    import duckdb

    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    connection = duckdb.connect(str(temporary))
    connection.execute(
        """
        create table flights as
        with drawn as (
            select
                i,
                (hash(i) % 1000003)::bigint as a,
                (hash(i + 7) % 1000003)::bigint as b,
                timestamp '2013-01-01' + to_seconds(hash(i * 3) % 31536000) as departed_at,
            from range($rows) as r(i)
        )
        select
            (i * 7919) % 1000000007 as id,
            departed_at,
            case when a % 100 > 1 then departed_at + to_minutes(30 + b % 400) end as arrived_at,
            ['JFK', 'LGA', 'EWR'][1 + a % 3] as origin,
            'C' || (b % 16) as carrier,
            case when a % 200 > 0 then 'N' || (b % 4000) end as tail_number,
            case when b % 50 > 0 then (a % 97 - 20) + (b % 13) end::integer as delay_minutes,
            10 + (a * b % 8000) + 0.5 as distance_km,
            (50 + a % 300)::smallint as seats,
            (b % 1000) / 7.0 as fare,
            a % 2 = 0 as is_late,
        from drawn
        """,
        {"rows": rows},
    )
    connection.close()
    temporary.rename(path)


def run_aggregate(path: Path) -> None:
    from warehouse.storage import connect

    connection = connect(path)
    connection.execute("select 1").fetchall()
    started = time.perf_counter()
    connection.execute(AGGREGATE).fetchall()
    print(f"seconds={time.perf_counter() - started:.4f}")


def run_expectations(path: Path) -> None:
    from warehouse.validation import gx, load_suites, run_suites

    gx.load()
    folder = OUT / "validation_suites"
    folder.mkdir(exist_ok=True)
    (folder / "flights.yml").write_text(SUITE)
    suites = load_suites(folder)
    started = time.perf_counter()
    result = run_suites(path, suites)
    seconds = time.perf_counter() - started
    for expectation in result.suites[0].expectations:
        print(f"{'ok' if expectation.success else 'failed':<7} {expectation.type} {expectation.measured[:90]}")
    assert result.expectation_count == 20, result.expectation_count
    assert not any(expectation.error for expectation in result.suites[0].expectations)
    print(f"seconds={seconds:.4f}")


def main() -> int:
    if len(sys.argv) > 2:
        {"aggregate": run_aggregate, "expectations": run_expectations}[sys.argv[1]](Path(sys.argv[2]))
        return 0
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    path = OUT / f"validation_{rows}.duckdb"
    generate(path, rows)
    aggregate = run_process(__file__, "aggregate", str(path), repeat=3)
    expectations = run_process(__file__, "expectations", str(path), repeat=3)
    print(f"one aggregate {aggregate.seconds:.2f} s, {aggregate.peak_mb:.0f} MB")
    print(f"20 expectations {expectations.seconds:.2f} s, {expectations.peak_mb:.0f} MB")
    ratio = expectations.seconds / aggregate.seconds
    return 0 if print_bound(f"validation: 20 expectations on {rows:,} rows, by one aggregate", ratio, BOUND) else 1


if __name__ == "__main__":
    sys.exit(main())
