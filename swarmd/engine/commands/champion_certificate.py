"""`swarmd champion certificate`: on what a champion was crowned, for the terminal, as a page, or as the document.

Reads and shows; whether it holds is the business of `champion verify`.
"""

import json
from pathlib import Path
from typing import Any

import click

from swarmd.engine.champions.champion import ChampionFile, read_champion
from swarmd.engine.commands.champion_named import champion_named
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, atomic_write, home_from

SCHEMA = "swarmd.certificate/1"


@click.command(
    "certificate",
    epilog="Example: swarmd champion certificate BTCUSDT 5m --output BTCUSDT.html     Exit codes: 0 shown, 2 a mistake "
    "you can mend.",
)
@click.argument("symbol", metavar="SYMBOL|NICHE")
@click.argument("timeframe", required=False)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.html",
    help="Write the page: plots, tables, and no address in it.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The certificate's own document on stdout.")
def certificate(symbol: str, timeframe: str | None, output: Path | None, as_json: bool) -> None:
    """The certificate of a champion: both tables, p-values, what is expected of it, and how to make it again."""
    home = home_from()
    path = champion_named(home.champions, symbol, timeframe)
    champion = read_champion(path)
    if champion is None:
        raise OperatorError(f"{path}: gone just now; `swarmd champion list` shows what is there")
    document = certificate_of(champion, home)
    if output is not None:
        from swarmd.engine.certificates.page import certificate_page

        atomic_write(output.absolute(), certificate_page(document).encode())
        click.echo(f"written to {output}", err=as_json)
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    elif output is None:
        click.echo(summary_of(document), nl=False)


def summary_of(document: dict[str, Any]) -> str:
    """One screen of it."""
    from swarmd.engine.certificates.text import certificate_text

    return certificate_text(document)


def certificate_of(champion: ChampionFile, home: Home) -> dict[str, Any]:
    """The document that the champion names, if it is a certificate and of this very champion.

    Raises
    ------
    OperatorError
        If there is none: champions set by hand, and those of a campaign that crowned on the screen or the strict table,
        have none.
    """
    if champion.certificate is None:
        raise OperatorError(f"{champion.niche}: it has no certificate ({champion.origin}: {champion.note or '-'})")
    path = home.inside(champion.certificate)
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as cause:
        raise OperatorError(f"{path}: the certificate of {champion.niche} cannot be read ({cause})") from cause
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        schema = document.get("schema") if isinstance(document, dict) else None
        raise OperatorError(
            f"{path}: {schema} and no {SCHEMA}, since its campaign did not crown on evidence; `swarmd champion show "
            f"{champion.niche}` tells its figures"
        )
    claimed = (champion.trial_id, champion.parameters, champion.data_sha256)
    if (document.get("trial"), document.get("params"), document.get("data_sha256")) != claimed:
        raise OperatorError(f"{path}: it is of another finalist than {champion.niche}; see `swarmd champion verify`")
    return document
