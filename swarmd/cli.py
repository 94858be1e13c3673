"""The verbs, one line each, loaded lazily from the engine's and the supervisor's commands.

The table below is the whole registry: ``swarmd --help`` is written from it without importing any command, so it costs
no numba, optuna or pydantic. Errors are told here and nowhere else: one line on stderr, and an exit code that says
who must move (2 a person, 1 the outside or ourselves).
"""

import contextlib
import difflib
import gc
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import click

from swarmd import __version__
from swarmd.state.errors import InvariantError, OperatorError, OutsideError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
_HOME = "Where this swarm keeps everything (default: $SWARMD_HOME, then ./swarm)."
RUNNING, LOOKING, RESEARCH, MACHINE = "Run the swarm", "Look at it", "Research by hand", "This machine"


class Verb(NamedTuple):
    """Where a command lives (``module:attribute``), under which heading it stands, and its line of help."""

    target: str
    heading: str
    help: str


_CONTROL = "swarmd.supervisor.commands"
_ENGINE = "swarmd.engine.commands"

VERBS: dict[str, Verb] = {
    "start": Verb(f"{_CONTROL}.start:start", RUNNING, "Start the control plane and the work."),
    "stop": Verb(f"{_CONTROL}.stop:stop", RUNNING, "Drain the lanes at a safe point, write the handoff, leave."),
    "pause": Verb(f"{_CONTROL}.stop:pause", RUNNING, "Start no new runs; running ones go on."),
    "resume": Verb(f"{_CONTROL}.stop:resume", RUNNING, "Go on after a pause."),
    "cancel": Verb(f"{_CONTROL}.cancel:cancel", RUNNING, "Kill the campaign's runs now; it is over for good."),
    "kill": Verb(f"{_CONTROL}.kill:kill", RUNNING, "End one run now; its job is taken up again."),
    "retry": Verb(f"{_CONTROL}.retry:retry", RUNNING, "A fresh start for a job that ended badly."),
    "prioritise": Verb(f"{_CONTROL}.prioritise:prioritise", RUNNING, "Move an asset to the front of the queue."),
    "restart": Verb(f"{_CONTROL}.restart:restart", RUNNING, "Stop, then start the last campaign again, detached."),
    "ensure": Verb(f"{_CONTROL}.ensure:ensure", RUNNING, "Start what is not running; safe in cron and shell hooks."),
    "service": Verb(f"{_CONTROL}.service:service", RUNNING, "Keep it running through systemd: install, status, print."),
    "cluster": Verb(f"{_CONTROL}.cluster:cluster", RUNNING, "Machines for its lanes: up, join, status, down."),
    "status": Verb(f"{_CONTROL}.status:status", LOOKING, "One screen: goal, lanes, devices, incidents, champions."),
    "query": Verb(f"{_CONTROL}.query:query", LOOKING, "Ask the state: lanes, runs, jobs, champions, incidents."),
    "explain": Verb(f"{_CONTROL}.explain:explain", LOOKING, "Why: from an action or incident back to what was seen."),
    "replay": Verb(f"{_CONTROL}.replay:replay", LOOKING, "Decide the journal again; tell each decision that differs."),
    "mcp": Verb(f"{_CONTROL}.mcp:mcp", LOOKING, "The swarm for agents: an MCP server on stdin and stdout."),
    "notify": Verb(f"{_CONTROL}.notify:notify", LOOKING, "Messages to people: try the channels."),
    "log": Verb(f"{_CONTROL}.log:log", LOOKING, "The daemon's log, or what a lane's run prints."),
    "follow": Verb(f"{_CONTROL}.follow:follow", LOOKING, "Wait for a job or a campaign; leave with its outcome."),
    "attach": Verb(f"{_CONTROL}.attach:attach", LOOKING, "Attach to the tmux session with the monitors."),
    "monitor": Verb(f"{_CONTROL}.monitor:monitor", LOOKING, "One monitor: gpu, cpu, progress or log-index."),
    "serve": Verb(f"{_CONTROL}.serve:serve", LOOKING, "The dashboard in a browser; the daemon starts one by itself."),
    "handoff": Verb(f"{_CONTROL}.handoff:handoff", LOOKING, "The page that lets somebody else carry on, made now."),
    "data": Verb(f"{_ENGINE}.data:data", RESEARCH, "Download, import, validate, list and synthesise bars."),
    "strategies": Verb(f"{_ENGINE}.strategies:strategies", RESEARCH, "The strategies that can be named."),
    "backtest": Verb(f"{_ENGINE}.backtest:backtest", RESEARCH, "One run of one strategy with given parameters."),
    "prescreen": Verb(f"{_ENGINE}.prescreen:prescreen", RESEARCH, "Phase 0: a wide screen of many combinations."),
    "refine": Verb(f"{_ENGINE}.refine:refine", RESEARCH, "Optuna search from the screen's best."),
    "validate": Verb(f"{_ENGINE}.validate:validate", RESEARCH, "Is it luck: the same search on surrogate markets."),
    "optimize": Verb(f"{_ENGINE}.optimize:optimize", RESEARCH, "All phases for one asset in this process."),
    "run": Verb(f"{_ENGINE}.run:run", RESEARCH, "An experiment file: grid, random, TPE, walk forward."),
    "summarize": Verb(f"{_ENGINE}.summarize:summarize", RESEARCH, "Totals, best and percentiles of a run's results."),
    "report": Verb(f"{_ENGINE}.report:report", RESEARCH, "The pages of a campaign or an asset, made again."),
    "tearsheet": Verb(f"{_ENGINE}.tearsheet:tearsheet", RESEARCH, "A page of any table of trades."),
    "champion": Verb(f"{_ENGINE}.champion:champion", RESEARCH, "Champions: show, verify, set, roll back, monitor."),
    "export": Verb(f"{_ENGINE}.export:export", RESEARCH, "Champions as Pine scripts, alert templates, plans."),
    "storage": Verb(f"{_ENGINE}.storage:storage", RESEARCH, "Studies for several machines: serve, check, work."),
    "ledger": Verb(f"{_ENGINE}.ledger:ledger", RESEARCH, "How many vectors were ever tried on an asset."),
    "hypothesis": Verb(f"{_CONTROL}.hypothesis:hypothesis", RESEARCH, "State a claim before a search; its verdict."),
    "learn": Verb(f"{_CONTROL}.learn:learn", RESEARCH, "Put what the journal has taught into the knowledge base."),
    "knowledge": Verb(f"{_CONTROL}.knowledge:knowledge", RESEARCH, "What is known: search, add, ingest, health."),
    "completion": Verb(f"{_CONTROL}.completion:completion", MACHINE, "Complete our words in bash, zsh, fish."),
    "config": Verb(f"{_CONTROL}.config:config", MACHINE, "Check a campaign file; print its JSON Schema."),
    "warm": Verb(f"{_ENGINE}.warm:warm", MACHINE, "Compile the kernels into the cache, before anything needs them."),
    "clean": Verb(f"{_CONTROL}.clean:clean", MACHINE, "Remove what is old and needed by nobody."),
    "doctor": Verb(f"{_CONTROL}.doctor:doctor", MACHINE, "What is missing or wrong on this machine, and the fix."),
}


