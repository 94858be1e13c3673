"""The server itself: which tools and resources there are, and what they are called with.

Read-only unless it was opened with control: then the tools that change something exist at all. Every fault a caller can
mend is an answer with ``is_error`` and one sentence; every wait is bounded. The functions are plain ones, which the SDK
runs in threads of their own.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import orjson
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp_types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import Field, ValidationError

from swarmd import __version__
from swarmd.state.errors import InvariantError, OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor.asking import answered
from swarmd.supervisor.mcp import drafts, reading
from swarmd.supervisor.mcp.answers import (
    Asked,
    Champion,
    Draft,
    Explained,
    KnowledgeFound,
    Page,
    Standing,
    Started,
    Stopped,
)
from swarmd.supervisor.mcp.bounds import ROWS_MAX, fitting, text

P = ParamSpec("P")
A = TypeVar("A")

Topic = Literal[
    "lanes", "runs", "jobs", "champions", "incidents", "actions", "agents", "throughput", "hypotheses", "tracker",
    "events",
]  # fmt: skip
Id = Annotated[str, Field(min_length=1, max_length=256)]
Offset = Annotated[int, Field(ge=0, le=10_000_000)]
Limit = Annotated[int, Field(ge=1, le=ROWS_MAX)]
Words = Annotated[str, Field(max_length=2_000)]

_ASKED_BY = "mcp"
_STOP_WITHIN_S = 120.0
_LOOKS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_CHANGES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_ENDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)

_ABOUT = (
    "swarmd searches trading strategies unattended. A campaign goes draft -> run -> poll: campaign_draft checks the "
    "YAML and keeps it, campaign_run starts the daemon, campaign_poll tells progress, verdicts and champions until "
    "is_over. explain(id) tells why, for any id seen in an answer. Times are UTC."
)


class _Server(MCPServer[None]):
    """The SDK's, but for what it says of arguments that do not fit: a line each, without what pydantic links to."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[None, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as wrong:
            if isinstance(wrong.__cause__, ValidationError):
                raise ToolError(_misfits(name, wrong.__cause__)) from wrong.__cause__
            raise


def _misfits(tool: str, wrong: ValidationError) -> str:
    """Which argument, and what it should be; what was given is the caller's and is not repeated."""
    each = (
        f"{'.'.join(str(part) for part in flaw['loc']) or 'the arguments'}: {flaw['msg']}"
        for flaw in wrong.errors(include_url=False, include_context=False, include_input=False)
    )
    return text(f"{tool} cannot be called so: {'; '.join(each)}")


def make_server(home: Home, *, allows_control: bool, data: tuple[Path, ...] = ()) -> MCPServer[None]:
    server = _Server("swarmd", version=__version__, instructions=_ABOUT, log_level="WARNING")
    allowed = tuple(path.resolve() for path in (home.root, *data))
    _resources(server, home)
    _readers(server, home, allowed)
    if allows_control:
        _controls(server, home, allowed)
    return server


def _told(function: Callable[P, A], fault: type[Exception] = ToolError) -> Callable[P, A]:
    """Faults of ours as the SDK's: one sentence for the caller instead of ``Error executing tool``."""

    @functools.wraps(function)
    def told(*args: P.args, **kwargs: P.kwargs) -> A:
        try:
            return function(*args, **kwargs)
        except (OperatorError, OutsideError, InvariantError) as wrong:
            raise fault(text(str(wrong))) from None
        except (OSError, UnicodeError) as wrong:
            raise fault(text(f"cannot be read: {wrong}")) from None

    return told


# -- resources --------------------------------------------------------------------------------------------------------


def _resources(server: MCPServer[None], home: Home) -> None:
    def json(document: Any) -> str:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode()

    def resource(uri: str, what: str, mime: str = "application/json") -> Callable[[Callable[P, str]], None]:
        def register(function: Callable[P, str]) -> None:
            server.resource(uri, description=what, mime_type=mime)(_told(function, ResourceError))

        return register

    @resource("swarmd://state", "The continuity state: campaign, goal, lanes, jobs, incidents, next steps, champions.")
    def state() -> str:
        return json(reading.state(home))

    @resource("swarmd://incidents", "The incidents on record, with cause, remedy and outcome.")
    def incidents() -> str:
        return json(reading.page(home, "incidents", offset=0, limit=ROWS_MAX, contains="").rows)

    @resource("swarmd://champions", "The champions, and how each stands.")
    def champions() -> str:
        return json(fitting(reading.champion_rows(home)[:ROWS_MAX]))

    @resource("swarmd://champions/{id}", "A champion: its record, its file, its certificate.")
    def champion(id: str) -> str:
        return json(reading.champion(home, id).model_dump())

    @resource("swarmd://certificates/{id}", "The certificate of a champion.")
    def certificate(id: str) -> str:
        return json(reading.certificate(home, id))

    @resource("swarmd://handoff", "The newest handoff page.", "text/markdown")
    def handoff() -> str:
        return reading.handoff(home)

    @resource("swarmd://knowledge/{id}", "An entry of the knowledge base.")
    def knowledge(id: str) -> str:
        return json(reading.knowledge_entry(home, id))


