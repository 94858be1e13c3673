"""What the tools give back: one typed model each, so that a client gets structured content and its schema."""

from typing import Any

from pydantic import BaseModel, Field

Row = dict[str, Any]


class Page(BaseModel):
    """Some rows of a topic. ``next_offset`` is where the following page begins, None where this is the last."""

    topic: str
    as_of: str
    source: str = Field(description="'daemon' while one runs, 'journal' otherwise")
    total: int
    rows: list[Row]
    next_offset: int | None = None


class Explained(BaseModel):
    """Why something is as it is: the newest record first, back to what was observed; ``is_cut`` where older ones are
    left out."""

    id: str
    chain: list[Row]
    incident: Row | None = None
    is_cut: bool = False


class KnowledgeHit(BaseModel):
    id: str
    domain: str
    kind: str
    title: str
    text: str
    source: str
    evidence: list[str]
    score: float


class KnowledgeFound(BaseModel):
    question: str
    hits: list[KnowledgeHit]
    suggestion: str | None = None


class Champion(BaseModel):
    """``record`` is what the journal says of it, ``file`` the champion file: parameters, metrics, checksum."""

    id: str
    record: Row
    file: Row | None
    certificate: Row | None = None


class DraftProblem(BaseModel):
    """Something wrong with a campaign file; ``line`` and ``column`` count from 1."""

    line: int
    column: int
    field: str
    text: str


class Draft(BaseModel):
    """``id`` goes to ``campaign_run`` and ``campaign_poll``; None where there are problems, or nothing was kept."""

    id: str | None
    is_valid: bool
    problems: list[DraftProblem]
    campaign: str = ""
    jobs_planned: int = 0
    data_root: str = ""


class Started(BaseModel):
    id: str
    campaign: str
    pid: int
    home: str


class LaneNow(BaseModel):
    """``rate`` is in units a second."""

    lane: str
    job: str
    done: int | None = None
    total: int | None = None
    rate: float | None = None
    eta_s: float | None = None


class Verdict(BaseModel):
    symbol: str
    mode: str
    sentence: str
    is_champion: bool
    marks: list[str] = Field(description="a word for each phase of the campaign, in order")


class Standing(BaseModel):
    """How a campaign stands. ``is_over`` once it is done, cancelled or stopped; only then are the verdicts final."""

    id: str
    campaign: str
    status: str = Field(description="not_started, active, paused, stopped, done or cancelled")
    reason: str
    is_over: bool
    daemon_alive: bool
    as_of: str
    jobs: dict[str, int]
    settled: int
    total: int
    jobs_per_hour: float | None = None
    eta_s: float | None = None
    waits_because: str = ""
    lanes: list[LaneNow] = []
    verdicts: list[Verdict] = []
    champions: list[str] = []
    incidents_open: list[str] = []


class Asked(BaseModel):
    """The daemon's answer to a request; ``campaign`` and ``status`` are as they stood with it."""

    request: str
    answer: str
    refused: bool
    campaign: str
    status: str


class Stopped(BaseModel):
    was_running: bool
    handoff: str | None
