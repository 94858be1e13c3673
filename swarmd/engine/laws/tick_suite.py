"""The laws of tick strategies, in the order they are told. A new law is one function and one line here.

No instance may use a row that comes after the one it decides at, wherever batches end, whoever runs beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from swarmd.engine.laws.finding import Broken, Finding
from swarmd.engine.laws.tick_exam import Course, TickExam
from swarmd.engine.laws.tick_markets import Tape, flat_tape, in_another_unit, with_mirrored_future, without_future
from swarmd.engine.laws.whole_card import whole_card
from swarmd.engine.strategies.contract import Params
from swarmd.engine.strategies.tick_registry import checked_tick_params, tick_baseline

# Of one row, of a few, and of so many that a few batches make the tape.
_BATCHES = (1, 37, 997)
_CUTS = 6
# A power of two: prices in the other unit have the same digits.
_FACTOR = 4.0
_HELD = {1: "long", -1: "short", 0: "flat"}


def the_card_is_whole(exam: TickExam) -> Mapping[str, int]:
    """Words everywhere, a baseline that may be run in each mode, spaces within the limits of sense."""
    card = exam.made.card

    def take_baselines() -> None:
        for mode in card.modes:
            try:
                checked_tick_params(card, mode, tick_baseline(card, mode))
            except (ValueError, KeyError) as refusal:
                raise Broken(f"the baseline is refused: {refusal}", mode) from refusal

    return whole_card(card, take_baselines)


def something_is_traded(exam: TickExam) -> Mapping[str, int]:
    """Each mode takes some form of data, and at least one vector trades on it."""
    n_forms = n_trades = 0
    traded = dict.fromkeys(exam.vectors, 0)
    for mode, form in exam.cases():
        courses = exam.courses(mode, form, exam.vectors[mode])
        traded[mode] += sum(course.n_trades for course in courses)
        n_forms, n_trades = n_forms + 1, n_trades + sum(course.n_trades for course in courses)
    for mode, count in traded.items():
        said = [refusal for (refused, _), refusal in exam.refused.items() if refused == mode]
        if len(said) == 3:
            raise Broken(f"it takes neither quotes nor trades; of quotes it says: {said[0]}", mode)
        if not count:
            vectors, rows = len(exam.vectors[mode]), exam.tape.quotes["ts"].size
            raise Broken(f"none of {vectors} vectors trades on {rows} quotes and {rows} trades", mode)
    return {"forms of data": n_forms, "trades": n_trades}


def the_same_stream_has_the_same_answer(exam: TickExam) -> Mapping[str, int]:
    """A second instance on the same stream does the same; nothing is kept outside of an instance."""
    return _held_equal(exam, lambda mode, form, vectors: exam.courses(mode, form, vectors), "a second time")


def the_future_changes_no_row(exam: TickExam) -> Mapping[str, int]:
    """What is held at a row is the same, whatever comes after it."""
    n_cuts = 0
    for mode, form in exam.cases():
        vectors, times = exam.vectors[mode], exam.times(form)
        whole = exam.courses(mode, form, vectors)
        for instant in _cuts(whole, times):
            # Up to here, and not including it, all rows are the same.
            known = int(np.searchsorted(times, instant, side="left"))
            for change in (with_mirrored_future, without_future):
                others = exam.courses(mode, form, vectors, tape=change(exam.tape, instant))
                for params, course, other in zip(vectors, whole, others, strict=True):
                    # Where the stream ends, what is held is closed at its last row.
                    before = known - 1 if change is without_future else known
                    row = course.first_difference(other, before=before)
                    if row is not None:
                        raise _caught(exam, mode, form, params, course, other, row, known, change)
            n_cuts += 1
    return {"cuts": n_cuts}


def batches_change_nothing(exam: TickExam) -> Mapping[str, int]:
    """Batches of one row, of a few and of many give the same."""
    figures: Mapping[str, int] = {}
    for size in _BATCHES:
        figures = _held_equal(
            exam,
            lambda mode, form, vectors, size=size: exam.courses(mode, form, vectors, batch_rows=size),  # type: ignore[misc]
            f"in batches of {size} rows",
        )
    return {**figures, "sizes of batches": len(_BATCHES) + 1}


def company_changes_nothing(exam: TickExam) -> Mapping[str, int]:
    """An instance by itself does what it does among others."""
    return _held_equal(
        exam,
        lambda mode, form, vectors: tuple(exam.courses(mode, form, [vector])[0] for vector in vectors),
        "by itself, and not among others,",
    )


def the_unit_of_prices_changes_nothing(exam: TickExam) -> Mapping[str, int]:
    """At four times the price the same is held at every row."""
    dear = in_another_unit(exam.tape, _FACTOR)
    return _held_equal(
        exam,
        lambda mode, form, vectors: exam.courses(mode, form, vectors, tape=dear),
        f"at {_FACTOR:g} times the price",
        # So many units for so much cash are worth more where the price is higher: what is held is the decision.
        is_equity_alike=False,
    )


def a_flat_market_gives_no_trades(exam: TickExam) -> Mapping[str, int]:
    """Where nothing moves nothing is held."""
    flat, n_vectors = flat_tape(exam.tape), 0
    for mode, form in exam.cases():
        for params, course in zip(
            exam.vectors[mode], exam.courses(mode, form, exam.vectors[mode], tape=flat), strict=True
        ):
            if course.n_trades:
                row = int(np.argmax(course.position != 0))
                raise Broken(
                    f"on {form} that never move it is {_HELD[course.position[row]]} at row {row}", mode, params
                )
            n_vectors += 1
    return {"vectors": n_vectors}


LAWS: dict[str, Callable[[TickExam], Mapping[str, int]]] = {
    "the card is whole": the_card_is_whole,
    "something is traded": something_is_traded,
    "the same twice": the_same_stream_has_the_same_answer,
    "no look ahead": the_future_changes_no_row,
    "batches change nothing": batches_change_nothing,
    "company changes nothing": company_changes_nothing,
    "no unit of price": the_unit_of_prices_changes_nothing,
    "a flat market gives no trades": a_flat_market_gives_no_trades,
}


def tick_findings_of(exam: TickExam) -> tuple[Finding, ...]:
    """All laws, in their order; what the strategy raises breaks the law it is asked for."""
    return tuple(tick_finding_of(law, exam) for law in LAWS)


def tick_finding_of(law: str, exam: TickExam) -> Finding:
    """One law held against one strategy."""
    try:
        return Finding(law, True, LAWS[law](exam))
    except Broken as found:
        return found.finding(law)
    except ValueError as refusal:
        return Finding(law, False, {}, str(refusal))


def _held_equal(
    exam: TickExam,
    other_way: Callable[[str, str, tuple[Params, ...]], tuple[Course, ...]],
    how: str,
    *,
    is_equity_alike: bool = True,
) -> Mapping[str, int]:
    """The course of every vector against that of another way to the same."""
    n_vectors = n_rows = 0
    for mode, form in exam.cases():
        vectors = exam.vectors[mode]
        wholes, others = exam.courses(mode, form, vectors), other_way(mode, form, vectors)
        for params, whole, other in zip(vectors, wholes, others, strict=True):
            compared = other if is_equity_alike else replace(other, equity=whole.equity)
            row = whole.first_difference(compared, before=whole.position.size)
            if row is not None:
                told = f"on {form}, {how} {_apart(whole, other, row)}"
                raise Broken(told, mode, params, time=exam.time_of(form, row), row=row)
            n_vectors, n_rows = n_vectors + 1, n_rows + whole.position.size
    return {"vectors": n_vectors, "rows": n_rows}


def _cuts(courses: tuple[Course, ...], times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[int]:
    """Instants right after rows at which something was decided, and some anywhere."""
    decided = [np.flatnonzero(np.diff(course.position)) + 1 for course in courses]
    rows = np.unique(np.concatenate([*decided, np.arange(0, times.size, max(times.size // 4, 1))]))
    chosen = rows[np.unique(np.linspace(0, rows.size - 1, _CUTS).astype(int))]
    after = np.searchsorted(times, times[chosen], side="right")
    return sorted({int(times[row]) for row in after.tolist() if row < times.size})


def _caught(
    exam: TickExam,
    mode: str,
    form: str,
    params: Params,
    course: Course,
    other: Course,
    row: int,
    known: int,
    change: Callable[[Tape, int], Tape],
) -> Broken:
    what = "are cut off" if change is without_future else "are others"
    ahead = f"it looks {known - row} {'row' if known - row == 1 else 'rows'} ahead, or more"
    told = f"on {form}, where rows from {known} on {what} {_apart(course, other, row)}: {ahead}"
    return Broken(told, mode, params, time=exam.time_of(form, row), row=row)


def _apart(whole: Course, other: Course, row: int) -> str:
    here, there = int(whole.position[row]), int(other.position[row])
    if here == there:
        return (
            f"its equity is {float(other.equity[row]):.9g} at row {row}, and {float(whole.equity[row]):.9g} otherwise"
        )
    return f"it is {_HELD[there]} at row {row}, and {_HELD[here]} otherwise"
