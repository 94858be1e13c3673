"""``swarmd completion``: the few lines a shell needs to complete our commands, options, lanes, jobs and assets."""

import click
from click.shell_completion import get_completion_class

from swarmd.state.errors import InvariantError
from swarmd.supervisor.commands.options import json_option, print_document

SHELLS = ("bash", "zsh", "fish")
_VARIABLE = "_SWARMD_COMPLETE"


@click.command(
    epilog="Example: swarmd completion fish     Evaluated by the shell it works at once (see docs/control.md); "
    "for good, write it into ~/.bashrc, ~/.zshrc, or ~/.config/fish/completions/swarmd.fish."
)
@click.argument("shell", type=click.Choice(SHELLS))
@json_option
@click.pass_context
def completion(context: click.Context, shell: str, as_json: bool) -> None:
    """Print the completion of a shell."""
    made = get_completion_class(shell)
    if made is None:
        raise InvariantError(f"no completion is known for {shell}")
    script = made(context.find_root().command, {}, "swarmd", _VARIABLE)
    source = script.source_template % script.source_vars()
    if as_json:
        print_document("completion", {"shell": shell, "script": source})
    else:
        click.echo(source)
