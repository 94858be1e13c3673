#!/usr/bin/env python3
"""Frames of a terminal as an animated SVG, as a still one, and as an asciinema recording."""

import json
from collections.abc import Iterable, Sequence
from html import escape

from rich.color import Color
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from terminal_scenes import COLUMNS, ROWS, Frame

COLUMN, ROW, TOP, SIDE = 8.4, 16.3, 34.0, 14.0
WIDTH, HEIGHT = round(COLUMNS * COLUMN + 2 * SIDE), round(ROWS * ROW + TOP + 12)
PAPER, INK, FRAME = "#0e1014", "#d7dae0", "#1b1f27"
FONT = "ui-monospace,'SF Mono','Cascadia Mono','JetBrains Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"

# The dashboard's colours in the sixteen places of a terminal: background, text, eight plain, eight bright.
PALETTE = TerminalTheme(
    (14, 16, 20),
    (215, 218, 224),
    [(59, 65, 78), (242, 123, 130), (85, 201, 139), (232, 173, 82), (134, 169, 245), (200, 150, 230), (63, 202, 187),
     (215, 218, 224)],
    [(125, 130, 141), (255, 150, 155), (120, 225, 170), (250, 200, 120), (165, 195, 255), (220, 180, 245),
     (100, 225, 210), (255, 255, 255)],
)  # fmt: skip


def film(frames: Sequence[Frame]) -> str:
    """All frames in a strip below one another; CSS moves it on by whole frames, and begins again at the end.

    Rows that occur in several frames are drawn once. Who has asked for less movement sees the still picture.
    """
    rows: dict[str, str] = {}
    drawn = []
    for at, frame in enumerate(frames):
        uses = []
        for row, line in enumerate(frame.lines[:ROWS]):
            if marks := _row(line):
                name = rows.setdefault(marks, f"r{len(rows)}")
                uses.append(f'<use href="#{name}" y="{row * ROW:g}"/>')
        drawn.append(f'<g transform="translate(0 {at * HEIGHT})">{"".join(uses)}</g>')
    total = sum(frame.lasts_s for frame in frames)
    steps, begun = [], 0.0
    for at, frame in enumerate(frames):
        steps.append(f"{100 * begun / total:.3f}%{{transform:translateY({-at * HEIGHT}px)}}")
        begun += frame.lasts_s
    best = _telling(frames)
    style = (
        f"@keyframes play{{{''.join(steps)}}}"
        f".film{{animation:play {total:.2f}s step-end infinite}}"
        f"@media (prefers-reduced-motion:reduce){{.film{{animation:none;transform:translateY({-best * HEIGHT}px)}}}}"
    )
    defs = "".join(f'<g id="{name}">{marks}</g>' for marks, name in rows.items())
    return _window(f'<defs>{defs}</defs><g class="film">{"".join(drawn)}</g>', style)


def still(frames: Sequence[Frame]) -> str:
    """The picture that tells most, for where nothing moves."""
    lines = frames[_telling(frames)].lines[:ROWS]
    rows = [f'<g transform="translate(0 {row * ROW:g})">{_row(line)}</g>' for row, line in enumerate(lines)]
    return _window("".join(rows), "")


def cast(frames: Sequence[Frame]) -> str:
    """asciinema's format, version 2: what changed from one frame to the next, line by line."""
    head = {"version": 2, "width": COLUMNS, "height": ROWS, "title": "swarmd", "env": {"TERM": "xterm-256color"}}
    events, now, before = [json.dumps(head)], 0.0, [""] * ROWS
    for frame in frames:
        lines = [*frame.lines, *[""] * ROWS][:ROWS]
        changed = [(row, line) for row, line in enumerate(lines) if line != before[row]]
        text = "".join(f"\x1b[{row + 1};1H\x1b[0m\x1b[2K{line}\x1b[0m" for row, line in changed)
        events.append(json.dumps([round(now, 3), "o", text]))
        now, before = now + frame.lasts_s, lines
    return "\n".join([*events, json.dumps([round(now, 3), "o", ""])]) + "\n"


