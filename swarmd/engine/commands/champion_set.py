"""`swarmd champion set`: a champion put in force by a person, written down as such.

The documented manual way, so that nobody has to edit a file that bears a checksum. Its strategy and parameters are
checked; whether it is any good is not.
"""

import json
import time
from pathlib import Path
from typing import Any

import click

from swarmd.engine.champions.champion import ChampionFile, champion_of_bytes, champion_path, write_champion
from swarmd.engine.champions.niche import alone_with
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import home_from
from swarmd.state.units import iso

BY_HAND = "by-hand"


@click.command(
    "set",
    epilog="Example: swarmd champion set --symbol BTCUSDT --timeframe 5m --strategy mtf_ema --mode aggressive"
    ' --params \'{"tf_fast": 15, "L_fast": 20, "tf_slow": 240, "L_slow": 50, "sl": 0.02, "tp": 0.06}\''
    ' --reason "as traded on the desk"     Exit codes: 0 in force, 2 a mistake you can mend.',
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--symbol", help="Name of the asset.")
@click.option("--timeframe", metavar="5m", help="Interval of its bars.")
@click.option("--strategy", help="A name of `strategies list`, or path/to/file.py:Name.")
@click.option("--mode", help="A mode of the strategy; its first one when absent.")
@click.option("--params", metavar="JSON|@FILE", help="Parameters as a JSON object; the baseline when absent.")
@click.option(
    "--score", type=float, default=0.0, show_default=True, help="What a crowning must beat; of a FILE its own counts."
)
@click.option("--reason", required=True, help="Why; kept in the champion's file and in its history.")
@click.option("--json", "as_json", is_flag=True, help="The champion's document on stdout.")
def set_champion(
    file: Path | None,
    symbol: str | None,
    timeframe: str | None,
    strategy: str | None,
    mode: str | None,
    params: str | None,
    score: float,
    reason: str,
    as_json: bool,
) -> None:
    """Put a champion in force by hand: a champion's FILE, or one given by flags.

    A FILE keeps all it claims and must bear its checksum, or none; take the checksum out of one you have edited. The
    champion before it goes to backup/, and `swarmd champion rollback` brings it back.
    """
    flags = {"symbol": symbol, "timeframe": timeframe, "strategy": strategy, "mode": mode, "params": params}
    if not reason.strip():
        raise OperatorError("--reason is empty; say why, it is kept with the champion")
    if file is not None:
        given = [f"--{name}" for name, value in flags.items() if value is not None]
        if given:
            raise OperatorError(f"{', '.join(given)} beside {file}: a FILE says all of it; give one or the other")
        asked = _of_file(file)
    else:
        asked = _of_flags(flags, score)
    now = iso(time.time_ns() // 1_000_000)
    challenger = asked.model_copy(
        update={"created_at": now, "run_id": BY_HAND, "origin": "manual", "note": reason.strip()}
    )
    path = champion_path(home_from().champions, challenger.symbol, challenger.timeframe)
    with alone_with(path):
        crowned = write_champion(path, challenger)
    if as_json:
        click.echo(json.dumps(crowned.document(), indent=2, allow_nan=False))
        return
    click.echo(f"{crowned.niche}  {crowned.strategy} {crowned.mode} is in force, set by hand: {crowned.note}")
    click.echo(f"a crowning with a score above {crowned.score:.4f} replaces it; it has no forecast to be held to")


def _of_file(file: Path) -> ChampionFile:
    content = file.read_bytes()
    try:
        document = json.loads(content)
    except ValueError as cause:
        raise OperatorError(f"{file}: not JSON ({cause}); give a champion's file") from cause
    if isinstance(document, dict) and not document.get("checksum"):
        from swarmd.engine.champions.champion import checksum_of

        content = json.dumps(document | {"checksum": checksum_of(document)}).encode()
    champion = champion_of_bytes(content, where=str(file))
    return champion.model_copy(update={"parameters": _checked(champion.strategy, champion.mode, champion.parameters)})


def _of_flags(flags: dict[str, str | None], score: float) -> ChampionFile:
    missing = [f"--{name}" for name in ("symbol", "timeframe", "strategy") if flags[name] is None]
    if missing:
        raise OperatorError(f"{', '.join(missing)} missing; give a champion's FILE, or all of it by flags")
    from swarmd.engine.commands.faults import told_to_the_operator
    from swarmd.engine.market.timeframes import interval_name, parse_interval
    from swarmd.engine.search.provenance import code_version, git_sha
    from swarmd.engine.strategies.registry import strategy_named

    strategy = str(flags["strategy"])
    with told_to_the_operator():
        card = strategy_named(strategy).card
        mode = flags["mode"] or next(iter(card.modes))
        timeframe = interval_name(parse_interval(str(flags["timeframe"])))
        given = dict(card.baseline) if flags["params"] is None else _params(flags["params"])
    return ChampionFile(
        symbol=str(flags["symbol"]),
        timeframe=timeframe,
        strategy=strategy,
        mode=mode,
        parameters=_checked(strategy, mode, given),
        metrics={"development": {}, "vault": {}, "gates": {}},
        score=score,
        created_at="",
        run_id=BY_HAND,
        campaign=BY_HAND,
        trial_id=0,
        snapshot_id="",
        data_sha256="",
        git_commit=git_sha(),
        code_version=code_version(),
        tried=0,
        certificate=None,
    )


def _params(text: str) -> dict[str, Any]:
    source, told = (text[1:], Path(text[1:]).read_text()) if text.startswith("@") else ("--params", text)
    try:
        params = json.loads(told)
    except json.JSONDecodeError as cause:
        raise ValueError(f'{source}: not JSON ({cause}); give an object such as {{"L_fast": 20}}') from cause
    if not isinstance(params, dict):
        raise ValueError(f"{source}: {type(params).__name__} given; give a JSON object")
    return params


def _checked(strategy: str, mode: str, params: dict[str, Any]) -> dict[str, float | int]:
    from swarmd.engine.commands.faults import told_to_the_operator
    from swarmd.engine.strategies.contract import checked_params, in_mode
    from swarmd.engine.strategies.registry import strategy_named

    with told_to_the_operator():
        named = strategy_named(strategy)
        named.card.mode(mode)
        return checked_params(in_mode(named, mode), params)
