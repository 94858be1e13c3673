"""One sentence for each kind of journal line, for people.

``story`` puts them together and ``query`` prints them. Works on plain dictionaries: it starts fast, and tells old and
foreign lines as well as it can.
"""

from collections.abc import Callable, Mapping
from typing import Any

from swarmd.state.champion_words import standing_in_words
from swarmd.state.store.lines import Said
from swarmd.state.units import spoken


def told(said: Said) -> str:
    """One sentence for one line; never fails, because old and foreign lines must be told as well."""
    teller = _TELLERS.get(said["kind"], _plain)
    try:
        return teller(said["id"], said["data"])
    except (KeyError, TypeError, ValueError):
        return _plain(said["id"], said["data"])


def _plain(id: str, data: Said) -> str:
    return f"{id}: " + ", ".join(
        f"{name} {value}" for name, value in data.items() if not isinstance(value, (dict, list))
    )


def _because(text: str) -> str:
    return f": {text}" if text else ""


def wish(action: Mapping[str, Any]) -> str:
    """``start run`` and what it is about: ``start_run job=… lane=…`` without the reason."""
    fields = (
        f"{name}={value}"
        for name, value in action.items()
        if name in ("run", "job", "lane", "how", "status", "incident", "campaign", "step", "source", "request", "topic")
    )
    return " ".join([str(action["kind"]).replace("_", " "), *fields])


def _action(id: str, data: Said) -> str:
    return f"decided: {wish(data['action'])}{_because(data['action']['reason'])}"


def _refusal(id: str, data: Said) -> str:
    return f"refused: {wish(data['action'])}, because {data['because']}"


def _run(id: str, data: Said) -> str:
    where = f"run {id} in {data['lane']}{_on(data)} (attempt {data['attempt']})"
    status = data["status"]
    if status == "starting":
        return f"{where} was ordered"
    if status in ("running", "stopping"):
        what = "is asked to stop" if status == "stopping" else "is adopted" if data["adopted"] else "runs"
        killed = ", killed" if data.get("killed_at") else ""
        return f"{where} {what}{killed}, pid {data['pid']}"
    code, signal = data["exit_code"], data["signal"]
    how = f", signal {signal}" if signal > 0 else f", exit code {code}" if code >= 0 else ""
    return f"{where} ended as {status}{how}{_because(data['reason'])}"


def _beat(id: str, data: Said) -> str:
    total = f" of {data['total']}" if data["total"] else ""
    return (
        f"run {id} has done {data['done']}{total} at {data['rate']:.3g}/s, process state {data['process_state']}, "
        f"{data['rss_bytes'] / (1 << 20):.0f} MiB, {spoken(data['cpu_time'])} of processor time"
    )


def _result(id: str, data: Said) -> str:
    summary = data["summary"]
    about = f"{data['job']} (attempt {data['attempt']})"
    return f"run {id} says {summary['verdict']} for {about}{_because(summary['headline'])}"


def _throughput(id: str, data: Said) -> str:
    speed, mark = data["speed"], data["mark"]
    work = speed["combos"] * speed["bars"]
    per_cpu = work / speed["cpu_seconds"] if speed["cpu_seconds"] else 0.0
    beside = f", {per_cpu / mark['per_cpu']:.0%} of the record of {mark['run']}" if mark and mark["per_cpu"] else ""
    return (
        f"run {id} evaluated {speed['combos']} combinations x {speed['bars']} bars of {speed['symbol']} in "
        f"{speed['wall_seconds']:.2f} s on {speed['threads']} threads, {speed['cpu_seconds']:.2f} s of processor time: "
        f"{per_cpu:.3g} combo-bars per processor second{beside}"
    )


def _fastest(id: str, data: Said) -> str:
    mark = data["mark"]
    return (
        f"the record of {id} is {mark['per_cpu']:.3g} combo-bars per processor second, {mark['per_thread']:.3g} per "
        f"second and thread, by run {mark['run']} on {mark['symbol']}"
    )


def _job(id: str, data: Said) -> str:
    return f"job {id} is {data['status']} at attempt {data['attempt']}{_because(data['reason'])}"


def _incident(id: str, data: Said) -> str:
    if data["status"] == "closed":
        return f"incident {id} is closed{_because(data['outcome'])}"
    return f"incident {id} is {data['status']}: {data['cause']}; remedy: {data['remedy']}; expected: {data['expected']}"


def _lane(id: str, data: Said) -> str:
    return f"lane {id} is {data['status']}{_on(data)}{_because(data['reason'])}"


def _campaign(id: str, data: Said) -> str:
    return f"campaign {id} is {data['status']}{_because(data['reason'])}"


