"""One table of a database: all its rows, or those that a cursor says are new.

Read again is everything from the mark on, less the lookback, and every row without a cursor; added is what is not there
yet, row for row. So rows that were committed late, rows that share the mark and rows that changed without moving their
cursor arrive, and no row arrives twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from warehouse.errors import LoadError
from warehouse.findings import Finding, Severity
from warehouse.loads.batches import Batch, BatchWriter, Landed, TableFolder
from warehouse.loads.databases import Condition, Database, check_columns, is_number, open_database
from warehouse.loads.parts import Part, Session, Written, check_schema, landed_rows, with_columns
from warehouse.loads.specs import DEFAULT_LOOKBACK, DEFAULT_NUMBER_LOOKBACK, Kind, LoadSpec, Mode
from warehouse.sql import identifier, literal


def load_database_table(
    session: Session,
    spec: LoadSpec,
    folder: TableFolder,
    landed: Landed,
    *,
    now: datetime,
    full_refresh: bool = False,
    since: str | None = None,
    dry_run: bool = False,
) -> Part:
    """Lands what the table has and the folder has not; the caller holds the folder's lock.

    Raises:
        LoadError: the database, the table or its columns cannot be used; the message shows no secret.
        StorageError: the disk is full or cannot be written.
    """
    with open_database(session.connection, spec) as database:
        return _Table(session, spec, folder, landed, database, now).load(
            full=full_refresh or spec.mode is Mode.FULL or landed.generation == 0, since=since, dry_run=dry_run
        )


class _Table:
    """One table on its way."""

    def __init__(
        self, session: Session, spec: LoadSpec, folder: TableFolder, landed: Landed, database: Database, now: datetime
    ) -> None:
        self._session = session
        self._spec = spec
        self._folder = folder
        self._landed = landed
        self._database = database
        self._now = now

    def load(self, *, full: bool, since: str | None, dry_run: bool) -> Part:
        clock = self._database.clock(self._now)
        writer = None if dry_run else self._folder.writer(self._landed, replaced=None if full else ())
        # All that is read from here on is of one moment, where the database can do that.
        self._session.connection.execute("begin")
        try:
            part = self._read(writer, clock, full=full, since=since)
        finally:
            self._session.connection.execute("rollback")
        if writer is not None:
            writer.commit()
        return part

    def _read(self, writer: BatchWriter | None, clock: datetime, *, full: bool, since: str | None) -> Part:
        spec, rows = self._spec, self._database.all_rows()
        described = self._session.connection.execute(f"describe select * from {rows} as source_rows").fetchall()
        check_columns(spec, {str(row[0]): str(row[1]) for row in described})
        probe = writer.new_path() if writer else self._folder.generations / ".probe.part"
        columns = dict(self._session.parquet_columns(rows, probe))
        findings: tuple[Finding, ...] = ()
        if full:
            select, read = with_columns(rows, columns, has=columns), "every row"
        else:
            findings = check_schema(spec, self._landed, tuple(columns.items()))
            floor = self._floor(since, columns[spec.cursor or ""])
            select = self._new_rows(floor, columns)
            read = "every row" if floor is None else f"rows from {spec.cursor} = {floor} on"
        if writer is None:
            return Part(message=f"would read {read}", is_planned=True, findings=findings)
        part = writer.new_path()
        self._session.write(select, part)
        written = self._session.facts(part, cursor=spec.cursor)
        if written.row_count == 0 and not full:
            part.unlink()
            return Part(message=f"read {read}: nothing new", findings=findings)
        self._session.check_key(part, spec)
        batch = writer.add(part, **self._batch_facts(written, clock, columns))
        return Part(
            row_count=batch.row_count,
            byte_count=batch.byte_count,
            batch_count=1,
            message=f"read {read}",
            findings=findings + _without_cursor(spec, written),
        )

    def _floor(self, since: str | None, type_: str) -> str | None:
        """The cursor's value from which on to read, as text of its type; None for all."""
        marks = [batch.safe_mark for batch in self._landed.batches if batch.safe_mark is not None]
        if since is not None:
            return self._as_text(literal(since), type_, f"--since {since!r}")
        if not marks:
            return None
        mark = f"list_max([{', '.join(f'cast({literal(mark)} as {type_})' for mark in marks)}])"
        lookback = self._spec.lookback
        if is_number(type_):
            number = DEFAULT_NUMBER_LOOKBACK if lookback is None else lookback
            return self._as_text(f"{mark}::hugeint - {number}", "hugeint", "the mark")
        span = DEFAULT_LOOKBACK if lookback is None else lookback
        assert isinstance(span, timedelta)
        return self._as_text(f"{mark} - to_seconds({int(span.total_seconds())})", type_, "the mark")

    def _as_text(self, expression: str, type_: str, what: str) -> str:
        import duckdb

        try:
            return str(self._session.value(f"select cast(cast({expression} as {type_}) as varchar)")[0])
        except duckdb.Error:
            raise LoadError(f"{what} is no value of cursor {self._spec.cursor!r}, which is of type {type_}") from None

    def _new_rows(self, floor: str | None, columns: dict[str, str]) -> str:
        """The select of what is not there yet.

        Rows above everything that is there are new for sure and stream through; only the others are compared.
        """
        cursor = self._spec.cursor or ""
        type_ = columns[cursor]
        top = self._top(type_)
        if top is None:
            again = Condition(column=cursor, type=type_, at_least=floor, or_null=True)
            above = None
        else:
            again = Condition(column=cursor, type=type_, at_least=floor, at_most=top, or_null=True)
            above = Condition(column=cursor, type=type_, above=top)
        here = f"(select * from {landed_rows(self._landed)} where {again.text(identifier, kind=Kind.DUCKDB)})"
        select = (
            f"({with_columns(self._database.rows_where(again), columns, has=columns)}\n"
            f"except all {with_columns(here, columns, has=self._landed.columns)})"
        )
        if above is not None:
            select = f"{with_columns(self._database.rows_where(above), columns, has=columns)}\nunion all {select}"
        return select

    def _top(self, type_: str) -> str | None:
        marks = [batch.high_mark for batch in self._landed.batches if batch.high_mark is not None]
        if not marks:
            return None
        values = ", ".join(f"cast({literal(mark)} as {type_})" for mark in marks)
        return str(self._session.value(f"select cast(list_max([{values}]) as varchar)")[0])

    def _batch_facts(self, written: Written, clock: datetime, columns: dict[str, str]) -> dict[str, object]:
        safe = written.high_mark
        if safe is not None and self._spec.cursor and not is_number(type_ := columns[self._spec.cursor]):
            # A row of tomorrow, or of next year by mistake, must not hide those that are written until then.
            moment = f"cast({literal(clock.isoformat())} as timestamptz)"
            if type_ != "TIMESTAMP WITH TIME ZONE":
                moment = f"timezone({literal(self._spec.time_zone)}, {moment})"
            safe = self._as_text(
                f"least(cast({literal(safe)} as {type_}), cast({moment} as {type_}))", type_, "the mark"
            )
        return {
            "loaded_at": self._now.isoformat(timespec="seconds"),
            "row_count": written.row_count,
            "columns": written.columns,
            "high_mark": written.high_mark,
            "safe_mark": safe,
        }


def highest_mark(batches: tuple[Batch, ...]) -> str | None:
    """The highest value of the cursor in these batches, as text; None without one."""
    marks = [batch.high_mark for batch in batches if batch.high_mark is not None]
    # Texts of times sort like the times; of numbers, the longer is the greater.
    return max(marks, key=lambda mark: (0, mark) if "-" in mark[1:] else (len(mark), mark)) if marks else None


def _without_cursor(spec: LoadSpec, written: Written) -> tuple[Finding, ...]:
    if not written.null_cursor_count:
        return ()
    return (
        Finding(
            severity=Severity.WARNING,
            check="load",
            subject=spec.name,
            message=f"{written.null_cursor_count} new rows have no {spec.cursor}",
            measured=float(written.null_cursor_count),
            advice="every load reads all such rows again; fill the column at the source",
        ),
    )
