"""Every command line of the pages: which scene of the tests types it, what in its place, and what nobody types.

A command is a line of a block marked `sh` or `console`, with its continuation and its here-document. `sh` is typed
whole, page by page, by `test_tutorial`. Of `console`, and of the README, the first rule that fits gives each command to
a scene: a place prepared once, in which the commands of many pages are typed as they stand but for its `instead`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from repository import ROOT

_BLOCK = re.compile(r"^ *```(sh|bash|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """`page` is its path below the project, `text` what is typed: without the remark behind it."""

    page: str
    text: str


class Rule(NamedTuple):
    """Commands that hold `said` (a regular expression) on pages whose path holds `page` go to the scene."""

    page: str
    said: str
    scene: str


class Instead(NamedTuple):
    """`said` (a regular expression) is `typed` as that; ``{word}`` is filled in by the scene."""

    said: str
    typed: str


MADE, PARITY, WORKING, EXCHANGE, TICKS, CHANNELS, MEANING, DATABASE, NODES, STUDIES, BOX, BENCHES = (
    "made", "parity", "working", "exchange", "ticks", "channels", "meaning", "database", "nodes", "studies", "box",
    "benches",
)  # fmt: skip
EVERYWHERE = ""

# What no test machine can do, with the reason. A command that a test does type must not stand here.
UNTYPED = {
    r"^scripts/test\b": "it is what runs this test",
    r"^(pip|\.venv/bin/python -m pip) install": "fetches packages; what it names is held against pyproject.toml",
    r"^uv tool install": "fetches packages; scripts/try_install does it, tests/test_installed.py from the wheel",
    r"^podman": "wants a container engine and packages from outside; scripts/try_container does it",
    r"^scripts/check_gpu": "wants a GPU",
}

_STEERING = "start|stop|pause|resume|cancel|kill|retry|prioritise|restart|ensure|service"
_LOOKING = "log|follow|attach|monitor|serve|status|mcp"
RULES = (
    # What asks for a campaign whose searches are still to begin, or for one that crashed.
    Rule(EVERYWHERE, r"^swarmd hypothesis state|/crash$", WORKING),
    Rule("docs/cluster.md", "", NODES),
    Rule(EVERYWHERE, r"swarmd cluster|--backend ray", NODES),
    Rule(EVERYWHERE, r"swarmd storage|--storage|^ssh -N", STUDIES),
    Rule("docs/deploy.md", r"^scripts/(?!deploy)", WORKING),
    Rule("docs/deploy.md", "", BOX),
    Rule(EVERYWHERE, r"^scripts/(deploy|run)\b", BOX),
    Rule(EVERYWHERE, r"scripts/(bench_|chaos|simulate|check_oracles)", BENCHES),
    Rule(EVERYWHERE, r"^swarmd data download", EXCHANGE),
    Rule(EVERYWHERE, r"(quotes|trades)/", TICKS),
    Rule(EVERYWHERE, r"^swarmd notify", CHANNELS),
    Rule(EVERYWHERE, r"^swarmd knowledge (embed|.*--mode both)", MEANING),
    Rule(EVERYWHERE, r"^swarmd (knowledge|ledger) move", DATABASE),
    Rule(EVERYWHERE, r"--pinets", PARITY),
    Rule(EVERYWHERE, rf"^curl|^swarmd ({_STEERING}|{_LOOKING})\b", WORKING),
    Rule(EVERYWHERE, "", MADE),
)

# What is typed in the place of what stands there, scene by scene, each applied to what the one before it has made.
_ASSET, _INTERVAL = Instead(r"BTCUSDT", "EDGE"), Instead(r"(?<!bars)(\b|_)5m\b", r"\g<1>15m")
INSTEAD: dict[str, tuple[Instead, ...]] = {
    # In the home that the tutorial leaves: its campaign, champion and bars for those of the examples, and less work.
    MADE: (
        Instead(r"(import btc\.csv) --out data/bars_5m", r"\1 --out imported"),
        Instead(r"--days 730 (.*)--out (bars|data/synth)", r"--days 60 \1--out made"),
        Instead(r"majors-mtf|majors", "first"),
        _ASSET,
        Instead(r"balanced", "aggressive"),
        _INTERVAL,
        Instead(r"data/bars_5m", "bars"),
        Instead(r"--data bars/EDGE", "--data small/EDGE"),
        Instead(r"--known-gap 2023-[\d-]+", ""),
        Instead(r"--combos \d+", "--combos 300"),
        Instead(r"--prescreen \d+", "--prescreen 300"),
        Instead(r"--trials \d+", "--trials 12"),
        Instead(r"(ChannelBreak --prescreen) 300", r"\1 20"),
        Instead(r" --surrogates 199", ""),
        Instead(r"^swarmd (validate|optimize) ", r"swarmd \1 --surrogates 19 "),
        Instead(r"\bID$", "EDGE_15m"),
        Instead(r"bt-20260131_093000Z", "{session}"),
        Instead(r"\bc123\b", "c1"),
    ),
    PARITY: (_ASSET, _INTERVAL, Instead(r"~/pinets", "{pinets}")),
    # A campaign of three assets whose searches are slow, and die where they are told to.
    WORKING: (
        Instead(r"(start campaign.yaml) --until-done$", r"\1 --detach"),
        # Only the first of the swarms has monitors: four of them are a second of processor time each.
        Instead(r"start (majors|alts|night)\.yaml", r"start \1.yaml --no-monitors"),
        Instead(r"(CAMPAIGN\.yaml|ensure_swarm_watchdogs\.sh)$", r"\1 --no-monitors"),
        Instead(r"balanced", "aggressive"),
        Instead(r"--asset BTCUSDT --among", "--asset SOLUSDT --among"),  # its search begins after the first's
        Instead(r"(kill .*refine)-a1$", r"\1-a2"),
        Instead(r"\bcpu3\b", "{lane}"),
        Instead(r"swarmd serve$", "swarmd serve --port {port}"),
        Instead(r"127\.0\.0\.1:8787", "127.0.0.1:{port}"),
        Instead(r"^scripts/", "{root}/scripts/"),
    ),
    EXCHANGE: (
        Instead(r"data download", "data download --api-url {exchange}"),
        Instead(r"--since 2023-01-01", "--since {since}"),
    ),
    TICKS: (),
    CHANNELS: (),
    MEANING: (),
    DATABASE: (Instead(r"\$\{DB_PASSWORD\}", "${{LEDGER_PASSWORD}}"), Instead(r"@db/swarmd", "{database}")),
    NODES: (
        Instead(r"10\.0\.0\.2:6379", "127.0.0.1:{port}"),
        Instead(r"cluster up(?! --host)", "cluster up --host 10.0.0.2 --name desk"),
        Instead(r"up --host 10\.0\.0\.2( --name desk)?", "up --host 127.0.0.1 --name desk --port {port} --cpus 0"),
        Instead(r"^scp desk:", "cp ../desk/"),
        Instead(r"(join \S+) --token-file", r"\1 --host 10.0.0.3 --name box --token-file"),
        Instead(r"--name box --stay", "--name box --price 0.42 --stay"),
        Instead(r"--host 10\.0\.0\.3", "--host 127.0.0.1 --cpus 1"),
        Instead(r"--backend ray", "--backend ray --detach --no-monitors"),
    ),
    STUDIES: (
        Instead(r"storage serve --journal", "storage serve --url grpc://127.0.0.1:{other} --journal"),
        Instead(r"storage (serve|check)$", r"storage \1 {url}"),
        Instead(r"serve grpc:", "serve --url grpc:"),
        Instead(r"-L 8788:localhost:8788 big-machine", "-L {tunnel}:localhost:{served} {machine}"),
        Instead(r"(storage work) grpc://127.0.0.1:8788", r"\1 grpc://127.0.0.1:{tunnel}"),
        Instead(r"grpc://127.0.0.1:8788", "{url}"),
        Instead(r"--workers 8", "--workers 1"),
        Instead(r"--workers 4", "--workers 2 --trials 24 --mode aggressive"),
    ),
    # A real sshd on this machine, whose users' home is a folder of the test.
    BOX: (
        Instead(r"^(\*/15|\*| )+", ""),
        Instead(r"cd ~/swarmd", "cd {checkout}"),
        Instead(r"~/back", "{place}/cron"),
        Instead(r"deploy (root@203\.0\.113\.7( --port 40022)?|root@NEW|box\.example\.com)", "deploy {box}"),
        Instead(r"root@NEW:", "127.0.0.1:"),
        Instead(r"ssh root@NEW", "{ssh} 127.0.0.1"),
        Instead(r"/mnt/volume", "{place}/volume"),
        Instead(r"--tunnel 8787", "--tunnel {tunnel}"),
        Instead(r"^scripts/run$", "cd {dest} && SWARMD_HOME={place}/demo scripts/run {checkout}/majors.yaml"),
    ),
    # A small piece of each, which asks for minutes or hours, a quiet machine or many processors as it stands; of those
    # that cannot be small, their help. What they find is held by tests of their own.
    BENCHES: (
        Instead(r"^.*(bench_startup).*", r"python {root}/scripts/\1 --runs 1"),
        Instead(r"^.*(simulate) --seed 1$", r"{root}/scripts/\1 --seed 1 --lanes 2 --hours 0.05"),
        Instead(r"^.*(simulate) --seeds.*", r"{root}/scripts/\1 --seeds 1 --lanes 2 --hours 0.05 --resume days.jsonl"),
        Instead(r"^.*?scripts/(bench_(?!startup)\w+|chaos|check_oracles)\b.*", r"python {root}/scripts/\1 --help"),
    ),
}  # fmt: skip
# Of a scene, what is typed only after all else, for it changes what that is about.
LAST = {MADE: r"^swarmd (champion set|knowledge remove)", BOX: r"^scripts/run"}


@cache
def commands() -> tuple[Command, ...]:
    """Those that scenes type, in the order of the pages; what stands twice, once for each page."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = [
        Command(page.relative_to(ROOT).as_posix(), text)
        for page in pages
        for language, block in _BLOCK.findall(page.read_text())
        if language != "sh" or page.name == "README.md"
        for text in lines_of(block)
    ]
    return tuple(dict.fromkeys(found))


def lines_of(block: str) -> Iterator[str]:
    lines = iter(block.replace("\\\n", " ").splitlines())
    for line in lines:
        text = re.sub(r"^\w+\$ |(^|\s+)#.*$", "", line).strip()
        if not text:
            continue
        if here := re.search(r"<<'?(\w+)'?", text):
            for below in lines:
                text += f"\n{below}"
                if below == here[1]:
                    break
        yield text


def why_untyped(command: Command) -> str:
    return next((why for said, why in UNTYPED.items() if re.search(said, command.text)), "")


def rule_of(command: Command) -> Rule:
    return next(rule for rule in RULES if rule.page in command.page and re.search(rule.said, command.text))


def scene(name: str) -> list[str]:
    """Its commands, each once, what stands in `LAST` behind the others."""
    found = [each.text for each in commands() if not why_untyped(each) and rule_of(each).scene == name]
    return sorted(dict.fromkeys(found), key=lambda text: name in LAST and re.search(LAST[name], text) is not None)
