"""``swarmd query throughput``: how fast each prescreen was beside this machine's record, as plain rows.

A topic of ``query``, in a file of its own; like all of that it reads dictionaries, so that the command starts fast.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swarmd.state.query import Facts, Picture

Row = dict[str, Any]

_SAID = (
    "symbol", "strategy", "direction", "engine", "threads", "combos", "bars", "wall_seconds", "cpu_seconds",
)  # fmt: skip


def throughput_rows(picture: "Picture", facts: "Facts") -> list[Row]:
    """One row a prescreen, in the order in which they came. ``cpu_share`` and ``wall_share`` are of the record that
    stood then, None where there was none; ``holds_record`` says whose the present one is."""
    holders = {row["mark"]["run"] for row in picture.rows("fastest")}
    return [_row(row, is_holder=row["id"] in holders) for row in picture.rows("throughput")]


def _row(row: Row, *, is_holder: bool) -> Row:
    speed, mark = row["speed"], row["mark"] or {}
    work = speed["combos"] * speed["bars"]
    per_cpu = _rate(work, speed["cpu_seconds"])
    per_thread = _rate(work, speed["wall_seconds"] * speed["threads"])
    return {
        "id": row["id"],
        "at": row["at"],
        **{name: speed[name] for name in _SAID},
        "combo_bars_per_cpu_s": per_cpu,
        "combo_bars_per_thread_s": per_thread,
        "cpu_share": _share(per_cpu, mark.get("per_cpu")),
        "wall_share": _share(per_thread, mark.get("per_thread")),
        "record_run": mark.get("run"),
        "holds_record": is_holder,
        **speed["conditions"],
        "machine": speed["machine"],
        "kernel": speed["kernel"],
    }


def _rate(work: int, seconds: float) -> float | None:
    return work / seconds if seconds > 0 else None


def _share(figure: float | None, best: float | None) -> float | None:
    return round(figure / best, 3) if figure and best else None
