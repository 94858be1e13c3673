"""The monitors with keys: one screen, four views, the rows of each to walk through, sort, filter and ask about.

Wants the extra ``tui``. Only the view that is seen is read, in a thread, once a second, and only what changed is drawn.
It outlives the daemon, and waits for a home that is not there yet.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from rich.markup import escape
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Input, Static

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.state.units import iso
from swarmd.supervisor.monitors import cpu, gpu, log_index, progress, progress_listing
from swarmd.supervisor.monitors.details import details
from swarmd.supervisor.monitors.listing import GAP, Column, Listing, Row, cut, fitted, in_order, matching
from swarmd.supervisor.monitors.tmux import detach_command, plain_environment
from swarmd.supervisor.monitors.told import KEYS, Told

EVERY_S: Final = 1.0
# Of so many lines of a screen one is a line of the foot.
_FOOT_SHARE = 6


@dataclass(frozen=True, slots=True)
class View:
    """One of the four: a look at the world, and its rows."""

    name: str
    read: Callable[[Home], Any]
    listing: Callable[[Any, int], Listing]


VIEWS = (
    View("gpu", gpu.read, gpu.listing),
    View("cpu", cpu.read, cpu.listing),
    View("progress", progress.read, progress_listing.listing),
    View("log-index", log_index.read, log_index.listing),
)


class Monitors(App[None]):
    """``view`` is the one it begins with. Leave it with ``q``."""

    TITLE = "swarmd"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    #top { height: 1; text-style: bold; }
    #head, #foot { height: auto; }
    #rows { height: 1fr; background: ansi_default; scrollbar-size-vertical: 1; }
    #rows > .datatable--header { background: ansi_default; text-style: bold; }
    #rows > .datatable--cursor { text-style: reverse; background: ansi_default; color: ansi_default; }
    #words { height: 1; border: none; padding: 0; display: none; background: ansi_default; }
    #words.is-asked { display: block; }
    #keys { height: 1; text-style: dim; }
    Told { align: center middle; background: ansi_default; }
    #told { width: 100%; height: 100%; border: round ansi_default; padding: 0 1; background: ansi_default; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "leave"),
        Binding("ctrl+c", "quit", "end", priority=True),
        *(Binding(str(number), f"show({number - 1})", view.name) for number, view in enumerate(VIEWS, start=1)),
        Binding("tab", "show_next(1)", "next view", priority=True),
        Binding("shift+tab", "show_next(-1)", "view before", priority=True),
        Binding("p", "hold", "hold still"),
        Binding("s", "sort", "sort"),
        Binding("S", "turn", "turn the order round"),
        Binding("slash", "filter", "filter"),
        Binding("escape", "all_rows", "all rows"),
        Binding("question_mark", "help", "keys"),
    ]

    def __init__(self, home: Home, view: str) -> None:
        super().__init__(ansi_color=True)
        self.home = home
        self.view = next(each for each in VIEWS if each.name == view)
        self.is_held = False
        self.words = ""
        self.sorted_by = -1
        self.is_falling = False
        self._listing: Listing | None = None
        self._drawn: dict[str, tuple[Text, ...]] = {}
        self._shape: tuple[object, ...] = ()
        self._trouble = ""
        self._looking = asyncio.Lock()
        self._n_looks = 0

    def compose(self) -> ComposeResult:
        yield Static(id="top")
        yield Static(id="head")
        yield DataTable(id="rows", cursor_type="row", cell_padding=0, zebra_stripes=False)
        yield Static(id="foot")
        yield Input(id="words", placeholder="words that a row must have", select_on_focus=False)
        yield Static("q leave  1-4 view  Enter why  s sort  / filter  p hold  ? keys", id="keys")

    def on_mount(self) -> None:
        self._table.focus()
        self.set_interval(EVERY_S, self._look_again)
        self.call_later(self.look)

    async def _look_again(self) -> None:
        if not self.is_held and not self._looking.locked():
            await self.look()

    # -- reading ------------------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Read the view that is seen, beside the keys, and draw it. What cannot be read now may be the next time."""
        async with self._looking:
            view, width = self.view, max(20, self.size.width)
            listing: Listing | None
            try:
                reading = await asyncio.to_thread(view.read, self.home)
                listing = view.listing(reading, width)
                self._trouble = ""
            except (OSError, OutsideError, OperatorError) as trouble:
                self._trouble = f"cannot be read just now: {trouble}"
                listing = self._listing if view is self.view else None
            self._n_looks += 1
        if view is self.view and self.is_running:  # who leaves meanwhile has taken the places to draw in away
            self._listing = listing
            self._draw()

    # -- drawing ------------------------------------------------------------------------------------------------------

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#rows", DataTable)

    def _draw(self) -> None:
        self._put("#top", self._top())
        listing = self._listing
        head = () if listing is None else listing.head
        self._put("#head", Text("\n").join((*head, *((Text(self._trouble, "yellow"),) if self._trouble else ()))))
        if listing is None:
            return
        room = self.size.height // _FOOT_SHARE
        foot = [Text(cut(line.plain, self.size.width - 1), line.style) for line in listing.foot[-room:]]
        self._put("#foot", Text("\n").join(foot if room else ()))
        rows = matching(listing.rows, self.words)
        if self.sorted_by >= 0:
            rows = in_order(rows, self.sorted_by, is_falling=self.is_falling)
        self._fill(listing, rows)

    def _top(self) -> Text:
        names = "  ".join(
            f"[reverse] {number} {view.name} [/reverse]" if view is self.view else f" {number} {view.name} "
            for number, view in enumerate(VIEWS, start=1)
        )
        said = [f"{iso(time.time_ns() // 1_000_000)[11:19]}Z"]
        if self.is_held:
            said.insert(0, "[yellow]held still[/yellow]")
        if self.words:
            said.insert(0, f"only: {escape(self.words)}")
        return Text.from_markup(f"{names}   {'  '.join(said)}")

    def _put(self, where: str, what: Text) -> None:
        """Into its place, where it is not there already."""
        place = self.query_one(where, Static)
        known = getattr(place, "shown", None)
        if known is None or known.markup != what.markup:
            place.shown = what  # type: ignore[attr-defined]
            place.update(what)

    def _fill(self, listing: Listing, rows: list[Row]) -> None:
        """Only what changed is drawn; the cursor stays on its row, wherever that goes."""
        table, places = self._table, fitted(listing, self.size.width - 1)
        if not rows:
            rows = [Row("", tuple(listing.empty if width == 0 else "" for width in self._widths(listing)))]
        wanted = {row.key: tuple(_cell(row, listing, at, width) for at, width in places) for row in rows}
        shape = (self.view.name, tuple(places), self.sorted_by, self.is_falling)
        if shape == self._shape and [*wanted] == [*self._drawn]:
            for number, (key, cells) in enumerate(wanted.items()):
                for column, (new, old) in enumerate(zip(cells, self._drawn[key], strict=True)):
                    if new.plain != old.plain or new.style != old.style:
                        table.update_cell_at(Coordinate(number, column), new)
        else:
            self._refill(listing, places, wanted, is_other=shape[:2] != self._shape[:2])
        self._shape, self._drawn = shape, wanted

    def _refill(self, listing: Listing, places: list[tuple[int, int]], wanted: dict[str, tuple[Text, ...]], *,
                is_other: bool) -> None:  # fmt: skip
        table = self._table
        known = [*self._drawn]
        at = known[table.cursor_row] if not is_other and table.cursor_row < len(known) else ""
        scrolled = table.scroll_y
        with self.batch_update():
            table.clear(columns=True)
            for place, width in places:
                table.add_column(self._title(listing.columns[place], place, width), width=width + GAP)
            for key, cells in wanted.items():
                table.add_row(*cells, key=key)
            keys = [*wanted]
            table.move_cursor(row=keys.index(at) if at in wanted else min(table.cursor_row, len(keys) - 1))
            if not is_other:
                table.scroll_to(y=scrolled, animate=False)

    def _title(self, column: Column, place: int, width: int) -> Text:
        mark = ("▼" if self.is_falling else "▲") if place == self.sorted_by else ""
        name = cut(f"{mark}{column.name}", width)
        return Text(name.rjust(width) if column.is_right else name)

    @staticmethod
    def _widths(listing: Listing) -> list[int]:
        return [column.width for column in listing.columns]

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """In a window of the swarm's own tmux the monitor stays and who looks leaves."""
        command = detach_command(self.home, os.environ.get("TMUX", ""))
        if not command or subprocess.run(command, env=plain_environment(), capture_output=True, check=False).returncode:
            self.exit()

    async def action_show(self, number: int) -> None:
        if VIEWS[number] is self.view:
            return
        self.view, self._listing, self.sorted_by, self.is_falling = VIEWS[number], None, -1, False
        self.action_all_rows()
        await self.look()

    async def action_show_next(self, step: int) -> None:
        await self.action_show((VIEWS.index(self.view) + step) % len(VIEWS))

    def action_hold(self) -> None:
        self.is_held = not self.is_held
        self._draw()

    def action_sort(self) -> None:
        """By the next column that is seen; after the last one as it came."""
        if self._listing is not None:
            seen = [place for place, _ in fitted(self._listing, self.size.width - 1)]
            later = [place for place in seen if place > self.sorted_by]
            self.sorted_by = later[0] if later else -1
            self._draw()

    def action_turn(self) -> None:
        self.is_falling = not self.is_falling
        self._draw()

    def action_filter(self) -> None:
        box = self.query_one("#words", Input)
        box.add_class("is-asked")
        box.focus()

    def action_all_rows(self) -> None:
        box = self.query_one("#words", Input)
        self.words = box.value = ""
        box.remove_class("is-asked")
        self._table.focus()
        self._draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.words = event.value
        self._draw()

    def on_input_submitted(self, _event: Input.Submitted) -> None:
        self.query_one("#words", Input).remove_class("is-asked")
        self._table.focus()

    def action_help(self) -> None:
        self.push_screen(Told("keys", KEYS))

    async def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        listing = self._listing
        row = next((each for each in listing.rows if each.key == event.row_key.value), None) if listing else None
        if row is not None:
            told = await asyncio.to_thread(details, self.home, row)
            self.push_screen(Told(row.cells[0], "\n".join(told)))

    def on_resize(self) -> None:
        if self._listing is not None:
            self._draw()


def _cell(row: Row, listing: Listing, place: int, width: int) -> Text:
    column = listing.columns[place]
    text = cut(row.cells[place], width, keeps_end=column.keeps_end)
    return Text(text.rjust(width) if column.is_right else text, style=row.style)
