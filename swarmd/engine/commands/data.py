"""`swarmd data`: bars in, judged, listed, fetched, and made up with a known truth.

The group alone; each verb has its file. None of them imports what computes before it runs, so that help costs nothing.
"""

import click

from swarmd.engine.commands.data_import import import_
from swarmd.engine.commands.data_list import list_
from swarmd.engine.commands.data_synth import synth
from swarmd.engine.commands.data_validate import validate
from swarmd.engine.commands.download import download


@click.group()
def data() -> None:
    """Bars: download, import, check, list, or make up a market whose truth is known."""


for _verb in (download, import_, validate, list_, synth):
    data.add_command(_verb)