class Verbs(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module, _, attribute = verb.target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise InvariantError(f"{verb.target} is not a click command")
        _take_home(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            near = difflib.get_close_matches(name, VERBS, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{hint} `swarmd --help` lists them.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading in dict.fromkeys(verb.heading for verb in VERBS.values()):
            with formatter.section(heading):
                formatter.write_dl([(name, verb.help) for name, verb in VERBS.items() if verb.heading == heading])


@click.group(cls=Verbs, context_settings=CONTEXT)
@click.option("--home", metavar="DIR", help=_HOME)
@click.version_option(__version__, "-V", "--version", prog_name="swarmd", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context, home: str | None) -> None:
    """Keep this machine busy finding trading strategies, unattended.

    \b
    swarmd start campaign.yaml     begin, with a live view (add --detach to leave it in the background)
    swarmd status                  how it stands
    swarmd stop                    drain, write the handoff, leave
    """
    if home is not None:
        ctx.with_resource(_home_in_environment(home))


def _take_home(command: click.Command) -> None:
    """``--home`` after the verb as well, for it and all below it that know none of their own; asked twice, once."""
    if not any("--home" in param.opts for param in command.params):
        option = click.Option(["--home"], metavar="DIR", expose_value=False, is_eager=True, callback=_moved, help=_HOME)
        command.params.append(option)
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        _take_home(below)


def _moved(ctx: click.Context, _param: click.Parameter, home: str | None) -> None:
    if home is not None:
        ctx.with_resource(_home_in_environment(home))


@contextlib.contextmanager
def _home_in_environment(home: str) -> Iterator[None]:
    """What ``--home`` says reaches the command, and every process it starts, as ``$SWARMD_HOME``."""
    before = os.environ.get("SWARMD_HOME")
    os.environ["SWARMD_HOME"] = os.path.abspath(Path(home).expanduser())  # noqa: PTH100  (Path.absolute keeps "..")
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("SWARMD_HOME", None)
        else:
            os.environ["SWARMD_HOME"] = before


def main() -> NoReturn:
    """The console script."""
    # Reading a journal makes hundreds of thousands of objects that stay: with the collector's own threshold of 700 it
    # walks through them again and again, for a tenth of a second of each start and each look at a long journal.
    gc.set_threshold(20_000)
    # As in a lane: the sums of a matrix product shared among threads hang on how many there are, in the last bit.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    # No package that happens to be installed beside us looks at what is read from a journal, and nobody waits while
    # pydantic searches the metadata of every one of them for such plugins (50 million instructions of a start).
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    sys.exit(exit_code_of(sys.argv[1:]))


def exit_code_of(arguments: list[str]) -> int:
    """Run one command line and tell its errors; the one place where the families of error become exit codes."""
    try:
        answer = cli.main(args=arguments, prog_name="swarmd", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as left:
        return left.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except click.exceptions.NoArgsIsHelpError as wrong:
        click.echo(wrong.format_message(), err=True)
        return 2
    except click.UsageError as wrong:
        return _told(_with_usage(wrong), 2)
    except click.ClickException as wrong:
        return _told(wrong.format_message(), 2)
    except OperatorError as wrong:
        return _told(str(wrong), 2)
    except OutsideError as wrong:
        return _told(str(wrong), 1)
    except InvariantError as wrong:
        return _told(f"{wrong} (this is a fault of swarmd itself, please report it)", 1)
    except BrokenPipeError:
        # The reader of our output has left (`| head`): nothing to tell, and nobody to tell it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return answer if isinstance(answer, int) else 0


def _with_usage(wrong: click.UsageError) -> str:
    path = wrong.ctx.command_path if wrong.ctx is not None else "swarmd"
    message = wrong.format_message()
    return message if "--help" in message else f"{message} (see `{path} --help`)"


def _told(message: str, code: int) -> int:
    """One line, whatever the message holds; lines after the first are counted."""
    first, *others = message.strip().splitlines() or [""]
    click.echo(f"error: {first}" + (f" (and {len(others)} more)" if others else ""), err=True)
    return code


if __name__ == "__main__":
    main()
