"""Looks at the vault: who has ever seen its days, all families and campaigns together, and when it is spent.

A look is a batch of one in the trial ledger, on the vault's days, that names its finalist. Whoever opens a vault calls
`note_look` first: the line is on the disk before anything is seen. `vault` keeps one campaign to one finalist; this
keeps all campaigns of a home to a few, and all homes that share a ledger, so that a new campaign is no new vault.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swarmd.engine.phases.question import Question, digest_of
from swarmd.engine.phases.remembered import heads_in, remember
from swarmd.engine.phases.tried import batch_on, days_of
from swarmd.engine.search.canonical import canonical_key
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_place import opened
from swarmd.state.store.trial_ledger import Entry, TrialLedgers, Vintage, new_name, tried
from swarmd.state.units import Millis, iso

LOOK = "vault"
_DAY_MS = 86_400_000
# So many finalists an asset's vault is opened for; their p-values are adjusted for one another.
MOST_FINALISTS = 3


class VaultSpent(OperatorError):  # noqa: N818  (it is the vault's state, and the word for it)
    """As many finalists as may have looked at this vault, and another one asks."""


@dataclass(frozen=True, slots=True)
class Look:
    """`number`: which distinct finalist this is of all that ever looked at a day of this vault, from 1 on, by time;
    `finalists`: how many there are with it; `is_new`: whether it looks for the first time. `finalist` is its digest.

    `searched`: vectors of any family that were tried on days of this vault otherwise, by a search that took them for
    development data. A vault of which this is not 0 is none.
    """

    number: int
    finalists: int
    is_new: bool
    finalist: str
    searched: int


def note_look(
    question: Question,
    finalist: Mapping[str, Any],
    home: Home,
    *,
    phase: str = LOOK,
    run: str,
    at: Millis,
    most: int | None = MOST_FINALISTS,
    folder: Path | None = None,
    campaign: str = "",
) -> Look:
    """The finalist (its `params` count) looks at the question's vault now; refused where `most` others have.

    The same finalist on the same data may look again and sees what it saw: a killed run is repeated. `most=None` counts
    and never refuses. With a folder, the line is remembered there. With a campaign, it has one
    finalist of its asset and mode: what its own note (``vault``) says of this home, the ledger says of all that share
    it.

    Raises
    ------
    VaultSpent
        If as many distinct finalists have looked at days of this vault, or one of this campaign has; names them.
    Relabelled
        If the vault's prices are known under another name, or as other days.
    OperatorError
        If the chain of one of the asset's ledgers is broken.
    LeaseLost
        If another supervisor owns the campaign by now.
    """
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)
    days = vault_days(question)
    digest = finalist_digest(question, finalist["params"])
    batch = batch_on(
        vault,
        symbol=question.symbol,
        family=question.strategy.card.name,
        origin=question.origin,
        phase=phase,
        count=1,
        run=run,
    )
    batch, once = replace(batch, vintage=days, finalist=digest), new_name()

    with opened(home) as kept:
        ledgers = TrialLedgers(kept)

        def looked() -> tuple[Look, Entry | None]:
            on_vault = [entry for entry in ledgers.of_symbol(question.symbol) if entry.batch.vintage.overlaps(days)]
            looks: dict[str, Entry] = {}
            for entry in on_vault:
                if entry.batch.is_look:
                    looks.setdefault(entry.batch.finalist, entry)
            searched = tried(entry for entry in on_vault if not entry.batch.is_look)
            if digest in looks:
                mine = looks[digest] if looks[digest].batch.run == run else None
                return Look(list(looks).index(digest) + 1, len(looks), False, digest, searched), mine
            own = f"{campaign}.{question.symbol}.{question.mode}."
            if campaign and (seen := {each: looks[each] for each in looks if looks[each].batch.run.startswith(own)}):
                raise VaultSpent(_spent_by_own(question, days, seen, campaign))
            if most is not None and len(looks) >= most:
                raise VaultSpent(_spent(question, days, looks, most))
            entry = ledgers.append(batch, at, once=once)
            return Look(len(looks) + 1, len(looks) + 1, True, digest, searched), entry

        # One at a time for the asset: two that ask at once must not both be the third.
        look, entry = ledgers.in_turn(question.symbol, looked)
    # Of this run it may be there already: a server's answer was lost on its way, or the run was killed before it had
    # remembered.
    if folder is not None and entry is not None and entry.digest not in heads_in(folder):
        remember(entry, folder)
    return look


def finalist_digest(question: Question, params: Mapping[str, float | int]) -> str:
    """Which candidate on which data: symbol, strategy, mode, vector (20 and 20.0 are one) and the data's digest."""
    return digest_of(
        {
            "symbol": question.symbol,
            "strategy": question.strategy.card.name,
            "mode": question.mode,
            "params": canonical_key(params),
            "data_sha256": question.origin.data_sha256,
        }
    )


def vault_days(question: Question) -> Vintage:
    """The vault's days. One that the search has seen in part is the search's, where the vault has others."""
    vault = days_of(question.bars.between(question.vault_bar, question.bars.n_bars))
    seen_until = days_of(question.development).last
    if vault.first > seen_until or vault.first == vault.last:
        return vault
    after = question.bars.open_time[question.vault_bar :] // _DAY_MS
    whole = int(after[after > after[0]][0]) * _DAY_MS
    return Vintage(iso(whole).partition("T")[0], vault.last)


def _spent_by_own(question: Question, days: Vintage, looks: Mapping[str, Entry], campaign: str) -> str:
    return (
        f"{question.symbol}: the vault {days} was opened by campaign {campaign!r} before, in this home or another: "
        f"{_told(looks)}; a campaign opens it once, for one finalist of a mode: take data that nobody has looked at, "
        "in a new campaign"
    )


def _spent(question: Question, days: Vintage, looks: Mapping[str, Entry], most: int) -> str:
    return (
        f"{question.symbol}: the vault {days} is spent: {len(looks)} finalists have looked at days of it, and "
        f"{most} may: {_told(looks)}; another one is refused, whichever campaign or family it is of: take data that "
        "nobody has looked at"
    )


def _told(looks: Mapping[str, Entry]) -> str:
    return "; ".join(
        f"{entry.batch.family} {digest[:12]} on {entry.at[:10]} (run {entry.batch.run})"
        for digest, entry in looks.items()
    )
