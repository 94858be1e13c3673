"""One seed, from the first look to the end of the last campaign: the loop of a daemon's lives over simulated time.

``play`` is called by the tests and by ``scripts/simulate``. It raises ``LawBroken`` (or whatever our own code raised)
with the seed still in hand, so that the same day can be played again.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulation.champions import Champions
from simulation.daemon import Daemon, Killed
from simulation.deadlines import Deadlines
from simulation.errands import Errands
from simulation.faults import Stage, draw
from simulation.laws import Laws, broken
from simulation.ledger import Ledger
from simulation.people import draw_deeds
from simulation.world import CHAIN, NEVER, PRICED, SECOND_PHASE, World
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.policy import Policy
from swarmd.state.store.raw import line_of
from swarmd.state.units import HOUR, MINUTE, SECOND, Millis
from swarmd.supervisor.pace import overslept
from swarmd.supervisor.replaying import Replay
from swarmd.supervisor.roster import ROSTER

_GATHERED: Millis = 20
# So many lane hours or fewer are played with every process in its own time; of more, what happens shares instants.
_LARGE = 400
_RESTLESS_MAX = 30
_OVER = (CampaignStatus.DONE, CampaignStatus.CANCELLED)
_READ_AGAIN_EVERY: Millis = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Day:
    """What is played. ``skips`` leaves out looks that decide nothing; a day without faults has ``rate`` 0.

    ``shares`` lets what happens to many lanes share instants; without it every process keeps its own time. With
    ``climbs`` the searches of every second campaign have rungs, with ``judges`` every second one has guards, and with
    ``prices`` every third is judged by evidence instead. ``asks`` lets people kill, retry, prioritise and cancel.
    """

    seed: int
    lanes: int = 200
    hours: float = 24.0
    rate: float = 1.0
    skips: bool = True
    shares: bool = True
    climbs: bool = True
    judges: bool = True
    prices: bool = True
    asks: bool = True
    keeps_history: bool = False
    keeps_trace: bool = False
    times_cycles: bool = False


@dataclass
class Report:
    """What came of it."""

    day: Day
    simulated: Millis = 0
    cycles: int = 0
    runs: int = 0
    lives: int = 0
    lost_turns: int = 0
    campaigns: int = 0
    jobs: Counter[str] = field(default_factory=Counter)
    befell: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    closed: int = 0
    open: int = 0
    actions: int = 0
    lines: int = 0
    bytes: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    wall: float = 0.0
    cycle_ms: list[float] = field(default_factory=list)


@dataclass
class Play:
    """The state of a play in progress; ``report`` is filled as it goes."""

    day: Day
    world: World
    policy: Policy
    ledger: Ledger
    laws: Laws
    stage: Stage
    champions: Champions
    errands: Errands
    report: Report
    daemon: Daemon | None = None
    starts_at: Millis = 0
    campaign: int = 0
    settings: CampaignSettings | None = None
    read_at: Millis = 0
    heard: "Heard | None" = None

    def replayed(self) -> tuple[int, int]:
        """The whole journal decided again by ``swarmd replay``'s own code: cycles, and differences."""
        replay = Replay(ROSTER)
        for content in self.ledger.history or ():
            replay.feed(line_of(content))
        report = replay.finish()
        return report.cycles + report.quiet, report.n_differences


# Told at every look how far a play is, by the instant that is simulated.
Heard = Callable[[Play, Millis], None]


def play(day: Day, heard: Heard | None = None) -> tuple[Report, Play]:
    began = time.perf_counter()
    it = begun(day)
    it.heard = heard
    goes_on = True
    while goes_on:
        goes_on = _life(it)
    view = it.ledger.opened().view()
    it.laws.at_the_end(view, it.world.now)
    report = it.report
    report.simulated, report.befell, report.opened = it.world.now, it.world.befell, it.laws.opened
    report.closed, report.open, report.actions = it.laws.n_closed, len(view.open_incidents()), it.laws.n_actions
    report.runs, report.campaigns = len(it.world.processes), it.campaign
    report.jobs = Counter(job.status.value for job in view.jobs.values())
    report.lines, report.bytes, report.by_kind = it.ledger.seq, it.ledger.n_bytes, it.ledger.by_kind
    report.wall = time.perf_counter() - began
    return report, it


def begun(day: Day) -> Play:
    chance = Random(f"{day.seed}/day")
    hours = int(day.hours * HOUR)
    world = World(
        seed=day.seed,
        fault_rate=chance.choice((0.02, 0.05, 0.15)) * min(1.0, day.rate),
        faults_until=int(hours * 0.7),
        knows_exits=chance.random() < 0.5,
        mark=chance.choice((2 * MINUTE, 4 * MINUTE)) if day.shares and day.lanes * day.hours > _LARGE else 1,
        skips=day.skips,
    )
    world.sources = {"state/worker_sentry_state.json": "fresh", "state/swarm_control_state.json": "fresh"}
    if chance.random() < 0.5:
        world.sources |= {"monitor/gpu": "fresh", "monitor/cpu": "fresh"}
    stage = Stage()
    draw(world, stage, int(hours * 0.7), day.rate)
    if day.asks:
        draw_deeds(world, stage, int(hours * 0.7), day.rate)
    laws = Laws(keeps_trace=day.keeps_trace, decides_again_every=100 if day.lanes * day.hours <= _LARGE else 1_000)
    ledger = Ledger(keeps_history=day.keeps_history)
    return Play(day, world, _policy(chance, day), ledger, laws, stage, Champions(world), Errands(world), Report(day))


