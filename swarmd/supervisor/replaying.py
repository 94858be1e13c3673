"""A journal decided again from its first line: every cycle's View rebuilt, every agent asked anew.

Fed line by line, it folds what was observed, stops where a cycle decided, and has ``redeciding`` compare. It says what
it could not see: cycles that left no trace, stretches after lost lines, cycles that were cut off. No file is read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmd.agents.contract import Agent
from swarmd.state.actions import ActionTaken, Refusal
from swarmd.state.errors import InvariantError
from swarmd.state.projection import Projection
from swarmd.state.records.gauge import Cycle, Scores
from swarmd.state.records.incident import Signature
from swarmd.state.records.record import Record
from swarmd.state.store.codec import decode
from swarmd.state.store.raw import Line, Said
from swarmd.state.units import Millis, iso
from swarmd.supervisor.deciding_lines import OURSELVES, concerns, failures_before, index_of, last_line_before, number_of
from swarmd.supervisor.redeciding import (
    Decided,
    Difference,
    Redecided,
    Wished,
    cannot_be_recorded,
    differences,
    differences_of_part,
    redecide,
)
from swarmd.supervisor.replay_report import Found, Report, Stretch

_JOURNAL = "journal/"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tables as they stood after line ``seq``: where lines before it are lost, the replay goes on from here.

    With ``is_base`` the lines before it were removed on purpose, and nothing is lost.
    """

    seq: int
    lines: Sequence[Line]
    is_base: bool = False


@dataclass(frozen=True, slots=True)
class _Stop:
    """Where to halt and decide: after line ``seq``, at ``now``."""

    seq: int
    now: Millis
    number: int
    cycle: Cycle | None = None
    is_cut_off: bool = False