def _telling(frames: Sequence[Frame]) -> int:
    """The last frame of the scene in which its progress is watched."""
    watched = [at for at, frame in enumerate(frames) if frame.scene == "progress" and len("".join(frame.lines)) > 400]
    return watched[-1] if watched else len(frames) - 1


def _window(inside: str, style: str) -> str:
    """A terminal's window. The film is longer than it is high: only what lies in the pane is seen."""
    dots = "".join(
        f'<circle cx="{20 + 18 * at}" cy="17" r="5.5" fill="{c}"/>'
        for at, c in enumerate(("#f27b82", "#e8ad52", "#55c98b"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' font-family="{FONT}" font-size="14" role="img" aria-label="A terminal with swarmd at work">'
        f"<style>{style}text{{white-space:pre}}</style>"
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="9" fill="{PAPER}" stroke="#3a414e"/>'
        f'<path d="M1 30V9a8 8 0 0 1 8-8H{WIDTH - 9}a8 8 0 0 1 8 8V30z" fill="{FRAME}"/>{dots}'
        f'<text x="{WIDTH / 2:g}" y="22" fill="#9ca1ad" font-size="13" text-anchor="middle">swarmd</text>'
        f'<svg x="{SIDE:g}" y="{TOP:g}" width="{WIDTH - 2 * SIDE:g}" height="{HEIGHT - TOP:g}">{inside}</svg></svg>\n'
    )


def _row(line: str) -> str:
    """A row of the pane: its backgrounds, then its words, each held in its columns whatever the reader's font is."""
    text = Text.from_ansi(line)
    marks: list[str] = []
    column = 0
    for piece, style in _pieces(text):
        ink, paper = _colours(style)
        if paper is not None:
            marks.append(
                f'<rect x="{column * COLUMN:.1f}" width="{len(piece) * COLUMN:.1f}" height="{ROW:g}" fill="{paper}"/>'
            )
        for offset, word in _words(piece):
            looks = f' fill="{ink}"' + (' font-weight="bold"' if style.bold else "")
            looks += ' text-decoration="underline"' if style.underline else ""
            width = f' textLength="{len(word) * COLUMN:.1f}"' if len(word) > 1 else ""
            x = (column + offset) * COLUMN
            marks.append(f'<text x="{x:.1f}" y="13"{width}{looks}>{escape(word, quote=False)}</text>')
        column += len(piece)
    return "".join(marks)


def _pieces(text: Text) -> Iterable[tuple[str, Style]]:
    """Runs of one style."""
    from rich.console import Console

    plain = Console(width=COLUMNS * 4, no_color=False, color_system="truecolor", legacy_windows=False)
    for segment in text.render(plain, end=""):
        if segment.text:
            yield segment.text, segment.style or Style()


def _words(piece: str) -> Iterable[tuple[int, str]]:
    """What lies between two blanks or more, with its offset: columns stay columns where fonts differ."""
    at = 0
    for word in piece.split("  "):
        bare = word.strip(" ")
        if bare:
            yield at + len(word) - len(word.lstrip(" ")), bare
        at += len(word) + 2


def _colours(style: Style) -> tuple[str, str | None]:
    ink, paper = _hex(style.color, is_ink=True), _hex(style.bgcolor, is_ink=False) if style.bgcolor else None
    if style.reverse:
        ink, paper = paper or PAPER, ink
    if style.dim and not style.reverse:
        ink = _mixed(ink)
    return ink, paper


def _hex(color: Color | None, *, is_ink: bool) -> str:
    if color is None or color.is_default:
        return INK if is_ink else PAPER
    return "#{:02x}{:02x}{:02x}".format(*color.get_truecolor(PALETTE, foreground=is_ink))


def _mixed(ink: str) -> str:
    """Half way to the paper."""
    pairs = [(int(ink[at : at + 2], 16), int(PAPER[at : at + 2], 16)) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(0.55 * one + 0.45 * other):02x}" for one, other in pairs)
