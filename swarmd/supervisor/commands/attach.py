"""``swarmd attach``: into the tmux session with the monitors, made first where it is not there."""

import os
import sys

import click

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option


@click.command(epilog="Example: swarmd attach progress     Leave it with Ctrl-b d; the monitors stay.")
@click.argument("window", required=False, default="", type=click.Choice(["", "gpu", "cpu", "progress", "log-index"]),
                metavar="[gpu|cpu|progress|log-index]")  # fmt: skip
@home_option
def attach(window: str, home: Home) -> None:
    """Attach to the tmux session with the monitors."""
    from swarmd.supervisor.monitors.tmux import attach_command, ensure_monitors, has_tmux, plain_environment

    name = window or "progress"
    if not has_tmux():
        raise OperatorError(f"there is no tmux on this machine; install it, or look with `swarmd monitor {name}`")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OperatorError(f"attach needs a terminal; without one use `swarmd monitor {name} --once`")
    if not home.root.is_dir():
        raise OperatorError(f"there is no swarm in {home.root}; name its home with --home, or start one")
    ensure_monitors(home)
    command = attach_command(home, window)
    try:
        os.execvpe(command[0], command, plain_environment())
    except OSError as cause:
        raise OutsideError(f"tmux cannot be run: {cause.strerror}") from cause
