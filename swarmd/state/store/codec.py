"""Records to journal lines and back. One new record class is one new line in ``KINDS``.

A line is ``{"seq","at","kind","v","id","caused_by","data","crc"}``; ``crc`` covers the bytes before it. Old
versions are lifted by an upcast before they are read; a version or kind we do not know is refused, never guessed at.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from swarmd.state.actions import ActionTaken, Refusal
from swarmd.state.errors import InvariantError, OperatorError
from swarmd.state.records.beat import Beat
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.champion import Champion
from swarmd.state.records.device import Device
from swarmd.state.records.errand import Errand
from swarmd.state.records.failure import Failure
from swarmd.state.records.gauge import Cycle, Document, Finding, Gauge, Scores
from swarmd.state.records.hypothesis import Hypothesis
from swarmd.state.records.incident import Incident
from swarmd.state.records.job import Job
from swarmd.state.records.lane import Lane
from swarmd.state.records.lesson import Lesson
from swarmd.state.records.monitoring import Monitoring
from swarmd.state.records.node import Node
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request
from swarmd.state.records.result import Result
from swarmd.state.records.run import RUN_SHAPES, RunRecord
from swarmd.state.records.session import Session
from swarmd.state.records.source import Source
from swarmd.state.records.step import Step
from swarmd.state.records.throughput import Fastest, Throughput
from swarmd.state.store.raw import Said, sealed
from swarmd.state.units import iso, millis_of_iso

KINDS: Mapping[str, TypeAdapter[Any]] = {
    "action": TypeAdapter(ActionTaken),
    "beat": TypeAdapter(Beat),
    "campaign": TypeAdapter(Campaign),
    "champion": TypeAdapter(Champion),
    "cycle": TypeAdapter(Cycle),
    "device": TypeAdapter(Device),
    "document": TypeAdapter(Document),
    "errand": TypeAdapter(Errand),
    "failure": TypeAdapter(Failure),
    "fastest": TypeAdapter(Fastest),
    "finding": TypeAdapter(Finding),
    "gauge": TypeAdapter(Gauge),
    "hypothesis": TypeAdapter(Hypothesis),
    "incident": TypeAdapter(Incident),
    "job": TypeAdapter(Job),
    "lane": TypeAdapter(Lane),
    "lesson": TypeAdapter(Lesson),
    "monitoring": TypeAdapter(Monitoring),
    "node": TypeAdapter(Node),
    "policy": TypeAdapter(Policy),
    "refusal": TypeAdapter(Refusal),
    "request": TypeAdapter(Request),
    "result": TypeAdapter(Result),
    "run": RUN_SHAPES,  # a union: ordered, alive, ended
    "scores": TypeAdapter(Scores),
    "session": TypeAdapter(Session),
    "source": TypeAdapter(Source),
    "step": TypeAdapter(Step),
    "throughput": TypeAdapter(Throughput),
}


def _without_rungs(campaign: dict[str, Any]) -> dict[str, Any]:
    """A campaign of before there were rungs: its jobs are planned, and it gets no further ones."""
    settings = campaign["settings"]
    search = settings["search"]
    refine = {**search["refine"], "rungs": []}
    return {**campaign, "settings": {**settings, "search": {**search, "refine": refine}}}


# {(kind, old version): data of that version -> data of the next}
UPCASTS: Mapping[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {("campaign", 1): _without_rungs}

_CLASSES: tuple[type[Record], ...] = (
    ActionTaken, Beat, Campaign, Champion, Cycle, Device, Document, Errand, Failure, Fastest, Finding, Gauge,
    Hypothesis, Incident, Job, Lane, Lesson, Monitoring, Node, Policy, Refusal, Request, Result, RunRecord, Scores,
    Session, Source, Step, Throughput,
)  # fmt: skip
VERSIONS: Mapping[str, int] = {shape.KIND: shape.VERSION for shape in _CLASSES}
_OUTSIDE_DATA = {"id", "at", "caused_by"}


def said_of(record: Record, seq: int) -> Said:
    """The line's content as a plain dictionary, without its checksum."""
    return {
        "seq": seq,
        "at": iso(record.at),
        "kind": record.KIND,
        "v": record.VERSION,
        "id": record.id,
        "caused_by": list(record.caused_by),
        "data": record.model_dump(mode="json", exclude=_OUTSIDE_DATA),
    }


def encode(record: Record, seq: int) -> bytes:
    """One whole line. Raises InvariantError if the record cannot be written as JSON."""
    try:
        return sealed(orjson.dumps(said_of(record, seq)))
    except (TypeError, ValueError) as cause:
        raise InvariantError(f"{record.KIND} {record.id!r} cannot be written as a journal line: {cause}") from cause


def refuse_unknown(said: Said, where: str) -> None:
    """Raises OperatorError for a line from a later swarmd: reading past it would be silently wrong."""
    kind, version = said["kind"], said.get("v")
    known = VERSIONS.get(kind)
    if known is None or not isinstance(version, int) or version > known:
        of_ours = f"this one knows version {known}" if known else "this one knows no such kind"
        raise OperatorError(
            f"{where} holds a record of kind {kind!r}, version {version}, from another swarmd ({of_ours}); "
            "install the swarmd that wrote it, or use another home"
        )


def decode(said: Said) -> Record:
    """The record of a line. Raises OperatorError for an unknown future, InvariantError where a shape does not fit."""
    refuse_unknown(said, f"line seq {said.get('seq')}")
    kind, data = said["kind"], said["data"]
    for version in range(said["v"], VERSIONS[kind]):
        data = UPCASTS[kind, version](data)
    try:
        record: Record = KINDS[kind].validate_python(
            {**data, "id": said["id"], "at": millis_of_iso(said["at"]), "caused_by": said["caused_by"]}
        )
    except (ValidationError, ValueError, KeyError) as cause:
        what = " ".join(str(cause).split())
        raise InvariantError(
            f"{kind} {said.get('id')!r} (seq {said.get('seq')}) does not fit its shape: {what}"
        ) from cause
    return _lean(record)


# {(shape, names of the fields that were given): one set of those names for all records of that form}
_GIVEN: dict[tuple[type, frozenset[str]], set[str]] = {}


def _lean(record: Record) -> Record:
    """Every model keeps a set of the fields it was given: the same ones, for thousands of records of a kind.

    One set for all of them takes 13 of 45 MiB off a picture of 15,000 records. A copy (``model_copy``) gets its own.
    """
    for model in (record, *(inner for inner in vars(record).values() if isinstance(inner, BaseModel))):
        given = model.model_fields_set
        shared = _GIVEN.setdefault((type(model), frozenset(given)), given)
        object.__setattr__(model, "__pydantic_fields_set__", shared)
    return record
