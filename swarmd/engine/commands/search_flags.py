"""What prescreen, refine and optimize ask alike: which bars, which strategy, at what cost, ranked how.

The flags become the same settings a campaign file becomes, and from there on everything is the phases' business.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from swarmd.engine.commands.instants import instant_of
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.storage import StorageSettings
from swarmd.state.storage_address import storage_at
from swarmd.state.store.files import Home, home_from
from swarmd.state.surrogates import Share
from swarmd.state.units import Millis
from swarmd.state.work_order import AskedEngine, WorkOrder

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FLAGS = (
    click.option(
        "--data", required=True, type=click.Path(path_type=Path), help="Bars: a Parquet, CSV or Feather file."
    ),
    click.option(
        "--strategy", default="mtf_ema", show_default=True, help="A name of `strategies list`, or path/to/file.py:Name."
    ),
    click.option("--mode", help="A mode of the strategy; its first one when absent."),
    click.option("--symbol", help="Name of the asset; the file's own name when absent."),
    click.option("--interval", help="Interval of the bars, such as 5m; told from the open times when absent."),
    click.option("--start", metavar="TIME", help="First open time (2023-01-01 or an ISO instant, UTC), included."),
    click.option("--end", metavar="TIME", help="Open time to stop at, excluded."),
    click.option(
        "--known-gap", "known_gaps", multiple=True, metavar="DAY", help="Accept the gap that begins on this UTC day."
    ),
    click.option("--allow-gaps", default=0, show_default=True, help="Accept this many missing bars in all."),
    click.option("--fee-bps", default=5.0, show_default=True, help="Fee per side, in basis points of notional."),
    click.option("--slippage-bps", default=2.0, show_default=True, help="Slippage per side, in basis points of price."),
    click.option("--min-trades", default=30, show_default=True, help="Fewer trades do not rank."),
    click.option("--max-drawdown", default=0.35, show_default=True, help="A deeper drawdown does not rank (fraction)."),
    click.option(
        "--enforce-tp-progression/--any-tp-progression",
        default=True,
        show_default=True,
        help="Try only targets in rising order, where a strategy has several.",
    ),
    click.option("--primary", default="annual_sharpe", show_default=True, help="Metric to rank by."),
)


# What refine and optimize say alike of the refinement.
prune_flag = click.option(
    "--prune", type=click.Choice(["off", "median"]), default="off", show_default=True,
    help="Give a trial up that does worse on the first third of the bars than the median of those before it.",
)  # fmt: skip
workers_flag = click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64),
    help="Processes on one search. With one it is reproducible; with several it is not, since what is tried then"
    " depends on which trial ends first.",
)  # fmt: skip

storage_flag = click.option(
    "--storage", "storage_url", metavar="URL",
    help="Keep the trials on a server, where other machines help (`swarmd storage work URL`): grpc://HOST:PORT or"
    " postgresql+psycopg://USER@HOST/DATABASE. Without it they lie in a journal beside the results.",
)  # fmt: skip


def search_flags(command: _Command) -> _Command:
    """Decorator: adds the flags, in this order, before those of the command itself."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


@dataclass(frozen=True, slots=True)
class SearchFlags:
    """The flags as they came."""

    data: Path
    strategy: str
    mode: str | None
    symbol: str | None
    interval: str | None
    start: str | None
    end: str | None
    known_gaps: tuple[str, ...]
    allow_gaps: int
    fee_bps: float
    slippage_bps: float
    min_trades: int
    max_drawdown: float
    enforce_tp_progression: bool
    primary: str


def settings_of(
    flags: SearchFlags,
    *,
    campaign: str,
    search: dict[str, Any],
    oos_share: float | None,
    validation: dict[str, Any] | None = None,
    storage_url: str | None = None,
) -> CampaignSettings:
    """A campaign of one asset and one mode. OperatorError names the flag that does not hold."""
    from swarmd.engine.commands.faults import told_to_the_operator
    from swarmd.engine.market.checks import interval_of
    from swarmd.engine.market.formats import read_klines
    from swarmd.engine.market.gaps import parse_known_gap
    from swarmd.engine.market.timeframes import interval_name
    from swarmd.engine.strategies.registry import strategy_named

    with told_to_the_operator():
        card = strategy_named(flags.strategy).card
        mode = flags.mode if flags.mode is not None else next(iter(card.modes))
        card.mode(mode)
        interval = flags.interval
        for flag, text in (("--start", flags.start), ("--end", flags.end)):
            instant_of(text, flag=flag)
        for day in flags.known_gaps:
            parse_known_gap(day)
        if interval is None:
            interval = interval_name(interval_of(read_klines(flags.data)))
    data: dict[str, Any] = {
        "root": str(flags.data.absolute()),
        "interval": interval,
        "start": flags.start,
        "end": flags.end,
        "known_gaps": flags.known_gaps,
        "allow_gaps": flags.allow_gaps,
    }
    if oos_share is not None:
        data["oos_share"] = oos_share
    try:
        return CampaignSettings.model_validate(
            {
                "name": campaign,
                "data": data,
                "assets": {"tiers": {"TIER1": (flags.symbol or flags.data.stem,)}},
                "strategy": {"name": flags.strategy, "modes": (mode,)},
                "search": search,
                "constraints": {
                    "min_trades": flags.min_trades,
                    "max_drawdown": flags.max_drawdown,
                    "enforce_tp_progression": flags.enforce_tp_progression,
                },
                "score": {"primary": flags.primary},
                "costs": {"fee_bps": flags.fee_bps, "slippage_bps": flags.slippage_bps},
                "validation": validation or {},
                "storage": (StorageSettings() if storage_url is None else storage_at(storage_url)).model_dump(),
            }
        )
    except ValidationError as wrong:
        first = wrong.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        if at.startswith("assets."):
            raise OperatorError(
                f"{first.get('input')!r} cannot name an asset's results; give --symbol with capitals, digits, - and _"
            ) from wrong
        raise OperatorError(f"{at} is {first.get('input')!r}: {first['msg']}") from wrong


def order_by_hand(
    settings: CampaignSettings,
    phase: Phase,
    home: Home,
    *,
    threads: int,
    engine: AskedEngine = "cpu",
    share: Share | None = None,
) -> WorkOrder:
    """The order a supervisor would write for this phase, or for a share of its surrogate markets."""
    symbol, mode = settings.symbols()[0], settings.strategy.modes[0]
    of_phase = "" if phase is Phase.PREFLIGHT else mode
    return WorkOrder(
        run=f"by-hand-{settings.name}-{phase.value}",
        job=job_id(settings.name, symbol, of_phase, phase, first=None if share is None else share[0]),
        token=0,
        lane="by-hand",
        phase=phase,
        symbol=symbol,
        mode=of_phase,
        home=str(home.root),
        session="by-hand",
        threads=threads,
        engine=engine,
        surrogates=share,
        campaign=settings,
    )


def home_in_force() -> Home:
    """The home of `--home` or the environment, its directories made."""
    home = home_from()
    home.prepare()
    return home


def wall_ms() -> Millis:
    return time.time_ns() // 1_000_000
