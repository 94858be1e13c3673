"""``swarmd retry``: a fresh start for a job that ended badly, once its cause is mended."""

import click

from swarmd.state.store.files import Home
from swarmd.supervisor.asking import answered, known_name, require_daemon
from swarmd.supervisor.commands.options import home_option, json_option, names_of, told_answer
from swarmd.supervisor.glance import glance


@click.command(
    epilog="Example: swarmd retry majors.BTCUSDT.balanced.refine     `swarmd query jobs` lists them. "
    "Exit codes: 0 queued again, 1 refused (it is done, or its honest answer was no), 2 no such job, or no daemon."
)
@click.argument("job", metavar="JOB", shell_complete=names_of("jobs"))
@home_option
@json_option
def retry(job: str, home: Home, as_json: bool) -> None:
    """Queue a failed, quarantined or skipped job again, with all that was skipped behind it.

    None of its former losses counts any more. Of a job that was skipped, what failed before it is tried again.
    """
    require_daemon(home, "retry")
    known_name(job, glance(home).jobs, "job", "swarmd query jobs")
    told_answer("retry", answered(home, "retry", subject=job), as_json=as_json)
