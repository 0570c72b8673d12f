"""One run as OpenLineage knows it: a job, an id that is always the same for the same run, the run it belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version as installed_version
from typing import Any

from warehouse.lineage.configuration import is_configured
from warehouse.lineage.facets import PRODUCER
from warehouse.lineage.names import DatasetName
from warehouse.lineage.sending import Sender, harmless, open_sender
from warehouse.project import Project
from warehouse.records import Record, Status
from warehouse.scrubbing import Secrets, secrets_of

NAMESPACE_VARIABLE = "OPENLINEAGE_NAMESPACE"
PARENT_VARIABLE = "OPENLINEAGE_PARENT_ID"
"""`namespace/job/run id` of the run that started this one, as Airflow and other schedulers set it."""
ROOT_VARIABLE = "OPENLINEAGE_ROOT_PARENT_ID"
STATES = {Status.PASSED: "COMPLETE", Status.FAILED: "FAIL", Status.ERROR: "FAIL", Status.INTERRUPTED: "ABORT"}
MOST_FINDINGS = 10
"""Of what failed, in an error message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetUse:
    """A dataset that a run read or wrote."""

    name: DatasetName
    facets: Mapping[str, Any] = field(default_factory=dict)
    """Of the dataset itself."""
    use_facets: Mapping[str, Any] = field(default_factory=dict)
    """Of this reading or writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of a run with lineage of its own: one model of a build."""

    job: str
    started_at: datetime
    seconds: float
    status: Status
    inputs: Sequence[DatasetUse] = ()
    outputs: Sequence[DatasetUse] = ()
    job_facets: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


class Run:
    """A run that catalogs are told of; without a configuration, or after a failure, it tells nobody."""

    def __init__(
        self, project: Project, *, job: str, run_id: str, started_at: str, sender: Sender | None, secrets: Secrets
    ) -> None:
        self.project = project
        self._job = job
        self._run_id = run_id
        self._started_at = datetime.fromisoformat(started_at)
        self._sender = sender
        self._secrets = secrets

    @property
    def is_told(self) -> bool:
        """Whether anybody listens: who gathers facts for nobody wastes time."""
        return self._sender is not None

    def shown(self, text: str) -> str:
        """The text without secrets."""
        return self._secrets.scrub(text)

    def tell_start(self) -> None:
        """Sends START."""
        if self._sender is None:
            return
        with harmless():
            self._sender.send([self._event("START", self._started_at)])

    def end(
        self,
        status: Status,
        *,
        seconds: float,
        error: str = "",
        inputs: Sequence[DatasetUse] = (),
        outputs: Sequence[DatasetUse] = (),
        steps: Sequence[Step] = (),
    ) -> None:
        """Sends what its steps did and COMPLETE, FAIL or ABORT, and waits for that, but not for ever."""
        if self._sender is None:
            return
        ended_at = self._started_at + timedelta(seconds=seconds)
        with harmless():
            told = [event for step in steps for event in self._step_events(step)]
            state = STATES.get(status, "ABORT")  # a record that could not be written still says `running`
            told.append(self._event(state, ended_at, inputs=inputs, outputs=outputs, error=error))
            self._sender.send(told)
        self._sender.close()
        self._sender = None

    def end_record(self, record: Record) -> None:
        """Ends it as its record says, without datasets: those are told of by the runs that are parts of it."""
        self.end(record.status, seconds=record.seconds, error=error_of(record))

    @contextmanager
    def as_parent(self) -> Iterator[None]:
        """Runs that start within it, also in other processes, name this one as the one that they belong to."""
        if self._sender is None:
            yield
            return
        own = f"{self._namespace}/{self._job}/{self._uuid(self._job, self._started_at)}"
        before = {name: os.environ.get(name) for name in (PARENT_VARIABLE, ROOT_VARIABLE)}
        root = before[ROOT_VARIABLE] or before[PARENT_VARIABLE] or own
        os.environ.update({PARENT_VARIABLE: own, ROOT_VARIABLE: root})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    @property
    def _namespace(self) -> str:
        return os.environ.get(NAMESPACE_VARIABLE) or self.project.root.name

    def _uuid(self, job: str, instant: datetime) -> str:
        """Always the same for the same run: one that died can be told of by the run after it."""
        from openlineage.client.uuid import generate_static_uuid

        words = f"{self.project.root}\0{job}\0{self._run_id}"
        return str(generate_static_uuid(instant, words.encode()))

    def _event(
        self,
        state: str,
        at: datetime,
        *,
        step: Step | None = None,
        inputs: Sequence[DatasetUse] = (),
        outputs: Sequence[DatasetUse] = (),
        error: str = "",
    ) -> Any:
        from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState
        from openlineage.client.event_v2 import Run as EventRun

        job = f"{self._job}.{step.job}" if step else self._job
        return RunEvent(
            eventTime=at.astimezone(UTC).isoformat(timespec="milliseconds"),
            eventType=RunState[state],
            producer=PRODUCER,
            run=EventRun(runId=self._uuid(job, self._started_at), facets=self._run_facets(step, error)),
            job=Job(
                namespace=self._namespace,
                name=job,
                facets={**self._job_type(step), **(step.job_facets if step else {})},
            ),
            inputs=[
                InputDataset(
                    namespace=use.name.namespace,
                    name=use.name.name,
                    facets=dict(use.facets),
                    inputFacets=dict(use.use_facets),
                )
                for use in inputs
            ],
            outputs=[
                OutputDataset(
                    namespace=use.name.namespace,
                    name=use.name.name,
                    facets=dict(use.facets),
                    outputFacets=dict(use.use_facets),
                )
                for use in outputs
            ],
        )

    def _step_events(self, step: Step) -> Iterator[Any]:
        yield self._event("START", step.started_at, step=step)
        state, ended_at = STATES[step.status], step.started_at + timedelta(seconds=step.seconds)
        yield self._event(state, ended_at, step=step, inputs=step.inputs, outputs=step.outputs, error=step.error)

    def _run_facets(self, step: Step | None, error: str) -> dict[str, Any]:
        from openlineage.client.facet_v2 import error_message_run, processing_engine_run, tags_run

        own = installed_version("ml-warehouse")
        facets: dict[str, Any] = {
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version=own, name="ml-warehouse", openlineageAdapterVersion=own, producer=PRODUCER
            ),
            "tags": tags_run.TagsRunFacet(
                tags=[tags_run.TagsRunFacetFields(key="warehouse_run", value=self._run_id, source="ml-warehouse")],
                producer=PRODUCER,
            ),
        }
        if (parent := self._parent(step)) is not None:
            facets["parent"] = parent
        if error:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(
                message=self.shown(error), programmingLanguage="Python", producer=PRODUCER
            )
        return facets

    def _job_type(self, step: Step | None) -> dict[str, Any]:
        from openlineage.client.facet_v2 import job_type_job

        kind = "TASK" if step else "JOB"
        return {
            "jobType": job_type_job.JobTypeJobFacet(
                processingType="BATCH", integration="ML_WAREHOUSE", jobType=kind, producer=PRODUCER
            )
        }

    def _parent(self, step: Step | None) -> Any:
        """The run that a step is part of, or that the environment names; None when neither is."""
        from openlineage.client.facet_v2 import parent_run

        outer = _named_run(os.environ.get(PARENT_VARIABLE, ""))
        root = _named_run(os.environ.get(ROOT_VARIABLE, "")) or outer
        if step is not None:
            outer = (self._namespace, self._job, self._uuid(self._job, self._started_at))
            root = root or outer
        if outer is None or root is None:
            return None
        return parent_run.ParentRunFacet(
            run=parent_run.Run(runId=outer[2]),
            job=parent_run.Job(namespace=outer[0], name=outer[1]),
            root=parent_run.Root(
                run=parent_run.RootRun(runId=root[2]), job=parent_run.RootJob(namespace=root[0], name=root[1])
            ),
            producer=PRODUCER,
        )


