"""Sends notices, with patience and an end: retries, a deadline for all of them, no secret in anything that it says."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse import storage
from warehouse.errors import MissingExtraError, StorageError, import_extra
from warehouse.findings import Finding, Severity
from warehouse.logs import event
from warehouse.notices.addresses import Address, read_addresses
from warehouse.notices.deciding import Decision, decide
from warehouse.notices.message import Message, message_of
from warehouse.notices.reasons import Reasons, is_final
from warehouse.project import Project
from warehouse.stages import Nightly

DEADLINE_SECONDS = 60.0
"""For all addresses together, retries included."""
FIRST_WAIT_SECONDS = 1.0
"""Before the second try; then twice as long each time."""
MOST_TRIES = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notice to one address."""

    label: str
    """What it is, without a secret: `jsons://hooks.example.com`, `slack`."""
    sent: bool
    tries: int
    seconds: float
    reason: str = ""
    """Why it was not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What became of a run's notices."""

    message: str
    """One sentence for the stage."""
    notice: str
    """Which notice it is; the same outcome of a resumed run makes the same."""
    due: bool
    deliveries: tuple[Delivery, ...] = ()
    already_sent: tuple[str, ...] = ()
    """Labels that had it from the run that this one went on from."""
    findings: tuple[Finding, ...] = ()

    @property
    def details(self) -> dict[str, Any]:
        """For the stage's details in the record."""
        return {
            "notice": self.notice,
            "due": self.due,
            "sent": [*self.already_sent, *(delivery.label for delivery in self.deliveries if delivery.sent)],
            "not_sent": [delivery.label for delivery in self.deliveries if not delivery.sent],
        }


def send_notices(
    project: Project,
    nightly: Nightly,
    *,
    previous: Nightly | None = None,
    environment: Mapping[str, str] | None = None,
    report_path: Path | None = None,
    deadline_seconds: float = DEADLINE_SECONDS,
    first_wait_seconds: float = FIRST_WAIT_SECONDS,
) -> Notices:
    """Tells all addresses of this run, when its outcome is one to tell of. Never raises what a notice may cause.

    Addresses are read from the environment alone (`WAREHOUSE_NOTIFY_URLS`, or what `notify_urls_from` names). One that
    had this notice from the run that this one went on from does not get it again.

    Args:
        project: Its settings `notify_on`, `notify_urls_from`, `report_url` say when, whom, and where the report is.
        nightly: The run; its stages before this one.
        previous: The nightly run that ended before it, whether or not this one went on from that.
        environment: Default: this process's.
        report_path: The run's page.
        deadline_seconds: For all together. What has not been sent then is given up.
        first_wait_seconds: Before the second try; doubles from try to try.
    """
    known = os.environ if environment is None else environment
    decision = decide(nightly, previous, project.settings.notify_on)
    addresses, problems = read_addresses(project.settings.notify_urls_from, known)
    if not decision.due or (not addresses and not problems):
        reason = decision.reason if addresses or problems else "no addresses to send notices to"
        return Notices(message=f"nobody was told: {reason}", notice=decision.notice, due=decision.due)
    done = _ledger(project, nightly, decision)
    if done:
        _remember(project, nightly, decision, done)
    wanted = [address for address in addresses if address.label not in done]
    findings = [_finding("addresses", problem, _WHERE) for problem in problems]
    deliveries: tuple[Delivery, ...] = ()
    try:
        message = message_of(project, nightly, report_path=report_path)
        deliveries = _send_all(project, nightly, decision, wanted, message, done, deadline_seconds, first_wait_seconds)
    except MissingExtraError as error:
        findings.append(_finding("apprise", str(error).splitlines()[0], str(error).splitlines()[-1].strip()))
    findings += [
        _finding(
            delivery.label,
            f"not told after {_tries(delivery)}: {delivery.reason}",
            "look at the address and its service",
        )
        for delivery in deliveries
        if not delivery.sent
    ]
    return Notices(
        message=_sentence(decision, deliveries, done, findings),
        notice=decision.notice,
        due=True,
        deliveries=deliveries,
        already_sent=tuple(done),
        findings=tuple(findings),
    )


_WHERE = "addresses stand in the environment, and notify_urls_from names the variables; see docs/nightly.md"