class Replay:
    """``feed`` it the lines in order, then ``finish``. Only cycles of ``session``, or about ``run``, are decided again.

    ``damages`` names the damaged places the reader found (``segment:line``): once a session has said that it knows of
    all of them, it decided from what we have. ``rules`` is the digest of the roster's rules, where it is known.
    """

    def __init__(
        self,
        roster: Sequence[Agent],
        *,
        session: str = "",
        run: str = "",
        snapshots: Sequence[Snapshot] = (),
        damages: frozenset[str] = frozenset(),
        rules: str = "",
    ) -> None:
        self.report = Report(rules_of_today=rules)
        self._roster = roster
        self._wanted_session, self._wanted_run = session, run
        self._snapshots, self._damages = snapshots, damages
        self._projection = Projection()
        self._pending: list[Said] = []
        self._seq = 0
        self._session = self._code_version = ""
        self._session_seq = 0
        self._last_number = 0  # 0: the session's first cycle is still to come
        self._doubt: Stretch | None = None
        self._is_reopened = False  # a session has begun since the doubt did
        self._told_damages: set[str] = set()
        self._known_from = 0  # the line of the snapshot the replay went on from

    def feed(self, line: Line) -> None:
        """Raises OperatorError for a line of a later swarmd."""
        if line.seq != self._seq + 1:
            self._settle()
            first, last = self._seq + 1, line.seq - 1
            self._doubt_from(first, f"line {first} is lost" if first == last else f"lines {first} to {last} are lost")
        for snapshot in self._snapshots:
            if self._doubt is not None and self._seq <= snapshot.seq < line.seq:
                self._restart_from(snapshot)
        self._seq = line.seq
        said = line.said  # parsed anew each time it is asked for
        kind = said["kind"]
        if kind == "session" and said["data"].get("status") == "open":
            self._settle()
            data = said["data"]
            self._opens(said["id"], str(data.get("code_version", "")), str(data.get("rules", "")))
            self._session_seq, self._last_number, self._is_reopened = line.seq, 0, True
        elif kind == "source" and said["id"].startswith(_JOURNAL):
            self._told_damages.add(said["id"].removeprefix(_JOURNAL).rpartition("@")[0])
        self._pending.append(said)
        if kind == "cycle":
            self._cycle(said)

    def _opens(self, session: str, code_version: str, rules: str) -> None:
        self._session, self._code_version = session, code_version
        self.report.sessions[session], self.report.rules[session] = code_version, rules

    def finish(self) -> Report:
        self._settle()
        if self._doubt is not None:
            self._end_doubt(self._seq)
        return self.report

    # -- doubt --------------------------------------------------------------------------------------------------------

    def _doubt_from(self, seq: int, because: str) -> None:
        if self._doubt is None:
            self._doubt = Stretch(seq, because)
            self._is_reopened = False
        elif because not in self._doubt.because:
            self._doubt.because += f"; {because}"

    def _end_doubt(self, last_seq: int) -> None:
        if self._doubt is not None:
            self._doubt.last_seq = last_seq
            self.report.stretches.append(self._doubt)
        self._doubt = None

    def _is_in_doubt(self) -> bool:
        """A session that was told of every damage folded the lines that are left, as we did: from it on we know."""
        if self._doubt is not None and self._is_reopened and self._damages <= self._told_damages:
            self._end_doubt(self._session_seq - 1)
        return self._doubt is not None

    def _restart_from(self, snapshot: Snapshot) -> None:
        self._pending.clear()
        self._projection = Projection()
        self._projection.apply_lines(snapshot.lines)
        self._known_from = snapshot.seq
        if snapshot.is_base:
            self._doubt = None
        self._end_doubt(snapshot.seq)
        session = self._projection.view().session
        if session is not None:
            self._opens(session.id, session.code_version, session.rules)

    # -- cycles -------------------------------------------------------------------------------------------------------

    def _cycle(self, said: Said) -> None:
        """All that is pending, up to and with the record of a cycle."""
        cycle = self._decoded(said)
        if not isinstance(cycle, Cycle):
            return
        between = cycle.number - self._last_number - 1
        if self._is_in_doubt():
            assert self._doubt is not None
            self._doubt.cycles += 1 + len(cycle.quiet)
        elif self._is_wanted():
            if self._last_number and not self._wanted_run:
                self.report.unseen += max(0, between - len(cycle.quiet))
            stops = [*self._cut_off(cycle.number), self._stop_of(cycle)]
            if not self._wanted_run:
                stops += [_Stop(cycle.seen - lines, cycle.at - ms, cycle.number) for lines, ms in cycle.quiet]
            for stop in sorted(stops, key=lambda stop: (stop.seq, stop.now)):
                if stop.seq >= self._known_from:
                    self._decide(stop)
                else:
                    self.report.unseen += 1  # what it saw is not in the snapshot any more
        self._last_number = cycle.number
        self._apply_until(said["seq"])

    def _settle(self) -> None:
        """The end of a session, or of what can be read of it: what is pending has no record of its cycle any more."""
        if self._doubt is None and self._is_wanted():
            for stop in self._cut_off(0):
                self._decide(stop)
        self._apply_until(self._seq)

    def _is_wanted(self) -> bool:
        return not self._wanted_session or self._session == self._wanted_session

    def _stop_of(self, cycle: Cycle) -> _Stop:
        if cycle.seen:
            return _Stop(cycle.seen, cycle.at, cycle.number, cycle)
        # Before ``seen`` was kept: the first line of its deciding is an action of its number, or a refusal of its time.
        first = next(
            said["seq"]
            for said in self._pending
            if number_of(said) == cycle.number or (said["kind"] in ("refusal", "cycle") and said["at"] == iso(cycle.at))
        )
        return _Stop(first - 1, cycle.at, cycle.number, cycle)

    def _cut_off(self, number: int) -> list[_Stop]:
        """Cycles among the pending of which there are actions and no record: killed or out of disk in the middle."""
        firsts: dict[int, Said] = {}
        for said in self._pending:
            of = number_of(said)
            if of not in (0, number):
                firsts.setdefault(of, said)
        stops = []
        for of, said in firsts.items():
            action = self._decoded(said)
            if isinstance(action, ActionTaken):
                stops.append(_Stop(said["seq"] - 1, action.at, of, is_cut_off=True))
        return stops

    def _decide(self, stop: _Stop) -> None:
        """Halt at the stop, decide again, and compare with what the lines after it say."""
        if self._wanted_run and not any(
            concerns(said, stop.number, stop.now, self._wanted_run) for said in self._pending
        ):
            return
        # What an agent's failure (or recovery) left while it decided is written before the first action, and not seen.
        failures = failures_before(self._pending, stop.seq, stop.now)
        self._apply_until(stop.seq - len(failures))
        if self._doubt is not None:
            self._doubt.cycles += 1
            return
        view = self._projection.view()
        redecided = redecide(view, self._roster, stop.now)
        self._apply_until(stop.seq)
        then = self._decided(stop, failures)
        self.report.decisions += then.n_decisions
        if stop.is_cut_off:
            self.report.cut_off += 1
            self._found(stop, differences_of_part(then, redecided))
        else:
            self.report.cycles += stop.cycle is not None
            self.report.quiet += stop.cycle is None
            self._found(stop, differences(then, redecided, self._dropped(stop, then, redecided)))

    def _decided(self, stop: _Stop, failures: list[Said]) -> Decided:
        """What the journal says this cycle decided; the lines up to the stop are applied."""
        then = Decided(cycle=stop.cycle)
        at = iso(stop.now)
        for said in self._pending:
            if stop.cycle is None and not stop.is_cut_off and said["at"] != at:
                break  # a quiet cycle's own lines have come to their end
            kind = said["kind"]
            if kind == "action" and number_of(said) == stop.number and (stop.cycle or stop.is_cut_off):
                if isinstance(action := self._decoded(said), ActionTaken):
                    then.actions[index_of(said)] = Wished(action.agent, action.action)
            elif kind == "refusal" and stop.cycle and isinstance(refusal := self._decoded(said), Refusal):
                then.refusals.append(Wished(refusal.agent, refusal.action, refusal.because))
            elif kind == "scores" and said["at"] == at and isinstance(scores := self._decoded(said), Scores):
                then.scores = scores
        then.failed = frozenset(said["data"]["subject"] for said in failures if said["data"]["status"] == "open")
        then.failing = frozenset(
            each.subject
            for each in self._projection.view().open_incidents()
            if each.signature is Signature.AGENT_FAILED and each.agent == OURSELVES
        )
        return then

    def _dropped(self, stop: _Stop, then: Decided, redecided: Redecided) -> frozenset[int]:
        """Numbers of actions that are not on record because what they mean could not be told, then as now.

        Applies the cycle's own lines: each action is judged in the picture the actions before it left.
        """
        dropped = set()
        for index in range(len(redecided.verdict.taken)):
            if index in then.actions:
                continue
            if stop.cycle:
                self._apply_until(last_line_before(self._pending, stop.number, index))
            if cannot_be_recorded(self._projection.view(), redecided, index, stop.now):
                dropped.add(index)
        return frozenset(dropped)

    def _found(self, stop: _Stop, found: list[Difference]) -> None:
        is_quiet = stop.cycle is None and not stop.is_cut_off
        for each in found:
            self.report.add(Found(stop.number, stop.now, self._session, self._code_version, is_quiet, each))

    # -- lines --------------------------------------------------------------------------------------------------------

    def _apply_until(self, seq: int) -> None:
        """Fold what is pending up to this line."""
        count = 0
        for said in self._pending:
            if said["seq"] > seq:
                break
            count += 1
            record = self._decoded(said)
            if record is not None:
                self._projection.apply(record)
        del self._pending[:count]
        self._projection.take_refused_moves()

    def _decoded(self, said: Said) -> Record | None:
        try:
            return decode(said)
        except InvariantError as flaw:
            self._doubt_from(said["seq"], str(flaw).partition(" [type=")[0])
            return None
