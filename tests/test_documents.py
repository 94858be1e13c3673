"""The pages tell the truth: every command line parses, every link leads somewhere, every worked example comes out."""

import doctest
import importlib.util
import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import documented_commands as documented
import pytest
from repository import ROOT, committed_texts

from swarmd.cli import VERBS, cli, exit_code_of
from swarmd.engine import guards, validation
from swarmd.state.pipeline import phases_of
from swarmd.state.records.campaign_settings import CampaignSettings, ValidationSettings
from swarmd.state.records.incident import INCIDENT_MOVES
from swarmd.state.records.job import Phase
from swarmd.state.store.codec import KINDS
from swarmd.supervisor.campaign_file import schema as campaign_schema

DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
TAUGHT = [page for page in PAGES if page.name != "CHANGELOG.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


# -- command lines ----------------------------------------------------------------------------------------------------


SHELL = ("sh", "bash", "console")
OPERATORS = re.compile(r"[;&|()<>]+")
# What may stand before a command: a prompt, variables for it alone, the five fields of a crontab.
BEFORE = re.compile(r"[\w@~:.-]*\$|sudo|\w+=.*|[\d*/,-]+")


def command_lines(text: str) -> Iterator[str]:
    """Every `swarmd …` of the blocks of a page: to be typed as they stand. In a block of another language, and in the
    output of a command, only what is a line of its own."""
    for language, block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if language in SHELL:
                yield from commands_in(line)
            elif re.match(r"swarmd [a-z]+( |$)", line):
                yield line


def commands_in(line: str) -> list[str]:
    """Each `swarmd …` of a line of shell, up to where the shell takes over: a pipe, a redirection, what follows."""
    if "swarmd " not in line:
        return []
    inner = re.findall(r"\$\((swarmd [^)]+)\)", line)
    lexer = shlex.shlex(re.sub(r"\$\(swarmd [^)]+\)", "", line), posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if OPERATORS.fullmatch(word):
            found.append([])
        elif found[-1] or not BEFORE.fullmatch(word):
            found[-1].append(word)
    return [*inner, *(shlex.join(words) for words in found if words[:1] == ["swarmd"] and len(words) > 1)]


def mentions(text: str) -> list[str]:
    """Every `swarmd …` within a sentence; it may name a command without all it needs."""
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return [found for span in spans for found in commands_in(span)]


def parse(line: str) -> None:
    """Walk a command line through click's own parser, running nothing; UsageError where it does not parse.

    Values are not converted (a file of an example need not exist), except choices: those are words of ours.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="swarmd")
    words = _words(line)
    while True:
        values, left, _ = command.make_parser(context).parse_args(list(words))
        params = command.get_params(context)
        if any(param.is_eager and values.get(param.name or "") is True for param in params):
            return  # --help or --version: the rest does not count
        for param in params:
            _check(param, values.get(param.name or ""), context)
        if not isinstance(command, click.Group):
            if left:
                raise click.UsageError(f"{' '.join(left)!r} is left over", context)
            return
        if not left:
            raise click.MissingParameter("it names no command", context, param_type="command")
        name, *words = left
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"there is no command {name!r}", context)
        command, context = found, click.Context(found, info_name=name, parent=context)


def _words(line: str) -> list[str]:
    """`[X]` may be left out, and is."""
    return [word for word in shlex.split(line)[1:] if not re.fullmatch(r"\[[^\]]+\]\.*|\.\.\.", word)]


def _check(param: click.Parameter, value: Any, context: click.Context) -> None:
    given = [one for one in (value if isinstance(value, (list, tuple)) else [value]) if isinstance(one, str)]
    if param.required and not given:
        raise click.MissingParameter(ctx=context, param=param)
    if isinstance(param.type, click.Choice):
        for one in given:
            param.type.convert(one, param, context)


@pytest.mark.parametrize("page", TAUGHT, ids=named)
def test_every_command_line_of_a_page_parses(page: Path) -> None:
    refused = {}
    text = page.read_text()
    for line in [*command_lines(text), *mentions(text)]:
        try:
            parse(line)
        except (click.MissingParameter, click.BadOptionUsage) as wrong:
            if line not in mentions(text):
                refused[line] = wrong.format_message()
        except click.ClickException as wrong:
            refused[line] = wrong.format_message()
    assert refused == {}


def test_every_command_of_the_pages_is_typed_by_a_test_or_says_why_nobody_does() -> None:
    """`sh` by `test_tutorial`, page by page; all else by the scene a rule gives it to, and each scene by a test."""
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    scenes = {rule.scene for rule in documented.RULES}
    played = {getattr(documented, name, "") for name in re.findall(r"\b(?:scene|all_typed)\((\w+)", tests)}
    assert scenes - played == set()
    assert set(documented.INSTEAD) == scenes
    assert len(documented.commands()) > 200


def test_no_rule_and_no_exception_is_left_from_a_command_that_is_gone() -> None:
    shown = documented.commands()
    assert [said for said in documented.UNTYPED if not any(re.search(said, each.text) for each in shown)] == []
    used = {documented.rule_of(each) for each in shown}
    assert [rule for rule in documented.RULES if rule not in used] == []


def test_the_extras_that_the_pages_install_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        extra
        for page in TAUGHT
        for words in re.findall(r"(?:swarmd|\.)\[([\w,]+)\]", page.read_text())
        for extra in words.split(",")
    }
    assert named - set(extras) == set()
    assert {"gpu", "cluster", "notify", "postgres"} <= named


def test_the_pages_do_show_command_lines() -> None:
    texts = [page.read_text() for page in TAUGHT]
    shown = [shlex.split(line)[1] for text in texts for line in command_lines(text)]
    assert len(shown) >= 10
    assert {"start", "status", "query", "explain", "stop"} <= set(shown)
    assert len([line for text in texts for line in mentions(text)]) >= 10


@pytest.mark.parametrize(
    "line",
    [
        "swarmd statsu",
        "swarmd stop --nwo",
        "swarmd query lnaes",
        "swarmd config check",
        "swarmd config chekc campaign.yaml",
        "swarmd explain one two",
        "swarmd",
    ],
)
def test_a_wrong_command_line_in_a_page_would_be_found(line: str) -> None:
    with pytest.raises(click.ClickException):
        parse(line)


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_in_the_help_parse(verb: str) -> None:
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    leaves = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        # One ends where blanks set the next apart, or the sentence about it begins.
        examples = re.findall(r"swarmd [^`]+?(?=\s{2,}|`|, or |\.(?:\s|$)|$)", leaf.epilog or "", re.MULTILINE)
        assert examples, f"{verb} {leaf.name}"
        for example in examples:
            for line in commands_in(example):
                parse(line)


@pytest.mark.parametrize("size", ["20", "1", "0", "-5", "abc", ""])
def test_help_is_told_whatever_size_the_environment_says_the_terminal_has(
    size: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", size)
    monkeypatch.setenv("LINES", size)
    for words in ([], *([verb] for verb in VERBS)):
        assert exit_code_of([*words, "--help"]) == 0, words
        said = capsys.readouterr()
        assert (said.out.split()[:2], said.err) == (["Usage:", "swarmd"], ""), words


def test_scripts_that_the_pages_name_exist() -> None:
    for page in TAUGHT:
        for name in re.findall(r"(?<![\w/])scripts/([\w-]+(?:\.\w+)?)", page.read_text()):
            assert (ROOT / "scripts" / name).is_file(), f"{named(page)} names scripts/{name}"


# -- links and places -------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """Headings as they are linked to: lower case, blanks as hyphens, punctuation dropped."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{named(page)} links to {target}"
        assert there.is_relative_to(ROOT), f"{named(page)} links out of the project: {target}"
        if anchor:
            assert anchor in anchors(there.read_text()), f"{named(page)} links to {target}, a heading that is not there"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_of_the_code_that_a_page_names_exists(page: Path) -> None:
    for name in re.findall(r"`((?:swarmd/|tests/|state/|agents/|engine/|supervisor/)[\w/]+\.py)`", page.read_text()):
        assert (ROOT / name).exists() or (ROOT / "swarmd" / name).exists(), f"{named(page)} names {name}"


# -- the words --------------------------------------------------------------------------------------------------------


def vocabulary() -> dict[str, str]:
    rows = re.findall(r"^\| ([^|]+?) \| (.+) \|$", (DOCS / "vocabulary.md").read_text(), re.MULTILINE)
    return {word: meaning for word, meaning in rows if word not in ("word", "---")}


def test_every_word_is_told_once() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| .+ \|$", (DOCS / "vocabulary.md").read_text(), re.MULTILINE)
    words = [word for row in rows for word in row.split(", ")]
    assert len(words) == len(set(words))
    assert {"bar", "lane", "run", "campaign", "phase", "trial", "incident", "record", "guard", "vault"} <= set(words)


def test_the_vocabulary_and_the_code_name_the_same_statuses_and_phases() -> None:
    told = re.findall(r"`(\w+)`", vocabulary()["phase"])
    assert sorted({phase.value for phase in Phase}) == sorted({*told} & {phase.value for phase in Phase})
    assert re.findall(r"`(\w+)`", vocabulary()["incident"]) == [status.value for status in INCIDENT_MOVES.moves]


def test_the_pages_and_the_code_name_the_same_phases() -> None:
    """The default chain whole, with the shares that are no part of the plan; the others from the refinement on."""

    def told(crown_on: str) -> list[str]:
        settings = CampaignSettings.model_validate(
            {
                "name": "c", "data": {"root": "."}, "assets": {"tiers": {"T": ["AAA"]}},
                "strategy": {"name": "mtf_ema", "modes": ["balanced"]}, "validation": {"crown_on": crown_on},
            }
        )  # fmt: skip
        return [phase.value for phase in phases_of(settings)]

    def in_order(phases: list[str]) -> str:
        return " → ".join(f"`{phase}`" for phase in phases)

    def without_asides(page: Path) -> str:
        return re.sub(r" \([^)]*\)", "", " ".join(page.read_text().split()))

    default = told(ValidationSettings().crown_on)
    priced = [*default[:3], Phase.SURROGATES.value, *default[3:]]
    for page in (ROOT / "README.md", DOCS / "architecture.md"):
        assert in_order(priced) in without_asides(page), f"{named(page)} tells the phases otherwise"
    for crown_on in ("screen", "source_strict"):
        assert in_order(told(crown_on)[2:]) in without_asides(DOCS / "architecture.md")


def test_words_that_have_a_better_one_are_not_used() -> None:
    better = {"candlestick": "bar", "candle": "bar", "worker thread": "lane", "hyperparameter": "parameter"}
    # The table of synonyms holds what other people call our things.
    passed = {"vendor", "domains.py"}
    texts = [each for each in committed_texts("swarmd", "docs", "README.md") if passed.isdisjoint(each[0].parts)]
    used = [f"{path}: {word}" for path, text in texts for word in better if re.search(rf"\b{word}s?\b", text.lower())]
    assert used == []


# -- pages that are made, and figures that are recomputed -------------------------------------------------------------


def script(name: str) -> ModuleType:
    """A script as a module, without running it."""
    loader = SourceFileLoader(name, str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_page_of_the_records_is_up_to_date() -> None:
    told: Any = script("make_records_page")
    assert (DOCS / "records.md").read_text() == told.records_page(), "run .venv/bin/python scripts/make_records_page"


@pytest.mark.parametrize("name", [*script("make_reference").PAGES])
def test_the_reference_is_what_the_code_says(name: str) -> None:
    told: Any = script("make_reference")
    assert (DOCS / name).read_text() == told.PAGES[name](), "run .venv/bin/python scripts/make_reference"


def test_the_reference_tells_of_every_command_every_field_and_every_public_statistic() -> None:
    """Counted from the other end: click's list of commands, the JSON Schema, the packages' public names."""
    commands = (DOCS / "reference" / "cli.md").read_text()
    for verb in VERBS:
        assert f"\n### swarmd {verb}\n" in commands
    properties = json.dumps(campaign_schema())
    fields = (DOCS / "reference" / "campaign.md").read_text()
    told = set(re.findall(r"^\| `(?:[\w.\[\]]+\.)?(\w+)` \|", fields, re.MULTILINE))
    assert {"root", "combos", "fee_bps", "wall", "url", "claim", "max_lanes"} <= told
    assert [name for name in told if f'"{name}": {{' not in properties] == []
    names = (DOCS / "reference" / "guards.md").read_text()
    assert [name for name in (*guards.__all__, *validation.__all__) if f"| `{name}` |" not in names] == []


def test_the_page_of_the_records_has_a_chapter_for_every_kind_and_a_drawing_for_every_lifecycle() -> None:
    text = (DOCS / "records.md").read_text()
    assert set(KINDS) <= set(re.findall(r"^## (\w+)$", text, re.MULTILINE))
    drawn = re.findall(r"^## (\w+)\n(?:(?!^## ).)*?^stateDiagram-v2$", text, re.MULTILINE | re.DOTALL)
    kinds = [
        "campaign", "champion", "errand", "hypothesis", "incident", "job", "lane", "monitoring", "request", "run",
        "session", "source", "step",
    ]  # fmt: skip
    assert drawn == kinds
    assert "    starting --> running\n" in text
    assert "| `attempt` | `int` | `0` | the fencing token of the newest run ordered for it" in text


def test_the_worked_examples_of_the_guards_come_out() -> None:
    failed, tried = doctest.testfile(str(DOCS / "guards.md"), module_relative=False)
    assert tried >= 10
    assert failed == 0


def test_the_worked_example_in_words_has_the_figures_of_the_one_that_is_run() -> None:
    text = (DOCS / "guards.md").read_text()
    prose, _, run = text.partition("**Worked example.**")[2].partition("```python")
    for figure in ("1.5556", "1.0308", "1.5092", "0.9344"):
        assert figure in prose, figure
        assert figure in run, figure
