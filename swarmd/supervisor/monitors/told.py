"""Lines on top of a monitor, to be scrolled and left: the story of a row, or the keys."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = """\
↑ ↓  PgUp PgDn   walk through the rows
Enter            what is known of the row: its story, its log
1 2 3 4  Tab     gpu, cpu, progress, log-index
s  S             sort by the next column; turn the order round
/                show only rows with these words; Esc ends it
p                hold the picture still, and go on
q                leave (the monitors of a swarm stay)"""


class Told(ModalScreen[None]):
    """Lines on top of everything, to be scrolled and left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,question_mark", "dismiss", "back"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="told") as box:
            box.border_title = self._title
            box.border_subtitle = "Esc goes back"
            yield Static(Text(self._text))
