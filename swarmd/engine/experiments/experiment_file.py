"""The experiment file: YAML in, an experiment ready to run out, or every mistake in it at once with its place.

Called by `swarmd run` before anything starts. Fields are checked by their types here, and by what they mean together in
`experiment_checks`.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from swarmd.engine.experiments.experiment import Experiment
from swarmd.engine.experiments.experiment_checks import Check
from swarmd.engine.experiments.settings import ExperimentSettings
from swarmd.state.settings_file import SettingsFileError, problems_of, sound_part, text_of
from swarmd.state.yaml_places import Place, Problem, read_yaml

# What stands in for a broken section, so that the rest can be looked at.
_STAND_INS: dict[str, Any] = {"name": "x", "data": {"path": "-"}, "strategy": {"name": "-"}, "method": "grid"}


class ExperimentFileError(SettingsFileError):
    """The file cannot be used; ``problems`` are all that was found, in the order of the file."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        super().__init__(file, problems, listed_by=f"swarmd run {file} --dry-run")


def read_experiment(path: Path) -> Experiment:
    """Read, check and resolve. Relative paths count from the file's folder. Raises ExperimentFileError."""
    text, problems = text_of(path, kind="experiment file")
    document = read_yaml(text)
    problems += document.problems
    if not problems and not isinstance(document.value, dict):
        what = "is empty" if document.value is None else "is not a table of fields"
        problems.append(Problem(Place(1, 1), "", f"the file {what}; it needs at least name, data, strategy and method"))
    if isinstance(document.value, dict):
        broken: set[str] = set()
        lost: set[str] = set()
        try:
            settings = ExperimentSettings.model_validate(document.value)
        except ValidationError as error:
            problems += problems_of(error, document, ExperimentSettings)
            settings, broken, lost = sound_part(document.value, error, ExperimentSettings, _STAND_INS)
        check = Check(path, _resolved(settings, path), document, broken, lost)
        experiment = check.experiment()
        problems += check.problems
        if experiment is not None and not problems:
            return experiment
    raise ExperimentFileError(str(path), problems)


def experiment_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    written = ExperimentSettings.model_json_schema(mode="validation")
    written["properties"]["space"]["type"] = ["object", "array"]
    limits = written["$defs"]["TrialLimits"]["properties"]
    for measure in (limits["trial_timeout"], *limits["backoff"]["prefixItems"]):
        number = {key: measure.pop(key) for key in ("type", "exclusiveMinimum") if key in measure}
        measure["anyOf"] = [number, {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$"}]
    stretches = written["$defs"]["WalkForwardSettings"]["properties"]
    for name in ("fit", "test", "purge", "embargo"):
        stretches[name]["type"] = ["string", "integer"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **written, "title": "swarmd experiment"}


def _resolved(settings: ExperimentSettings, path: Path) -> ExperimentSettings:
    """Paths made absolute: the processes that evaluate may have another directory."""
    folder = path.absolute().parent

    def absolute(text: str) -> str:
        return str((folder / Path(text).expanduser()).resolve())

    data, strategy = settings.data, settings.strategy
    data = data.model_copy(
        update={
            "path": None if data.path is None else absolute(data.path),
            "root": None if data.root is None else absolute(data.root),
        }
    )
    reference = strategy.reference
    if ".py:" in reference:
        file, _, name = reference.rpartition(":")
        strategy = strategy.model_copy(update={"name": None, "file": f"{absolute(file)}:{name}"})
    elif strategy.file is not None:
        strategy = strategy.model_copy(update={"file": absolute(strategy.file)})
    return settings.model_copy(update={"data": data, "strategy": strategy})