def start_run(project: Project, *, job: str, run_id: str, started_at: str) -> Run:
    """A run that begins now; sends START when OpenLineage is configured.

    Args:
        project: Its root's name is the jobs' namespace, unless `OPENLINEAGE_NAMESPACE` gives another.
        job: `build`, `nightly`, `export.late_arrivals`, ...
        run_id: Ours, of its record; shown as the tag `warehouse_run`.
        started_at: ISO 8601.
    """
    run = _opened(project, job=job, run_id=run_id, started_at=started_at)
    run.tell_start()
    return run


def abort_run(project: Project, *, job: str, record: Record, now: datetime) -> None:
    """Tells that a run whose process died will never end; it said so of itself no more."""
    run = _opened(project, job=job, run_id=record.id, started_at=record.started_at)
    seconds = max(record.seconds, (now - datetime.fromisoformat(record.started_at)).total_seconds())
    run.end(Status.INTERRUPTED, seconds=seconds, error="its process ended")


def error_of(record: Record) -> str:
    """What stopped the run, or its critical findings; empty when it passed."""
    if record.status is Status.PASSED:
        return ""
    if error := record.details.get("error"):
        return str(error)
    stages = [stage for stage in record.details.get("stages", ()) if stage["status"] in ("failed", "error")]
    findings = [finding for finding in record.details.get("findings", ()) if finding["severity"] == "critical"]
    lines = [f"{stage['name']}: {stage['message']}" for stage in stages]
    lines += [f"{finding['subject']}: {finding['message']}" for finding in findings[:MOST_FINDINGS]]
    lines += [f"and {len(findings) - MOST_FINDINGS} more"] if len(findings) > MOST_FINDINGS else []
    return "\n".join(lines) or record.status.value


def _opened(project: Project, *, job: str, run_id: str, started_at: str) -> Run:
    if not is_configured(project, os.environ):
        return Run(project, job=job, run_id=run_id, started_at=started_at, sender=None, secrets=Secrets())
    secrets = secrets_of(os.environ)
    sender = open_sender(project, secrets)
    return Run(project, job=job, run_id=run_id, started_at=started_at, sender=sender, secrets=secrets)


def _named_run(text: str) -> tuple[str, str, str] | None:
    """Namespace, job and run id; None for what is none. A namespace may hold slashes."""
    from uuid import UUID

    parts = text.rsplit("/", 2)
    if len(parts) != 3 or not all(parts):
        return None
    try:
        UUID(parts[2])
    except ValueError:
        return None
    return parts[0], parts[1], parts[2]
