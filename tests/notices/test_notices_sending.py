"""Notices over real connections: a webhook and a mail server on loopback."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

import pytest
from loopback import Loopback, serving

from warehouse.findings import Finding, Severity
from warehouse.notices import Notices, send_notices
from warehouse.notices.reasons import LIBRARIES
from warehouse.project import Project
from warehouse.records import Status
from warehouse.stages import Nightly, StageName, StageResult, StageStatus

pytest.importorskip("apprise")
# apprise imports it when it first looks for its services.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
NOW = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
SECRET = "pl4nted-t0ken"


def night(status: StageStatus = StageStatus.FAILED, *, run_id: str = "20261124T023000Z", **more: Any) -> Nightly:
    found = Finding(
        severity=Severity.CRITICAL,
        check="expectation",
        subject="orders",
        message="<b>3</b> rows,\n  says @here",
        advice="",
    )
    build = StageResult(
        name=StageName.BUILD,
        status=status,
        message="held back build 20261124T023003Z",
        started_at=NOW.isoformat(),
        findings=(found,) if status is StageStatus.FAILED else (),
    )
    ended = Status.FAILED if status is StageStatus.FAILED else Status.PASSED
    return Nightly(
        id=run_id,
        status=ended,
        started_at=NOW.isoformat(),
        seconds=31.4,
        resumed_from=None,
        stages=(build, *more.pop("stages", ())),
    )


def send(project: Project, urls: str, nightly: Nightly | None = None, **options: Any) -> Notices:
    values: dict[str, Any] = {"environment": {"WAREHOUSE_NOTIFY_URLS": urls}, "first_wait_seconds": 0.01, **options}
    return send_notices(project, nightly or night(), **values)


def with_settings(project: Project, **settings: Any) -> Project:
    return replace(project, settings=replace(project.settings, **settings))


@contextmanager
def mail_server(*, refuses: str = "") -> Iterator[tuple[int, list[Message]]]:
    """Its port, and what came; with `refuses` it says that to every recipient."""
    from aiosmtpd.controller import Controller

    inbox: list[Message] = []

    class Handler:
        async def handle_RCPT(self, _s: Any, _n: Any, envelope: Any, address: str, _o: Any) -> str:  # noqa: N802
            envelope.rcpt_tos.append(address)
            return refuses or "250 OK"

        async def handle_DATA(self, _s: Any, _n: Any, envelope: Any) -> str:  # noqa: N802
            inbox.append(message_from_bytes(envelope.content, policy=default))
            return "250 OK"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, inbox
    finally:
        controller.stop()


def webhook(server: Loopback, path: str = f"hooks/{SECRET}") -> str:
    return f"{server.url}/{path}"


def test_a_webhook_gets_the_verdict_the_findings_and_the_way_on(project: Project) -> None:
    page = project.reports_path / "nightly/20261124T023000Z.html"
    with serving() as server:
        result = send(
            with_settings(project, report_url="https://reports.example.com/"), webhook(server), report_path=page
        )

    assert result.message == "told http://127.0.0.1, as build failed and had not before"
    (request,) = server.requests
    assert request.path == f"/hooks/{SECRET}"
    body = json.loads(request.body)
    assert body["title"] == "a project: nightly run failed (build)"
    assert body["type"] == "failure"
    text = body["message"]
    assert text.startswith("The nightly build is not published; readers keep the one before.")
    assert "- critical: orders: <b>3</b> rows, says @\N{WORD JOINER}here" in text
    assert "Report: https://reports.example.com/nightly/20261124T023000Z.html" in text
    assert "Go on where it stopped: warehouse nightly --resume" in text


def test_a_mail_is_plain_text_with_the_verdict_as_its_subject(project: Project) -> None:
    with mail_server() as (port, inbox):
        url = f"mailto://127.0.0.1:{port}?from=nightly@example.com&to=team@example.com,lead@example.com&mode=insecure"
        result = send(project, url)

    assert [delivery.sent for delivery in result.deliveries] == [True]
    assert {str(mail["To"]) for mail in inbox} == {"team@example.com", "lead@example.com"}
    mail = inbox[0]
    assert "nightly run failed (build)" in str(mail["Subject"])
    part = mail.get_body(preferencelist=("plain",))  # type: ignore[attr-defined]
    assert "The nightly build is not published" in part.get_content()
    assert "<b>3</b> rows" in part.get_content()


def test_a_service_that_is_down_for_a_moment_is_tried_again(project: Project) -> None:
    with serving([503, 500, 200]) as server:
        (delivery,) = send(project, webhook(server)).deliveries

    assert (delivery.sent, delivery.tries, len(server.requests)) == (True, 3, 3)


@pytest.mark.parametrize(
    ("answers", "tries", "reason"),
    [([404], 1, "it answered 404"), ([429], 5, "it answered 429"), ([500], 5, "it answered 500")],
    ids=["refused", "busy", "down"],
)
def test_what_is_refused_for_good_is_not_tried_again_and_what_is_down_has_an_end(
    project: Project, answers: list[int], tries: int, reason: str
) -> None:
    with serving(answers) as server:
        result = send(project, webhook(server))

    (delivery,) = result.deliveries
    assert (delivery.sent, delivery.tries, delivery.reason) == (False, tries, reason)
    assert len(server.requests) == tries
    (finding,) = result.findings
    assert finding.severity is Severity.WARNING
    assert finding.message == f"not told after {tries} {'try' if tries == 1 else 'tries'}: {reason}"
    assert result.details["not_sent"] == ["http://127.0.0.1"]


def test_a_recipient_that_the_mail_server_refuses_is_not_tried_again(project: Project) -> None:
    with mail_server(refuses="550 no such user") as (port, inbox):
        url = f"mailto://127.0.0.1:{port}?from=nightly@example.com&to=nobody@example.com&mode=insecure"
        (delivery,) = send(project, url).deliveries

    assert (delivery.sent, delivery.tries, delivery.reason, inbox) == (False, 1, "it refused the recipient", [])


def test_nobody_there_is_told_apart(project: Project) -> None:
    (delivery,) = send(project, "json://127.0.0.1:9/x", first_wait_seconds=60).deliveries

    assert not delivery.sent
    assert delivery.reason == "the connection was refused"


def test_a_service_that_hangs_is_given_up_at_the_deadline_and_the_others_are_told(project: Project) -> None:
    with serving(hangs=True) as hanging, serving() as server:
        # Loads what sending needs, which takes its time.
        send(project, webhook(server), night(run_id="20261123T023000Z"))
        result = send(project, f"{webhook(hanging)} {webhook(server)}", deadline_seconds=3)

    late, told = result.deliveries
    assert (late.sent, late.reason) == (False, "no answer before the deadline")
    assert told.sent
    assert (late.label, told.label) == ("http://127.0.0.1", "http://127.0.0.1 (2)")


def test_no_secret_is_in_what_is_said_logged_or_kept(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    with serving([500]) as server, caplog.at_level(logging.DEBUG):
        result = send(
            project,
            f"{webhook(server)} slack://{SECRET}aaa/B/C json://user:{SECRET}@127.0.0.1:9/ no-address-{SECRET}",
            deadline_seconds=0.3,
        )

    logged = " ".join(line.getMessage() for line in caplog.records if not line.name.startswith(LIBRARIES))
    said = f"{result!r} {result.details} {logged} " + "".join(
        path.read_text() for path in project.state_path.rglob("*.json*")
    )
    assert SECRET not in said
    assert "address 4 of WAREHOUSE_NOTIFY_URLS is none" in result.findings[0].message


def test_addresses_come_from_the_environment_alone(project: Project) -> None:
    with serving() as server:
        several = with_settings(project, notify_urls_from="TEAM_URLS, OTHER_URLS MISSING")
        environment = {"TEAM_URLS": webhook(server, "a"), "OTHER_URLS": webhook(server, "b")}
        result = send_notices(several, night(), environment=environment, first_wait_seconds=0.01)
        wrong = send_notices(with_settings(project, notify_urls_from=webhook(server)), night(), environment={})

    assert sorted(request.path for request in server.requests) == ["/a", "/b"]
    assert [finding.message for finding in result.findings] == ["MISSING is not set"]
    assert wrong.findings[0].message == "notify_urls_from must hold names of environment variables, not addresses"
    assert webhook(server) not in repr(wrong)


def test_without_addresses_or_without_reason_nobody_is_told(project: Project) -> None:
    good = night(StageStatus.PASSED)
    with serving() as server:
        silent = send(project, "")
        calm = send(project, webhook(server), good)
        never = send(with_settings(project, notify_on="never"), webhook(server))

    assert silent.message == "nobody was told: no addresses to send notices to"
    assert calm.message == "nobody was told: nothing changed for the worse or recovered since the run before"
    assert never.message == "nobody was told: notify_on is never"
    assert server.requests == []


def test_a_resumed_run_with_the_same_outcome_tells_only_those_who_were_not_told(project: Project) -> None:
    first = night()
    resumed = replace(night(run_id="20261124T033000Z"), resumed_from=first.id)
    with serving([200, 404, 200]) as server:
        one = send(project, f"{webhook(server, 'a')}", first)
        again = send(project, f"{webhook(server, 'a')}", resumed)
    with serving() as other:
        new = send(project, f"{webhook(server, 'a')} xml://127.0.0.1:{other.url.rpartition(':')[2]}/b", resumed)

    assert [delivery.sent for delivery in one.deliveries] == [True]
    assert again.deliveries == ()
    assert again.message == "http://127.0.0.1 had been told by the run that this one went on from"
    assert [delivery.label for delivery in new.deliveries] == ["xml://127.0.0.1"]
    assert len(server.requests) == len(other.requests) == 1


def test_the_way_back_is_told_too(project: Project) -> None:
    with serving() as server:
        send(project, webhook(server), night(StageStatus.PASSED), previous=night())

    assert json.loads(server.requests[0].body)["type"] == "success"


def test_an_address_that_apprise_cannot_use_is_said_once(project: Project) -> None:
    (delivery,) = send(project, "pigeon://loft").deliveries

    assert (delivery.sent, delivery.tries, delivery.reason) == (False, 1, "apprise cannot use this address")


def test_the_environment_of_the_process_is_the_default(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setitem(os.environ, "WAREHOUSE_NOTIFY_URLS", webhook(server))
        send_notices(project, night())

    assert len(server.requests) == 1
