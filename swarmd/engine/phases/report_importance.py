"""Which parameters set the best trials of a search apart: Optuna's PED-ANOVA over the trials as they are in the file.

The method has no chance in it and wants no forest, so the same trials give the same shares. Optuna is imported here
alone, when a page asks.
"""

import warnings
from collections.abc import Mapping
from typing import Any

from swarmd.engine.reports.material import Importance

# Of fewer trials the best tenth is one or two, and says nothing.
LEAST_TRIALS = 20


def importance_of(search: Mapping[str, Any]) -> tuple[Importance | None, str]:
    """The shares of the parameters, or why there are none."""
    space = {name: spec for name, spec in search.get("space", {}).items() if _moves(spec)}
    trials = [
        each
        for each in search.get("trials", ())
        if each.get("score") is not None and space.keys() <= each["params"].keys()
    ]
    if len(trials) < LEAST_TRIALS:
        return None, f"the search has {len(trials)} trials with a score, and at least {LEAST_TRIALS} are needed"
    if len(space) < 2:
        return None, "fewer than two parameters were searched"
    if len({each["score"] for each in trials}) == 1:
        return None, "all trials have the same score"
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(direction="maximize")
            spaces = {name: _distribution(spec, trials, name) for name, spec in space.items()}
            for each in trials:
                params = {name: each["params"][name] for name in space}
                study.add_trial(optuna.create_trial(params=params, distributions=spaces, value=each["score"]))
            shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    except (ValueError, RuntimeError) as refusal:
        return None, f"Optuna would not say ({refusal})"
    finally:
        optuna.logging.set_verbosity(before)
    if not any(share > 0.0 for share in shares.values()):
        return None, "no parameter sets the best trials apart"
    return Importance({name: float(share) for name, share in shares.items()}, len(trials)), ""


def _moves(spec: Mapping[str, Any]) -> bool:
    return len(spec["choices"]) > 1 if "choices" in spec else spec["low"] < spec["high"]


def _distribution(spec: Mapping[str, Any], trials: list[dict[str, Any]], name: str) -> Any:
    """The range, wide enough for every trial: a vector of the prescreen may lie outside of a narrowed one."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    seen = [each["params"][name] for each in trials]
    if "choices" in spec:
        return CategoricalDistribution(tuple(sorted({*spec["choices"], *seen})))
    low, high = min(spec["low"], *seen), max(spec["high"], *seen)
    if spec["type"] == "int":
        return IntDistribution(int(low), int(high), log=bool(spec["log"]))
    return FloatDistribution(low, high, log=bool(spec["log"]))
