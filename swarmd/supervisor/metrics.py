"""What Prometheus scrapes: the swarm in figures, worked out anew from the picture at each scrape.

Nothing is kept between two scrapes, so the series of a run, a lane or a device that is gone end with it. Pure over the
plain rows of ``query`` but for two sizes on disk; the dashboard serves it under ``/metrics``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from swarmd import __version__
from swarmd.state.query import Facts, Picture, job_counts, lane_rows
from swarmd.state.store.files import Home
from swarmd.state.store.publishers import CONTROL_FILE
from swarmd.state.store.segments import segments_by_name
from swarmd.state.units import millis_of_iso

__all__ = ["CONTENT_TYPE", "Watched", "metrics_text"]

Row = Mapping[str, Any]
Labels = Mapping[str, str]

_JOB_STANDINGS = ("queued", "running", "done", "failed", "quarantined", "skipped")
_RUN_STANDINGS = ("starting", "running", "stopping", "done", "failed", "lost")
_CHAMPION_STANDINGS = ("in_force", "dethroned", "gone", "damaged")
_SCORES = ("adherence", "efficacy", "deviation", "performance", "efficiency")


@dataclass(frozen=True, slots=True)
class Watched:
    """What the dashboard knows of itself: open streams, streams refused since it began, trials read."""

    streams: int = 0
    streams_refused: int = 0
    trials: int = 0


def metrics_text(picture: Picture, facts: Facts, home: Home, watched: Watched) -> bytes:
    """The exposition format, version 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Swarm(picture, facts, home, watched))
    return generate_latest(registry)


class _Swarm(Collector):
    """Made for one scrape."""

    def __init__(self, picture: Picture, facts: Facts, home: Home, watched: Watched) -> None:
        self._picture, self._facts, self._home, self._watched = picture, facts, home, watched

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield from self._daemon()
        yield from self._work()
        yield from self._machine()
        yield from self._troubles()
        yield from self._disk()
        yield _gauge("dashboard_streams", "Pages that follow the dashboard's stream.", self._watched.streams)
        yield _counter(
            "dashboard_streams_refused", "Pages refused because too many follow already.", self._watched.streams_refused
        )
        yield _gauge("trials_on_disk", "Trials in the outboxes of all runs, as read so far.", self._watched.trials)

    def _daemon(self) -> Iterator[Metric]:
        picture, facts = self._picture, self._facts
        session, campaign = picture.session, picture.campaign
        told = {"version": __version__, "session": session["id"] if session else ""}
        told |= {"campaign": campaign["id"] if campaign else "", "status": campaign["status"] if campaign else ""}
        info = InfoMetricFamily("swarmd", "Which swarm this is.")
        info.add_metric([], told)
        yield info
        yield _gauge("up", "Whether the daemon runs.", int(facts.is_alive))
        said = facts.published.get(CONTROL_FILE, {}).get("daemon", {}) if facts.is_alive else {}
        times = said.get("cycle_ms", {})
        if times.get("p50") is not None:
            seconds = {q: times[name] / 1000 for q, name in (("0.5", "p50"), ("0.99", "p99"))}
            yield _gauges("cycle_seconds", "How long the last cycles took.", ("quantile",),
                          [((quantile,), value) for quantile, value in seconds.items()])  # fmt: skip
        cycle = said.get("cycle") or next((row["number"] for row in picture.rows("cycle")), 0)
        yield _counter("cycles", "Cycles turned since the journal began.", cycle)
        if said.get("uptime_s") is not None:
            yield _gauge("uptime_seconds", "How long the daemon has run.", said["uptime_s"])
        scores = picture.get("scores", "scores")
        if scores is not None:
            yield _gauges("score", "How well the last cycles went, from 0 to 1.", ("score",),
                          [((name,), scores[name]) for name in _SCORES])  # fmt: skip

    def _work(self) -> Iterator[Metric]:
        picture = self._picture
        lanes = lane_rows(picture, self._facts)
        standing = Counter("busy" if lane["run"] else "held" if lane["status"] == "held" else "free" for lane in lanes)
        yield _gauges("lanes", "Lanes by what they do.", ("standing",),
                      [((name,), standing[name]) for name in ("busy", "free", "held")])  # fmt: skip
        yield from _living(picture, lanes)
        runs = Counter(row["status"] for row in picture.rows("run"))
        yield _gauges("runs", "Runs on record by status; of those that ended the last 5,000.", ("status",),
                      [((name,), runs[name]) for name in _RUN_STANDINGS])  # fmt: skip
        counts = job_counts(picture)
        yield _gauges("jobs", "Jobs of the campaign by status.", ("status",),
                      [((name,), counts[name]) for name in _JOB_STANDINGS])  # fmt: skip
        phases = Counter((job["phase"], job["status"]) for job in picture.jobs())
        yield _gauges("phase_jobs", "Jobs of the campaign by phase and status.", ("phase", "status"),
                      sorted(phases.items()))  # fmt: skip
        speeds = picture.rows("throughput")
        if speeds:
            speed = speeds[-1]["speed"]
            per_s = speed["combos"] / speed["wall_seconds"] if speed["wall_seconds"] > 0 else 0.0
            yield _gauge("prescreen_combos_per_second", "What the last prescreen evaluated a second.", per_s)
        champions = Counter(row.get("status", "in_force") for row in picture.rows("champion"))
        yield _gauges("champions", "Champions by how they stand.", ("status",),
                      [((name,), champions[name]) for name in _CHAMPION_STANDINGS])  # fmt: skip

    def _machine(self) -> Iterator[Metric]:
        gauges = {row["id"]: row["value"] for row in self._picture.rows("gauge")}
        policy = self._picture.get("policy", "policy") or {}
        for name, help, gauge in (
            ("cpu_utilisation_ratio", "Share of the processors in use.", "host.cpu_util"),
            ("load1", "Load average of a minute.", "host.load1"),
            ("memory_used_ratio", "Share of the memory in use.", "host.mem_used"),
            ("memory_available_bytes", "Memory that can still be had.", "host.mem_available_bytes"),
        ):
            if gauge in gauges:
                yield _gauge(name, help, gauges[gauge])
        if "cpu_util_target" in policy:
            yield _gauge("cpu_utilisation_target_ratio", "What is aimed at.", policy["cpu_util_target"])
        pressure = [
            ((what,), gauges[f"host.psi_{what}"]) for what in ("cpu", "memory", "io") if f"host.psi_{what}" in gauges
        ]
        yield _gauges("pressure_ratio", "Share of time in which somebody waited for it.", ("resource",), pressure)
        gpus = [row for row in self._picture.rows("device") if row["is_there"]]
        if gpus and "gpu_util_target" in policy:
            yield _gauge("gpu_utilisation_target_ratio", "What is aimed at.", policy["gpu_util_target"])
        for name, help, field in (
            ("gpu_utilisation_ratio", "Share of time in which the device computed.", "util"),
            ("gpu_memory_used_bytes", "Device memory in use.", "mem_used"),
            ("gpu_memory_total_bytes", "Device memory there is.", "mem_total"),
            ("gpu_temperature_celsius", "Temperature of the device.", "temp_c"),
        ):
            told = [((row["id"], row["name"]), row[field]) for row in gpus if row.get(field) is not None]
            yield _gauges(name, help, ("gpu", "name"), told)
        errors = [((row["id"], row["name"]), row.get("n_errors", 0)) for row in gpus]
        yield _counters("gpu_driver_errors", "Error codes of the driver (Xid).", ("gpu", "name"), errors)

    def _troubles(self) -> Iterator[Metric]:
        incidents = self._picture.rows("incident")
        is_open = Counter(row["signature"] for row in incidents if row["status"] != "closed")
        on_record = Counter(row["signature"] for row in incidents)
        # The failure memory counts on where the tables forget, and over campaigns.
        remembered: Counter[str] = Counter()
        for row in self._picture.rows("failure"):
            remembered[row["signature"]] += row["count"]
        total = on_record | remembered
        yield _gauges("incidents_open", "Incidents that are open.", ("signature",),
                      [((name,), is_open[name]) for name in sorted(total)])  # fmt: skip
        yield _counters("incidents", "Incidents there ever were.", ("signature",),
                        [((name,), total[name]) for name in sorted(total)])  # fmt: skip

    def _disk(self) -> Iterator[Metric]:
        gauges = {row["id"]: row["value"] for row in self._picture.rows("gauge")}
        if "host.disk_free_bytes" in gauges:
            yield _gauge("disk_free_bytes", "Free space where the home lies.", gauges["host.disk_free_bytes"])
        yield _gauge("journal_bytes", "Size of the journal's segments.", _journal_bytes(self._home))
        last = max((row["at"] for row in self._picture.rows("cycle")), default="")
        if last:
            yield _gauge("last_cycle_timestamp_seconds", "When a cycle last decided something, by the swarm's clock.",
                         millis_of_iso(last) / 1000)  # fmt: skip