def _send_all(
    project: Project,
    nightly: Nightly,
    decision: Decision,
    addresses: list[Address],
    message: Message,
    done: list[str],
    deadline_seconds: float,
    first_wait_seconds: float,
) -> tuple[Delivery, ...]:
    """All at the same time; each in a thread that nobody waits for longer than the deadline, whatever it hangs on."""
    if not addresses:
        return ()
    apprise = import_extra("apprise", extra="notify")
    end = time.monotonic() + deadline_seconds
    results: dict[str, Delivery] = {}
    guard = threading.Lock()

    def deliver(address: Address) -> None:
        delivery = _deliver(apprise, address, message, end=end, first_wait_seconds=first_wait_seconds)
        with guard:
            if closed.is_set():
                return
            results[address.label] = delivery
            if delivery.sent:
                # Written at once: a kill between here and the run's record must not make a resumed run tell again.
                _remember(project, nightly, decision, [*done, *(r.label for r in results.values() if r.sent)])

    closed = threading.Event()
    threads = [threading.Thread(target=deliver, args=(address,), daemon=True) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()) + 0.1)
    with guard:
        closed.set()
    late = {
        address.label: Delivery(
            label=address.label, sent=False, tries=1, seconds=deadline_seconds, reason="no answer before the deadline"
        )
        for address in addresses
    }
    deliveries = tuple({**late, **results}[address.label] for address in addresses)
    for delivery in deliveries:
        name = "notice_sent" if delivery.sent else "notice_failed"
        text = f"told {delivery.label}" if delivery.sent else f"{delivery.label} was not told: {delivery.reason}"
        fields = {"label": delivery.label, "tries": delivery.tries, "seconds": round(delivery.seconds, 3)}
        _log.log(logging.INFO if delivery.sent else logging.WARNING, text, extra=event(name, **fields))
    return deliveries


def _deliver(apprise: Any, address: Address, message: Message, *, end: float, first_wait_seconds: float) -> Delivery:
    """Tries until it is sent, refused for good, or the time is up."""
    started = time.monotonic()
    wait, tries, reason = first_wait_seconds, 0, "no time left"
    while tries < MOST_TRIES and time.monotonic() < end:
        tries += 1
        reason = _try(apprise, address, message)
        if not reason or is_final(reason):
            break
        if tries == MOST_TRIES or time.monotonic() + wait >= end:
            break
        time.sleep(wait)
        wait *= 2
    seconds = time.monotonic() - started
    return Delivery(label=address.label, sent=not reason, tries=tries, seconds=seconds, reason=reason)


def _try(apprise: Any, address: Address, message: Message) -> str:
    """Empty when it was sent; else why not, in words that are ours: those of libraries may hold the address."""
    with Reasons() as reasons:
        try:
            sender = apprise.Apprise(asset=_asset(apprise))
            if not sender.add(address.url):
                return "apprise cannot use this address"
            sent = sender.notify(
                body=message.body,
                title=message.title,
                notify_type=apprise.NotifyType(message.kind),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # a notice may fail in any way, and must not fail the night
            return f"apprise failed with {type(error).__name__}"
        return "" if sent else reasons.text


def _asset(apprise: Any) -> Any:
    """Who it is from. Receivers are not made to load pictures from elsewhere; a redirect is not sent the message."""
    return apprise.AppriseAsset(
        app_id="ml-warehouse",
        app_desc="ml-warehouse",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        async_mode=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )


def _ledger_path(project: Project, run_id: str) -> Path:
    return project.warehouse_path / "logs" / run_id / "notices.json"


def _ledger(project: Project, nightly: Nightly, decision: Decision) -> list[str]:
    """Labels that had this very notice from this run or the one it went on from."""
    found: dict[str, None] = {}
    for run_id in filter(None, (nightly.resumed_from, nightly.id)):
        try:
            document = json.loads(_ledger_path(project, run_id).read_text(encoding="utf-8"))
            if document["notice"] == decision.notice:
                found |= dict.fromkeys(map(str, document["sent"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return list(found)


def _remember(project: Project, nightly: Nightly, decision: Decision, sent: list[str]) -> None:
    try:
        storage.write_json(_ledger_path(project, nightly.id), {"notice": decision.notice, "sent": sent})
    except StorageError:
        _log.warning("cannot write down which notices were sent", extra=event("notices_not_written"))


def _finding(subject: str, message: str, advice: str) -> Finding:
    return Finding(severity=Severity.WARNING, check="notify", subject=subject, message=message, advice=advice)


def _tries(delivery: Delivery) -> str:
    return f"{delivery.tries} {'try' if delivery.tries == 1 else 'tries'}"


def _sentence(decision: Decision, deliveries: tuple[Delivery, ...], done: list[str], findings: list[Finding]) -> str:
    sent = [delivery.label for delivery in deliveries if delivery.sent]
    told = f"told {', '.join(sent)}, as {decision.reason}" if sent else "nobody was told"
    if done and not sent:
        told = f"{', '.join(done)} had been told by the run that this one went on from"
    failed = sum(not delivery.sent for delivery in deliveries)
    return f"{told}; {failed} could not be told" if failed else told
