from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from warehouse.logs import LONGEST_ID, correlation_id, event, keep_to_themselves, log_path, run_log
from warehouse.project import Project

RUN = "20261124T023000Z"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def with_log(project: Project, form: str) -> Project:
    return replace(project, settings=replace(project.settings, log=form))


def kept(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_path(project, RUN).read_text().splitlines()]


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [
        ("auto", io.StringIO(), True),
        ("auto", Terminal(), False),
        ("json", Terminal(), True),
        ("human", io.StringIO(), False),
    ],
    ids=["auto into a file", "auto on a terminal", "json", "human"],
)
def test_lines_are_for_people_on_a_terminal_and_json_otherwise(
    project: Project, form: str, stream: io.StringIO, is_json: bool
) -> None:
    with run_log(with_log(project, form), RUN, environment={}, stream=stream) as logger:
        logger.info("build passed", extra=event("stage_finished", stage="build", seconds=31.5))
        logging.getLogger("warehouse.nightly.running").warning("the disk is nearly full")

    first, second = stream.getvalue().splitlines()
    if is_json:
        line = json.loads(first)
        assert list(line) == ["at", "level", "event", "correlation_id", "message", "logger", "stage", "seconds"]
        assert (line["event"], line["stage"], line["seconds"]) == ("stage_finished", "build", 31.5)
        assert (json.loads(second)["level"], json.loads(second)["event"]) == ("warning", "message")
    else:
        assert first.endswith("build passed")
        assert "warning: the disk is nearly full" in second


def test_the_run_s_folder_keeps_json_lines_whatever_is_shown(project: Project) -> None:
    stream = Terminal()
    with run_log(project, RUN, environment={}, stream=stream) as logger:
        logger.info("one")
    with run_log(project, RUN, environment={}, stream=stream, quiet=True) as logger:
        logger.info("two")

    assert [line["message"] for line in kept(project)] == ["one", "two"]
    assert stream.getvalue().count("\n") == 1


def test_every_line_has_the_run_s_one_id_and_what_is_started_inherits_it(project: Project) -> None:
    environment: dict[str, str] = {}
    with run_log(project, RUN, environment=environment, quiet=True) as logger:
        logger.info("one")
        inside = dict(environment)
        logging.getLogger("warehouse.builds").info("two")

    assert {line["correlation_id"] for line in kept(project)} == {RUN}
    assert inside == {"WAREHOUSE_RUN_ID": RUN}
    assert environment == {}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", RUN),
        ("  ", RUN),
        ("scheduled__2026-11-24T02:30:00+00:00", "scheduled__2026-11-24T02:30:00+00:00"),
        ("a\nb\x1b[31m", "a_b__31m"),
        ("x" * 500, "x" * LONGEST_ID),
    ],
    ids=["none", "blank", "a scheduler's", "control characters", "very long"],
)
def test_a_scheduler_s_id_is_kept_and_cannot_break_a_line(given: str, expected: str) -> None:
    assert correlation_id(RUN, {"WAREHOUSE_RUN_ID": given}) == expected


def test_secrets_are_masked_on_the_stream_and_in_the_file(project: Project) -> None:
    environment = {"DB_PASSWORD": "planted-secret", "TEAM_URLS": "https://hooks.example.com/T1JJ3T3L2planted"}
    named = replace(project, settings=replace(project.settings, notify_urls_from="TEAM_URLS"))
    stream = io.StringIO()
    with run_log(named, RUN, environment=environment, stream=stream) as logger:
        try:
            raise ValueError("postgres://me:hidden-pass@db/x refused planted-secret")
        except ValueError:
            logger.exception("failed with %s", "planted-secret", extra=event("x", url="/T1JJ3T3L2planted"))

    text = stream.getvalue() + log_path(named, RUN).read_text()
    assert "planted" not in text
    assert "hidden-pass" not in text
    assert "postgres://me:***@db/x refused ***" in json.loads(stream.getvalue())["exception"]


def test_what_comes_from_data_cannot_steer_a_terminal(project: Project) -> None:
    stream = Terminal()
    with run_log(project, RUN, environment={}, stream=stream) as logger:
        logger.info("a table \x1b[2Jcalled \u202ex")

    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_a_log_that_cannot_be_written_stops_nothing(project: Project) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    path = log_path(project, RUN)
    path.parent.parent.mkdir(parents=True)
    path.parent.write_text("a file where the folder should be")

    with run_log(project, RUN, environment={}, stream=Gone()) as logger:
        logger.info("one")
        logger.info("two")


def test_a_field_named_as_one_of_the_line_s_own_does_not_replace_it(project: Project) -> None:
    with run_log(project, RUN, environment={}, quiet=True) as logger:
        logger.info("one", extra=event("x", message="theirs", path=Path("a")))

    (line,) = kept(project)
    assert (line["message"], line["field_message"], line["path"]) == ("one", "theirs", "a")


def test_afterwards_the_logger_is_as_it_was(project: Project) -> None:
    logger = logging.getLogger("warehouse")
    before = (logger.level, logger.propagate, list(logger.handlers))

    with run_log(project, RUN, environment={}, quiet=True):
        assert logger.level == logging.INFO

    assert (logger.level, logger.propagate, list(logger.handlers)) == before


def test_a_library_that_keeps_to_itself_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    keep_to_themselves("a_library_of_nobody")

    logging.getLogger("a_library_of_nobody.part").warning("https://hooks.example.com/secret")

    assert capsys.readouterr().err == ""