def _policy(chance: Random, day: Day) -> Policy:
    """Limits wide enough for a beat every few minutes: what is judged is the rule, whatever its figures."""
    silent = chance.choice((20, 30, 40)) * MINUTE
    return Policy(
        at=0,
        max_lanes=day.lanes,
        start_within=chance.choice((6, 9)) * MINUTE,
        silent_after=silent,
        stuck_after=silent + chance.choice((0, 5)) * MINUTE,
        first_result_within=30 * MINUTE,
        stopped_after=chance.choice((2 * SECOND, MINUTE)),
        run_timeout=chance.choice((12, 24)) * HOUR,
        term_grace=chance.choice((5, 30)) * SECOND,
        max_attempts=chance.choice((3, 5)),
        backoff_first=chance.choice((1, 5)) * SECOND,
        backoff_cap=chance.choice((1, 10)) * MINUTE,
        fleet_losses_max=chance.choice((20, 40)),
        fleet_window=chance.choice((1, 5)) * MINUTE,
        no_worker_after=3 * silent,
        source_stale_after=MINUTE,
        champions_every=chance.choice((5, 20, 60)) * MINUTE,
        handoff_every=chance.choice((15, 60, 360)) * MINUTE,
    )


def _next_campaign(it: Play) -> CampaignSettings:
    """As much work as the lanes can do in some two thirds of the time, or of a day where more days follow."""
    it.campaign += 1
    chance = it.world.chance(f"campaign/{it.campaign}")
    lane_hours = it.day.lanes * min(it.day.hours, 24.0) * 0.7
    modes = chance.choice((["balanced"], ["balanced", "aggressive"]))
    it.world.pace = chance.choice((1.0, 1.3)) * min(1.0, it.day.hours / 20)
    prices = it.day.prices and it.world.chance(f"prices/{it.campaign}").random() < 1 / 3
    judges = it.day.judges and it.world.chance(f"judges/{it.campaign}").random() < 0.5 and not prices
    chain = CHAIN + SECOND_PHASE * judges + PRICED * prices
    symbols = max(1, min(1_500, int(lane_hours * HOUR / (chain * it.world.pace * len(modes)))))
    names = [f"S{number:04d}" for number in range(symbols)]
    first = max(1, symbols // 4)
    climbs = it.day.climbs and it.world.chance(f"climbs/{it.campaign}").random() < 0.5
    settings = CampaignSettings.model_validate(
        {
            "name": f"c{it.campaign}", "data": {"root": "/bars"}, "strategy": {"name": "mtf_ema", "modes": modes},
            "search": {"refine": {"rungs": "auto" if climbs else []}},
            "validation": {"crown_on": "evidence" if prices else "source_strict" if judges else "screen"},
            "assets": {
                "tiers": {"ONE": names[:first], "TWO": names[first:]} if symbols > 1 else {"ONE": names},
                "batch_size": chance.choice((symbols, max(1, it.day.lanes // len(modes)))),
            },
        }
    )  # fmt: skip
    some = chance.sample(names, min(len(names), 3)) if it.day.rate > 0 else []
    phase = chance.choice((Phase.PRESCREEN, Phase.REFINE, Phase.GUARDS if judges else Phase.CROWN))
    first_share = 0 if prices and phase is Phase.CROWN else None
    phase = phase if first_share is None else Phase.SURROGATES
    it.world.poison |= {job_id(settings.name, symbol, modes[0], phase, first=first_share) for symbol in some[:2]}
    it.world.unfit |= {job_id(settings.name, symbol, "", Phase.PREFLIGHT) for symbol in some[2:]}
    return settings


def _life(it: Play) -> bool:
    """One life of a daemon. False when the last campaign is over."""
    now = it.starts_at
    it.world.advance(now)
    while now < it.world.held_up_until:  # a machine that is suspended starts nobody
        now = it.world.held_up_until
        it.world.advance(now)
    if it.settings is None:
        it.settings = _next_campaign(it)
    it.report.lives += 1
    stage, beats_every = it.stage, min(it.policy.silent_after, it.policy.stuck_after) // 2
    stage.is_killed, stage.kill_in, stage.blocked_until = False, -1, -1
    it.ledger.is_full = it.world.gauges["host.disk_free_bytes"] <= 0
    if it.ledger.is_full:
        it.starts_at = now + MINUTE  # it cannot even open: whoever starts it tries again
        return True
    try:
        it.daemon = Daemon(
            it.world, it.ledger, it.laws, it.champions, it.errands, it.policy, it.settings,
            until_done=it.world.chance(f"until_done/{now}").random() < 0.9, beats_every=beats_every, now=now,
        )  # fmt: skip
        return _looks(it, it.daemon, now, beats_every)
    except Killed:
        return _dies(it, is_power_lost=False)


def _dies(it: Play, *, is_power_lost: bool) -> bool:
    it.world.is_watched = False
    chance = it.world.chance(f"death/{it.world.now}")
    if is_power_lost:
        it.ledger.power_failed(chance)
        it.champions.killed()
        it.errands.killed()
        it.stage.is_power_lost = False
    else:
        it.ledger.daemon_died()
    it.daemon = None
    it.starts_at = it.world.now + int(chance.uniform(SECOND, 3 * MINUTE))
    return True


def _looks(it: Play, daemon: Daemon, now: Millis, beats_every: Millis) -> bool:
    every, n_restless, late = it.policy.cycle_every, 0, 0
    deadlines = Deadlines(beats_every)
    timed = it.report.cycle_ms
    while True:
        it.ledger.is_full = it.world.gauges["host.disk_free_bytes"] <= 0
        began, held_s = time.thread_time(), daemon.held_s
        turn = daemon.turn(now, late)
        if it.day.times_cycles:
            timed.append((time.thread_time() - began - (daemon.held_s - held_s)) * 1000)
        it.report.cycles += 1
        it.report.lost_turns += turn.is_lost
        if it.heard is not None:
            it.heard(it, now)
        view = daemon.view()
        if turn.ending is not None:
            return _ends(it, daemon, now, turn.ending)
        if now - it.read_at >= _READ_AGAIN_EVERY and not it.ledger.is_behind:
            it.read_at = now
            it.laws.reads_the_same(daemon.shell.projection, it.ledger, now)
        _bounded(it, now)
        _operated(it, view.campaign.status if view.campaign else None, now)
        n_restless = n_restless + 1 if turn.taken else 0
        if 0 < n_restless <= _RESTLESS_MAX:
            last, now = now, now + _GATHERED
        else:
            wakes = now + every
            if it.day.skips:
                soonest = it.world.next_event()
                if not turn.is_lost:  # a full disk makes every turn the same, until the world changes
                    soonest = min(soonest, deadlines.next_one(view, now))
                soonest = min(soonest, now + HOUR)
                wakes = now + max(1, -(-(soonest - now) // every)) * every
            last, now = wakes - every, wakes
        it.world.advance(now)
        stage = it.stage
        if stage.is_killed:
            return _killed(it)
        if stage.kill_in >= 0 and daemon.kill_in < 0:
            daemon.kill_in, stage.kill_in = stage.kill_in, -1
        late = 0
        while stage.blocked_until > now:  # what befalls a sleeper may send him to sleep for longer
            now = stage.blocked_until
            it.world.advance(now)
            if stage.is_killed:
                return _killed(it)
            late = overslept(last, now, every=every)
        stage.blocked_until = -1


def _killed(it: Play) -> bool:
    return _dies(it, is_power_lost=it.stage.is_power_lost)


def _operated(it: Play, status: CampaignStatus | None, now: Millis) -> None:
    """The person at the terminal: ends a swarm that is done and waits, and resumes a pause that a stop overtook."""
    assert it.daemon is not None
    if it.world.inbox or (now < it.world.faults_until and status not in _OVER):
        return
    if status in _OVER and not it.daemon.session.until_done and it.stage.n_asked < 1 << 30:
        name = f"end/{it.daemon.session.id}"
        if name not in it.world.befell:
            it.world.befell[name] = 0
            it.world.at(now + 5 * MINUTE, lambda: it.stage.ask(it.world, "stop"))
    elif status is CampaignStatus.PAUSED:
        it.stage.ask(it.world, "resume")


def _ends(it: Play, daemon: Daemon, now: Millis, ending: str) -> bool:
    daemon.close(now, ending)
    it.laws.reads_the_same(daemon.shell.projection, it.ledger, now)
    campaign = daemon.view().campaign
    it.world.is_watched, it.daemon = False, None
    it.starts_at = now + int(it.world.chance(f"rest/{now}").uniform(SECOND, 20 * MINUTE))
    if campaign is not None and campaign.status in _OVER:
        it.settings = None
        return now < it.world.faults_until
    return True


def _bounded(it: Play, now: Millis) -> None:
    """Done is reached when it can be: once the faults are over, the work there is bounds the time it takes."""
    if it.world.faults_until == NEVER or now < it.world.faults_until:
        return
    assert it.settings is not None
    bound = it.world.faults_until + _patience(it, it.settings)
    if now > bound:
        it.laws.at_the_end(it.daemon.view() if it.daemon else it.ledger.opened().view(), now)
        raise broken(now, f"the campaign is done and the session still open {now - bound} ms after its time")


def _patience(it: Play, settings: CampaignSettings) -> Millis:
    chains = len(settings.symbols()) * len(settings.strategy.modes)
    work = (
        chains
        * it.world.pace
        * 1.4
        * (CHAIN + 2 * SECOND_PHASE * settings.is_strict + 2 * PRICED * settings.asks_evidence)
        / it.day.lanes
    )
    return int(2 * work + 12 * HOUR * max(0.2, it.world.pace) + 4 * HOUR)
