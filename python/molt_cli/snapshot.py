"""What `molt top` shows, from one look at a worker's metrics and the look before."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from .metrics import Metrics, quantile

GOOD = "Ok"  # the status of a request that was answered as asked


@dataclass(frozen=True)
class Entry:
    """The requests of one entry. Rates are of the time between two looks, else of all time."""

    entry: str
    requests: float
    errors: float
    per_second: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True)
class Pool:
    alias: str
    in_use: float
    idle: float


@dataclass(frozen=True)
class Snapshot:
    """None is what the worker does not tell."""

    version: str | None
    uptime_s: float | None
    cpu_percent: float | None
    rss_bytes: float | None
    open_fds: float | None
    clients: float | None
    in_flight: float | None
    queue: float | None
    queue_max: float | None
    bytes_in_per_s: float | None
    bytes_out_per_s: float | None
    requests_per_s: float | None
    entries: list[Entry]
    pools: list[Pool]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Look:
    """`at` is the time since the epoch, in seconds."""

    at: float
    metrics: Metrics


class _Change:
    """Counters as they grew since the look before, or since the worker's start if there is none."""

    def __init__(self, now: Look, before: Look | None) -> None:
        self.now = now.metrics
        start = now.metrics.total("process_start_time_seconds")
        self.uptime = None if start is None else max(now.at - start, 0.0)
        if before is not None and not _is_same_process(now, before):
            before = None
        self.before = before.metrics if before else None
        self.seconds = now.at - before.at if before else self.uptime

    def rate(self, name: str, **labels: str) -> float | None:
        total = self.now.total(name, **labels)
        if total is None or not self.seconds:
            return None
        earlier = self.before.total(name, **labels) if self.before else None
        return max(total - (earlier or 0.0), 0.0) / self.seconds

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        found = self.now.buckets(name, **labels)
        if self.before is None:
            return found
        earlier = self.before.buckets(name, **labels)
        grown = {bound: upto - earlier.get(bound, 0.0) for bound, upto in found.items()}
        return grown if grown.get(math.inf, 0.0) > 0 else found


def _is_same_process(now: Look, before: Look) -> bool:
    """Counters of one that was started anew begin at 0."""
    if now.at <= before.at:
        return False
    name = "process_start_time_seconds"
    if now.metrics.total(name) != before.metrics.total(name):
        return False
    name = "molt_requests_total"
    return (now.metrics.total(name) or 0.0) >= (before.metrics.total(name) or 0.0)


def snapshot(now: Look, before: Look | None = None) -> Snapshot:
    metrics = now.metrics
    change = _Change(now, before)
    cpu = change.rate("process_cpu_seconds_total")
    return Snapshot(
        version=metrics.label("molt_build_info", "version"),
        uptime_s=change.uptime,
        cpu_percent=None if cpu is None else cpu * 100,
        rss_bytes=metrics.total("process_resident_memory_bytes"),
        open_fds=metrics.total("process_open_fds"),
        clients=metrics.total("molt_clients"),
        in_flight=metrics.total("molt_requests_in_flight"),
        queue=metrics.total("molt_queue_depth"),
        queue_max=metrics.total("molt_queue_max"),
        bytes_in_per_s=change.rate("molt_bytes_in_total"),
        bytes_out_per_s=change.rate("molt_bytes_out_total"),
        requests_per_s=change.rate("molt_requests_total"),
        entries=[_entry(change, name) for name in metrics.values("molt_requests_total", "entry")],
        pools=[_pool(metrics, name) for name in metrics.values("molt_pool_connections", "alias")],
    )


def _entry(change: _Change, name: str) -> Entry:
    requests = change.now.total("molt_requests_total", entry=name) or 0.0
    good = change.now.total("molt_requests_total", entry=name, status=GOOD) or 0.0
    buckets = change.buckets("molt_request_seconds", entry=name)
    times = [quantile(buckets, q) for q in (0.5, 0.95, 0.99)]
    p50, p95, p99 = (None if time is None else time * 1000 for time in times)
    rate = change.rate("molt_requests_total", entry=name)
    return Entry(name, requests, requests - good, rate, p50, p95, p99)


def _pool(metrics: Metrics, alias: str) -> Pool:
    def count(state: str) -> float:
        return metrics.total("molt_pool_connections", alias=alias, state=state) or 0.0

    return Pool(alias, count("in_use"), count("idle"))