# -- tools that look --------------------------------------------------------------------------------------------------


def _readers(server: MCPServer[None], home: Home, allowed: tuple[Path, ...]) -> None:
    def tool(function: Callable[P, A]) -> None:
        server.tool(annotations=_LOOKS)(_told(function))

    @tool
    def query(topic: Topic, offset: Offset = 0, limit: Limit = 50, contains: Words = "") -> Page:
        """Rows of one topic of the swarm's state; contains keeps those with that text. Works with the daemon dead."""
        return reading.page(home, topic, offset=offset, limit=limit, contains=contains)

    @tool
    def explain(id: Id) -> Explained:
        """Why: the chain of records from any id (job, run, incident, action, champion, request) back to its causes."""
        return reading.explained(home, id)

    @tool
    def knowledge_search(
        question: Annotated[str, Field(min_length=1, max_length=2_000)],
        domain: Annotated[str, Field(max_length=100)] = "",
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> KnowledgeFound:
        """What earlier campaigns, failures and documents teach about a few words."""
        return reading.knowledge(home, question, domain=domain, limit=limit)

    @tool
    def champions_list(offset: Offset = 0, limit: Limit = 50) -> Page:
        """The champions, and how each stands."""
        reading.require_journal(home)
        return reading.page(home, "champions", offset=offset, limit=limit, contains="")

    @tool
    def champions_show(id: Id) -> Champion:
        """One champion: parameters, metrics, certificate, and where it came from."""
        return reading.champion(home, id)

    @tool
    def campaign_check(yaml: str) -> Draft:
        """Check a campaign file without keeping it: every problem with line, column and field."""
        return drafts.drafted(home, yaml, allowed, is_kept=False)

    @tool
    def campaign_poll(id: Id) -> Standing:
        """How a campaign stands: jobs, rate, ETA, lanes, verdicts, champions. id is a draft's or a campaign's name."""
        return drafts.standing(home, id)


# -- tools that change something --------------------------------------------------------------------------------------


def _controls(server: MCPServer[None], home: Home, allowed: tuple[Path, ...]) -> None:
    def tool(annotations: ToolAnnotations) -> Callable[[Callable[P, A]], None]:
        def register(function: Callable[P, A]) -> None:
            server.tool(annotations=annotations)(_told(function))

        return register

    def asked(verb: str, subject: str = "", place: str = "first") -> Asked:
        answer = answered(home, verb, subject=subject, place=place, asked_by=_ASKED_BY)
        if answer.is_refused:
            raise OperatorError(answer.text)
        return Asked.model_validate(answer.document())

    @tool(_CHANGES)
    def campaign_draft(yaml: str) -> Draft:
        """Check a campaign file and keep it: its id goes to campaign_run. Problems come with line, column and field."""
        return drafts.drafted(home, yaml, allowed, is_kept=True)

    @tool(_CHANGES)
    def campaign_run(id: Id, until_done: bool = True) -> Started:
        """Start a drafted campaign in the background; it goes on when this server ends."""
        return drafts.run(home, id, allowed, until_done=until_done)

    @tool(_CHANGES)
    def campaign_pause() -> Asked:
        """Start no new runs; running ones go on."""
        return asked("pause")

    @tool(_CHANGES)
    def campaign_resume() -> Asked:
        """Go on after a pause."""
        return asked("resume")

    @tool(_ENDS)
    def campaign_stop() -> Stopped:
        """Let the runs end at a safe point, write the handoff, end the daemon. `swarmd start` takes it up again."""
        return _stop(home)

    @tool(_ENDS)
    def campaign_cancel(campaign: Id) -> Asked:
        """Kill the campaign's runs now, for good, and write the handoff. There is no resume."""
        return asked("cancel", campaign)

    @tool(_ENDS)
    def run_kill(target: Id) -> Asked:
        """End one run now, by its id or its lane's; its job is taken up again by the next attempt."""
        return asked("kill", target)

    @tool(_CHANGES)
    def job_retry(job: Id) -> Asked:
        """A fresh start for a job that failed or was quarantined, and for all that was skipped behind it."""
        return asked("retry", job)

    @tool(_CHANGES)
    def asset_prioritise(symbol: Id, place: Literal["first", "last"] = "first") -> Asked:
        """Move an asset to the front of the queue, or to its end."""
        return asked("prioritise", symbol, place)


def _stop(home: Home) -> Stopped:
    import time

    from swarmd.supervisor.commands.stop import stop_daemon
    from swarmd.supervisor.glance import newest_handoff
    from swarmd.supervisor.presence import daemon_of

    running = daemon_of(home)
    if running is None:
        return Stopped(was_running=False, handoff=None)
    began = time.time()
    stop_daemon(home, running, now=False, timeout_s=_STOP_WITHIN_S)
    page = newest_handoff(home, since=began - 1)
    return Stopped(was_running=True, handoff=None if page is None else str(page))
