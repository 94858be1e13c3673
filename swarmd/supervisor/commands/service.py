"""``swarmd service``: the daemon as a systemd user service, back within seconds whatever ended it.

Writes one unit for one home and tells systemd; ``service_unit`` knows what stands in it. Where no systemd runs for this
user nothing is written, and `swarmd ensure` in a crontab does the same job.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, atomic_write, is_locked, lock_holder
from swarmd.supervisor.commands.options import home_option, json_option, no_dashboard_option, print_document
from swarmd.supervisor.glance import glance, require_campaign
from swarmd.supervisor.presence import daemon_of
from swarmd.supervisor.service_unit import PLACES, Service, unit_text

_ASK_WITHIN_S = 30.0
# Starting and stopping wait for the daemon: READY, or the lanes drained; the unit's own limits come first.
_DO_WITHIN_S = 400.0
_SHOWN = ("LoadState", "UnitFileState", "ActiveState", "SubState", "StatusText", "MainPID", "NRestarts", "Result")

_campaign_option = click.option(
    "--campaign",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Begin this campaign where the home has not begun it yet; without it the last one goes on.",
)
_no_monitors_option = click.option("--no-monitors", is_flag=True, help="Without the tmux monitors.")


@click.group(
    epilog="Example: swarmd service install --campaign campaign.yaml     Where there is no systemd: `swarmd ensure`."
)
def service() -> None:
    """Keep the daemon running through systemd: crashes, hangs and log-ins."""


@service.command("print", epilog="Example: swarmd service print --campaign campaign.yaml > swarmd.service")
@_campaign_option
@_no_monitors_option
@no_dashboard_option
@click.option("--systemd", type=int, metavar="N", help="Written for systemd N (default: the one here; unknown: 0).")
@home_option
@json_option
def print_unit(
    campaign: Path | None, no_monitors: bool, no_dashboard: bool, systemd: int | None, home: Home, as_json: bool
) -> None:
    """Show the unit that would be installed; works anywhere and writes nothing."""
    made = _service(home, campaign, monitors=not no_monitors, dashboard=not no_dashboard)
    text = unit_text(made, systemd=_version_here() if systemd is None else systemd)
    if as_json:
        print_document("service", {"unit": made.unit, "path": str(_place(made)), "text": text})
    else:
        click.echo(text, nl=False)


@service.command(epilog="Example: swarmd service install --campaign campaign.yaml")
@_campaign_option
@_no_monitors_option
@no_dashboard_option
@home_option
@json_option
def install(campaign: Path | None, no_monitors: bool, no_dashboard: bool, home: Home, as_json: bool) -> None:
    """Write the unit, enable it and start it; asked again, it is written anew."""
    made = _service(home, campaign, monitors=not no_monitors, dashboard=not no_dashboard)
    version = _manager(home)
    running = daemon_of(home)
    is_its_own = running is not None and _shown(made).get("MainPID") == str(running.pid)
    if running is not None and not is_its_own:
        raise OperatorError(
            f"a daemon already runs here that systemd did not start ({running.told(home)}); end it with `swarmd stop`, "
            "then install the service: it takes the campaign up again"
        )
    if campaign is None:
        require_campaign(home)
    else:
        from swarmd.supervisor.campaign_checks import check_campaign
        from swarmd.supervisor.campaign_file import read_campaign

        check_campaign(read_campaign(campaign))
    home.prepare()
    path, text = _place(made), unit_text(made, systemd=version)
    _verify(made, text)
    _put(path, text)
    # A service that runs is left to run: the new unit counts from its next start.
    _systemctl("daemon-reload")
    _systemctl("enable", made.unit)
    if not is_its_own:
        _systemctl("start", made.unit, within_s=_DO_WITHIN_S)
    lingers = _lingers()
    if as_json:
        print_document("service", {"did": "installed", "unit": made.unit, "path": str(path), "lingers": lingers})
        return
    click.echo(f"installed {path}" + ("" if is_its_own else " and started it"))
    click.echo(f"look: swarmd service status · journalctl --user -u {made.unit}     end: swarmd service uninstall")
    if not lingers:
        click.echo("it ends when you log out; to keep it beyond that: loginctl enable-linger")


@service.command(epilog="Example: swarmd service uninstall")
@home_option
@json_option
def uninstall(home: Home, as_json: bool) -> None:
    """Drain the lanes, stop the service and take its unit away; campaign and results stay."""
    made = _service(home)
    path = _place(made)
    if not path.exists():
        raise OperatorError(f"no service is installed for {home.root} ({path} is not there)")
    try:
        _manager(home)
    except OperatorError:
        # Nobody to stop it, and nothing of it runs: what a later log-in would find is taken away.
        (path.parent / "default.target.wants" / made.unit).unlink(missing_ok=True)
        path.unlink()
    else:
        _systemctl("disable", "--now", made.unit, within_s=_DO_WITHIN_S)
        path.unlink(missing_ok=True)
        _systemctl("daemon-reload")
    if as_json:
        print_document("service", {"did": "uninstalled", "unit": made.unit, "path": str(path)})
    else:
        click.echo(f"uninstalled {made.unit}; {home.root} is as it was, `swarmd start` goes on from there")


@service.command(epilog="Example: swarmd service status     Exit codes: 0 active, 1 not, 2 no systemd for this user.")
@home_option
@json_option
def status(home: Home, as_json: bool) -> None:
    """What systemd says of the service."""
    made = _service(home)
    _manager(home)
    shown = _shown(made)
    if shown.get("LoadState") == "not-found":
        raise OperatorError(f"no service is installed for {home.root}; `swarmd service install` makes one")
    if as_json:
        told = {name: shown.get(name, "") for name in _SHOWN}
        print_document("service", {"unit": made.unit, "path": str(_place(made)), **told})
    else:
        click.echo(f"{made.unit}: {shown.get('ActiveState')} ({shown.get('SubState')}), {shown.get('UnitFileState')}")
        click.echo(f"pid {shown.get('MainPID')}, {shown.get('NRestarts')} restarts, {shown.get('StatusText') or '-'}")
    if shown.get("ActiveState") != "active":
        raise click.exceptions.Exit(1)


@service.command(hidden=True, epilog="Example: swarmd service run --campaign campaign.yaml")
@_campaign_option
@_no_monitors_option
@no_dashboard_option
@home_option
@click.pass_context
def run(ctx: click.Context, campaign: Path | None, no_monitors: bool, no_dashboard: bool, home: Home) -> None:
    """What the unit starts: begin the campaign where it is new to this home, and else go on with the last.

    Not `start FILE`: after a month of restarts the file may be edited or gone, and what was begun goes on all the same.
    """
    from swarmd.supervisor.commands.start import start

    _require_place(home, is_begun=campaign is None)
    begin = campaign if campaign is not None and _is_new(home, campaign) else None
    without = {"no_monitors": no_monitors, "no_dashboard": no_dashboard}
    ctx.invoke(start, campaign=begin, no_screen=True, checked=True, home=home, **without)


def _require_place(home: Home, *, is_begun: bool) -> None:
    """Raises OutsideError for what passes: systemd then tries again, where a person's mistake would end it for good.

    A disk that is not mounted yet, or read-only or full for a while; a lock that another command holds for a moment.
    """
    if not home.root.is_dir():
        raise OutsideError(f"{home.root} is not there; is its disk mounted? it is tried again")
    if is_locked(home.daemon_lock):
        holder = lock_holder(home.daemon_lock).get("pid", "?")
        raise OutsideError(f"{home.daemon_lock} is held by pid {holder}; it is tried again")
    try:
        home.prepare()
        if is_begun:
            require_campaign(home)
    except OperatorError as trouble:
        raise OutsideError(f"{trouble}; it is tried again") from trouble


def unit_that_runs(home: Home, pid: int) -> str:
    """The name of the unit of this home whose daemon has this pid; empty where systemd runs none, or another."""
    made = _service(home)
    if not _place(made).exists() or shutil.which("systemctl") is None:
        return ""
    return made.unit if _shown(made).get("MainPID") == str(pid) else ""


def _is_new(home: Home, campaign: Path) -> bool:
    from swarmd.state.store.raw import read_journal
    from swarmd.supervisor.campaign_file import read_campaign

    begun = read_journal(home.journal).folded().table("campaign")
    try:
        return read_campaign(campaign).settings.name not in begun
    except OperatorError as wrong:
        if not begun:
            raise
        click.echo(f"{campaign} is not read any more ({wrong}); going on with {glance(home).campaign}", err=True)
        return False


# -- the unit's place and systemd -------------------------------------------------------------------------------------


def _service(home: Home, campaign: Path | None = None, *, monitors: bool = True, dashboard: bool = True) -> Service:
    return Service(
        python=sys.executable,
        home=home.root,
        campaign=campaign.resolve() if campaign is not None else None,
        monitors=monitors,
        dashboard=dashboard,
        places={name: os.path.abspath(os.environ[name]) for name in PLACES if os.environ.get(name)},  # noqa: PTH100
    )


def _place(made: Service) -> Path:
    config = os.environ.get("XDG_CONFIG_HOME")
    return (Path(config) if config else Path.home() / ".config") / "systemd" / "user" / made.unit


def _put(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise OperatorError(f"cannot make {path.parent}: {cause.strerror}; the unit must stand there") from cause
    atomic_write(path, text.encode(), sync=True)


def _verify(made: Service, text: str) -> None:
    """What systemd itself says of it, before it is put in place; nothing half is ever left there."""
    program = shutil.which("systemd-analyze")
    if program is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / made.unit
        path.write_text(text)
        # It looks for the user's own folders, also where it was not told of them.
        places = {"XDG_RUNTIME_DIR": folder, **os.environ}
        said = _ask([program, "--user", "verify", str(path)], _ASK_WITHIN_S, places)
    if said.returncode != 0:
        raise OutsideError(f"systemd refuses the unit, nothing was installed: {_last_line(said)}")


def _manager(home: Home) -> int:
    """The version of this user's systemd. Raises OperatorError with the other way where there is none."""
    program = shutil.which("systemctl")
    said = _ask([program, "--user", "show", "--property=Version", "--value"], _ASK_WITHIN_S) if program else None
    if said is not None and said.returncode == 0:
        return _leading_number(said.stdout)
    why = "there is no systemctl" if said is None else _last_line(said)
    ensure = f"{shlex.quote(sys.executable)} -P -m swarmd --home {shlex.quote(str(home.root))} ensure"
    raise OperatorError(
        f"no systemd runs for this user ({why}), nothing was changed; `swarmd ensure` does the same job: put "
        f"`* * * * * {ensure}` into your crontab, or the command alone into the start-up file of your shell"
    )