def _session(id: str, data: Said) -> str:
    return f"session {id} is {data['status']} (pid {data['pid']} on {data['host']}){_because(data['reason'])}"


def _champion(id: str, data: Said) -> str:
    return (
        f"{data['strategy']} ({data['mode']}) is the champion of {id}: score {data['score']:.4g}, "
        f"out of sample {data['oos_annual_sharpe']:.3g}, {data['tried']} tried{_stands(data)}"
    )


def _stands(data: Said) -> str:
    """How it stands by now; nothing for one that is in force as it was crowned."""
    told = standing_in_words(
        data.get("status", "in_force"),
        origin=data.get("origin", "crowned"),
        note=data.get("note", ""),
        e_value=data.get("e_value"),
        days=data.get("days", 0),
    )
    return "" if told == "in force, crowned" else f"; {told}"


def _monitoring(id: str, data: Said) -> str:
    return f"the monitoring of {id} that {data['order']} asked for is {data['status']}{_because(data['outcome'])}"


def _request(id: str, data: Said) -> str:
    return f"{data['asked_by']} asks to {data['verb'].replace('_', ' ')}: {data['status']}{_because(data['answer'])}"


def _source(id: str, data: Said) -> str:
    return f"{id} is {data['status']}{_because(data['note'])}"


def _step(id: str, data: Said) -> str:
    outcome = _because(data["outcome"])
    return f"step {id} is {data['status']}: {data['what']}, expected {data['expected_outcome']}{outcome}"


def _cycle(id: str, data: Said) -> str:
    quiet = f" after {len(data['quiet'])} quiet cycles" if data.get("quiet") else ""
    late = f", {spoken(data['late'])} overslept" if data["late"] else ""
    return (
        f"cycle {data['number']}{quiet}: {data['wishes']} wishes, {data['actions']} actions, "
        f"{data['refusals']} refused{late}"
    )


def _scores(id: str, data: Said) -> str:
    return "scores: " + ", ".join(f"{name} {value:g}" for name, value in data.items())


def _failure(id: str, data: Said) -> str:
    tallies = ", ".join(
        f"{name} helped {tally['verified']} of {tally['tried']} times" for name, tally in data["remedies"].items()
    )
    return f"{id} was seen {data['count']} times, last {data['last_cause']}" + (f"; {tallies}" if tallies else "")


def _hypothesis(id: str, data: Said) -> str:
    return f"{id} is {data['status'].replace('_', ' ')}: {data['claim']}{_because(data['verdict'])}"


def _lesson(id: str, data: Said) -> str:
    return (
        f"{id}: {data['claim']} ({data['held']} of {data['n']}, 95% interval {data['low']:.2f} to {data['high']:.2f})"
    )


def _errand(id: str, data: Said) -> str:
    return f"the errand for {id} that {data['order']} asked for is {data['status']}{_because(data['outcome'])}"


def _device(id: str, data: Said) -> str:
    if not data["is_there"]:
        return f"{id} ({data['name']}) does not answer{_because(data['trouble'])}"
    return f"{id} ({data['name']}) answers: {len(data['processes'])} processes on it, {data['n_errors']} driver errors"


def _on(data: Said) -> str:
    """Where it is, in a cluster."""
    return f" on node {data['node']}" if data.get("node") else ""


def _node(id: str, data: Said) -> str:
    if not data["is_alive"]:
        return f"node {id} ({data['address']}) is gone{_because(data['trouble'])}"
    load = "" if data["cpu_util"] is None else f", load {data['cpu_util']:.2f}"
    gpus = f", {data['gpus']:g} GPUs" if data["gpus"] else ""
    return f"node {id} ({data['address']}) is there: {data['cpus']:g} processors{gpus}{load}"


_TELLERS: Mapping[str, Callable[[str, Said], str]] = {
    "action": _action,
    "refusal": _refusal,
    "run": _run,
    "beat": _beat,
    "result": _result,
    "throughput": _throughput,
    "fastest": _fastest,
    "job": _job,
    "incident": _incident,
    "lane": _lane,
    "campaign": _campaign,
    "session": _session,
    "champion": _champion,
    "monitoring": _monitoring,
    "request": _request,
    "source": _source,
    "step": _step,
    "cycle": _cycle,
    "scores": _scores,
    "failure": _failure,
    "hypothesis": _hypothesis,
    "lesson": _lesson,
    "errand": _errand,
    "device": _device,
    "node": _node,
    "gauge": lambda id, data: f"{id} is {data['value']:g}",
    "finding": lambda id, data: data["text"] or f"{id} is taken back",
    "document": lambda id, data: f"{data['title']} is written to {id}{_because(data['reason'])}",
    "policy": lambda id, data: f"the limits in force: {data['max_lanes']} lanes, {data['max_attempts']} attempts",
}