def _living(picture: Picture, lanes: Iterable[Row]) -> Iterator[Metric]:
    """Series of runs that hold a lane now; they end with the run."""
    rates: Counter[str] = Counter()
    progress, memory, cpu, ages = [], [], [], []
    for lane in lanes:
        if not lane["run"]:
            continue
        labels = (lane["id"], lane["run"], str(lane["pid"] or ""))
        beat = picture.get("beat", lane["run"])
        if beat is None:
            continue
        memory.append((labels, beat["rss_bytes"]))
        cpu.append((labels, beat["cpu_time"] / 1000))
        told = lane["progress"]
        if told["total"]:
            progress.append((labels, told["done"] / told["total"]))
        if told["rate"]:
            rates[told["unit"]] += told["rate"]
        if lane["heartbeat_age_s"] is not None:
            ages.append((labels, lane["heartbeat_age_s"]))
    names = ("lane", "run", "pid")
    yield _gauges("run_progress_ratio", "How much of its work a run has done.", names, progress)
    yield _gauges("run_memory_bytes", "Resident memory of a run.", names, memory)
    yield _counters("run_cpu_seconds", "Processor time a run has used.", names, cpu)
    yield _gauges("run_heartbeat_age_seconds", "Since when a run was not heard of.", names, ages)
    yield _gauges("work_per_second", "What all lanes together do a second, by unit.", ("unit",),
                  [((unit,), rate) for unit, rate in sorted(rates.items())])  # fmt: skip
    yield _gauge("combos_per_second", "Combinations that prescreens under way evaluate a second.", rates["combos"])


def _journal_bytes(home: Home) -> int:
    total = 0
    for path in segments_by_name(home.journal) if home.journal.is_dir() else ():
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"swarmd_{name}", help, value=value)


def _counter(name: str, help: str, value: float) -> Metric:
    return CounterMetricFamily(f"swarmd_{name}", help, value=value)


def _gauges(name: str, help: str, labels: tuple[str, ...], told: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"swarmd_{name}", help, labels=labels)
    for values, value in told:
        family.add_metric(values, value)
    return family


def _counters(name: str, help: str, labels: tuple[str, ...], told: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = CounterMetricFamily(f"swarmd_{name}", help, labels=labels)
    for values, value in told:
        family.add_metric(values, value)
    return family