def _version_here() -> int:
    program = shutil.which("systemctl")
    said = _ask([program, "--version"], _ASK_WITHIN_S) if program else None
    words = said.stdout.split() if said is not None else []
    return _leading_number(words[1]) if len(words) > 1 else 0


def _leading_number(text: str) -> int:
    """252 of ``252.38-1~deb12u1``."""
    digits = text.strip().partition(".")[0].partition("-")[0].partition("~")[0]
    return int(digits) if digits.isdigit() else 0


def _shown(made: Service) -> dict[str, str]:
    said = _ask(["systemctl", "--user", "show", f"--property={','.join(_SHOWN)}", made.unit], _ASK_WITHIN_S)
    return dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)


def _systemctl(*words: str, within_s: float = _ASK_WITHIN_S) -> None:
    said = _ask(["systemctl", "--user", *words], within_s)
    if said.returncode != 0:
        raise OutsideError(f"`systemctl --user {' '.join(words)}` failed: {_last_line(said)}")


def _ask(
    command: list[str], within_s: float, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as trouble:
        return subprocess.CompletedProcess(command, 1, "", str(trouble))


def _last_line(said: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (said.stderr + said.stdout).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else f"exit code {said.returncode}"


def _lingers() -> bool:
    """Whether this user's systemd stays when the user leaves."""
    import getpass

    return Path("/var/lib/systemd/linger", getpass.getuser()).exists()
