"""The domains of knowledge, and the words by which one is recognised: the one table to edit for a new domain.

``aliases`` are other names for the domain itself (`--domain cuda` is gpu). ``words`` point at it: a text that holds two
of them, or one in its title, counts as half of the domain. ``same`` are words that mean one thing there: asked with the
hint, each is looked for under the others as well.
"""

from typing import NamedTuple

from swarmd.state.knowledge.entry import GENERAL
from swarmd.state.knowledge.words import terms


class Domain(NamedTuple):
    about: str
    aliases: tuple[str, ...]
    words: str
    same: tuple[tuple[str, ...], ...] = ()


DOMAINS: dict[str, Domain] = {
    "gpu": Domain(
        "the graphics card: kernels, memory, driver, temperature",
        ("cuda", "nvidia", "device", "cupy"),
        "gpu gpus cuda cupy nvidia nvml nvrtc vram xid warp sm ptx kernel driver",
        (("vram", "memory"), ("oom", "memory"), ("card", "device", "gpu"), ("hot", "temperature", "thermal")),
    ),
    "data": Domain(
        "bars and ticks: download, gaps, timeframes, quality",
        ("market", "bars", "klines", "ticks"),
        "bar kline candle ohlcv timeframe resample parquet snapshot gap tick quote download exchange symbol",
        (("candle", "kline", "bar"), ("interval", "timeframe"), ("hole", "gap", "missing")),
    ),
    "optuna": Domain(
        "the search: trials, samplers, pruning, spaces",
        ("search", "tpe", "refine", "sampler"),
        "optuna trial sampler tpe pruner pruned study cohort refine prescreen space suggest",
        (("optimise", "optimize"), ("hyperparameter", "parameter"), ("study", "search")),
    ),
    "validation": Domain(
        "is it luck: guards, surrogates, walk-forward, the vault",
        ("guards", "guard", "overfitting", "evidence", "statistics"),
        "guard surrogate vault purge embargo deflated sharpe oos overfitting certificate bootstrap",
        (("overfit", "overfitting"), ("luck", "chance", "noise"), ("oos", "vault")),
    ),
    "ops": Domain(
        "running it: incidents, restarts, disks, locks, logs",
        ("operations", "operation", "sre", "incident", "failure"),
        "incident restart lane daemon heartbeat stuck silent lost crash disk lock journal tmux systemd oom quarantine",
        (("crash", "lost", "died"), ("hang", "stuck", "silent"), ("full", "space", "disk"), ("kill", "oom", "signal")),
    ),
    "strategy": Domain(
        "what is traded: signals, entries, exits, parameters",
        ("strategies", "signals", "trading"),
        "strategy signal entry exit stop target trailing leg ema sma atr rsi bollinger ichimoku long short crossover",
        (("sl", "stop"), ("tp", "target"), ("position", "signal")),
    ),
    "engine": Domain(
        "how it computes: kernels, backtest, indicators, numba",
        ("backtest", "backtester", "kernels", "numba"),
        "engine numba njit backtest simulator indicator lookback vectorised evaluate_many combos fee slippage replay",
        (("simulate", "backtest"), ("fast", "throughput"), ("commission", "fee")),
    ),
    "export": Domain(
        "what leaves: Pine scripts, alerts, reports, tear sheets",
        ("pine", "tradingview", "report", "reports"),
        "pine tradingview alert webhook tearsheet report request.security lookahead_off export parity",
        (("script", "pine"), ("lookahead", "repaint")),
    ),
    "agents": Domain(
        "who decides: the agents, their rules, wishes and refusals",
        ("agent", "rules", "arbiter"),
        "agent sentry arbiter wish refusal decide view cycle policy orchestrator consensus curator roster",
        (("decision", "decide"), ("rejected", "refusal")),
    ),
}  # fmt: skip


def resolved(name: str) -> str:
    """The domain a person means: its own name, an alias, else the word itself, which may be a domain of their own."""
    word = name.strip().lower()
    return _NAMED.get(word, word)


def pointed_at(found: set[str], title: set[str]) -> tuple[str, ...]:
    """The domains whose words a text holds, the one with the most first; a word in the title counts as two."""
    marks: dict[str, int] = {}
    for term in _POINTING & found:
        for domain in _POINTERS[term]:
            marks[domain] = marks.get(domain, 0) + (2 if term in title else 1)
    return tuple(sorted((d for d, count in marks.items() if count >= 2), key=lambda d: (-marks[d], d)))


def guessed(found: tuple[str, ...]) -> str:
    """The domain of a text that nobody named one for."""
    return found[0] if found else GENERAL


def alternatives(term: str, domain: str | None) -> tuple[str, ...]:
    """What else the term may be called within the domain."""
    return _SAME.get((domain or "", term), ())


_NAMED = {name: domain for domain, it in DOMAINS.items() for name in (domain, *it.aliases)}
_POINTERS: dict[str, tuple[str, ...]] = {}
for _domain, _it in DOMAINS.items():
    for _term in dict.fromkeys([*terms(_it.words), _domain]):
        _POINTERS[_term] = (*_POINTERS.get(_term, ()), _domain)
_POINTING = frozenset(_POINTERS)
_SAME: dict[tuple[str, str], tuple[str, ...]] = {}
for _domain, _it in DOMAINS.items():
    for _group in _it.same:
        _terms = [terms(word)[0] for word in _group]
        for _term in _terms:
            _others = (*_SAME.get((_domain, _term), ()), *(other for other in _terms if other != _term))
            _SAME[_domain, _term] = tuple(dict.fromkeys(_others))
