"""A list of 50 and 500 rows as JSON, over HTTP: gunicorn with two processes, four connections of wrk.

Every contestant is a site of its own, asked in turn. The ORM's views and the offloaded ones answer
with the same bytes, which is checked; the hand-written ones with the same rows, their numbers and
times written as their libraries do.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ipc_worker
import pg_server
from harness import Case, Contestant, Goal, Op, Options

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "django"
ITEMS, USERS = 200_000, 200
WEB_PROCESSES, CONNECTIONS = 2, 4
ROUND_S, ROUND_QUICK_S = 3, 1
ROUNDS = 5
STARTS_WITHIN_S = 30.0

ORM = "the ORM's objects"
VALUES = "the ORM's .values()"
OURS = "offloaded, in the web process"
SAME_BYTES = {
    VALUES: ("/items/orm", "inprocess"),
    ORM: ("/items/models", "inprocess"),
    OURS: ("/items", "inprocess"),
    "offloaded, a worker each (stdio)": ("/items", "stdio"),
    "offloaded, one worker (socket)": ("/items", "socket"),
}
PARTS = {"by hand, driver and orjson": "/items/driver", "hello, world": "/hello"}
JSON_AGG = {"by hand, json_agg": "/items/json_agg"}


def cases(options: Options) -> Iterator[Case]:
    seconds = ROUND_QUICK_S if options.quick else ROUND_S
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="molt-web-")))
        yield from _cases("sqlite", str(folder / "shop.db"), folder, seconds)
        server = stack.enter_context(pg_server.running())
        yield from _cases("postgres", server.url, folder, seconds)


def _cases(engine: str, database: str, folder: Path, seconds: int) -> Iterator[Case]:
    env = _environment(database, "inprocess")
    for command in (["migrate", "--verbosity=0"], ["seed", f"--items={ITEMS}", f"--users={USERS}"]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=EXAMPLE,
            env=env | {"DJANGO_SETTINGS_MODULE": "shop.settings"},
            check=True,
            stdout=subprocess.DEVNULL,
        )
    for rows in (50, 500):
        yield _case(engine, database, folder, rows, seconds)


def _case(engine: str, database: str, folder: Path, rows: int, seconds: int) -> Case:
    query = f"?user_id=3&limit={rows}"
    parts = PARTS | (JSON_AGG if engine == "postgres" else {})
    figures: dict[str, Figures] = {name: Figures() for name in (*SAME_BYTES, *parts)}

    def open_site(name: str, path: str, worker: str) -> Any:
        return _site(database, folder, worker, path + query, seconds, figures[name])

    def goals(medians: Mapping[str, float]) -> list[Goal]:
        least = 3 if rows == 50 else 8
        p99 = figures[OURS].median("p99_ms")
        return [
            goal
            for name, view in ((ORM, "ORM view"), (VALUES, ".values() view"))
            for goal in (
                Goal(f"times the {view}'s requests", medians[name] / medians[OURS], ">=", least),
                Goal(f"of the {view}'s p99", p99 / figures[name].median("p99_ms"), "<=", 1),
            )
        ]

    contestants = [
        Contestant(
            name,
            partial(open_site, name, path, worker),
            "ours" if name == OURS else "peer",
            rows=lambda _, name=name: figures[name].body,
            timed_itself=True,
        )
        for name, (path, worker) in SAME_BYTES.items()
    ] + [
        Contestant(name, partial(open_site, name, path, "inprocess"), "part", timed_itself=True)
        for name, path in parts.items()
    ]
    return Case(
        bench="django_list",
        name=f"{engine}_{rows}",
        about=f"{rows} rows of a user's {ITEMS // USERS:,} as JSON from {engine}; gunicorn with"
        f" {WEB_PROCESSES} processes, {CONNECTIONS} connections",
        contestants=contestants,
        goals=goals,
        unit="s per request",
        rounds=ROUNDS,
        block_s=0,
        notes=lambda: {name: str(figure) for name, figure in figures.items()},
    )


class Figures:
    """Of one contestant, a value a round."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[float]] = {}
        self.body = b""

    def add(self, **values: float) -> None:
        for name, value in values.items():
            self.rounds.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        return statistics.median(self.rounds[name])

    def __str__(self) -> str:
        return (
            f"{self.median('rate'):,.0f} requests/s, p50 {self.median('p50_ms'):.2f} ms, p99 "
            f"{self.median('p99_ms'):.2f} ms; CPU a request {self.median('web_us'):.0f} µs of the "
            f"web's and {self.median('worker_us'):.0f} µs of the workers'; memory "
            f"{self.median('web_mb'):.0f} and {self.median('worker_mb'):.0f} MB"
        )


def _environment(database: str, worker: str) -> dict[str, str]:
    return os.environ | {
        "MOLT_EXAMPLE_DATABASE": database,
        "MOLT_EXAMPLE_WORKER": worker,
        "MOLT_EXAMPLE_FALLBACK": "0",
        "DJANGO_SETTINGS_MODULE": "django_site.settings",
        "PYTHONPATH": f"{EXAMPLE}{os.pathsep}{HERE}",
    }


def _url(database: str) -> str:
    is_file = not database.startswith("postgresql://")
    return f"sqlite:///{database}?mode=ro" if is_file else database


@contextmanager
def _site(
    database: str, folder: Path, worker: str, path: str, seconds: int, figures: Figures
) -> Iterator[Op]:
    with ExitStack() as stack:
        pids: list[int] = []
        if worker == "socket":
            running = stack.enter_context(ipc_worker.running({"default": _url(database)}))
            worker = f"unix://{running.socket}"
            pids.append(running.pid)
        port = _free_port()
        command = [sys.executable, "-m", "gunicorn", f"--workers={WEB_PROCESSES}"]
        command += [f"--bind=127.0.0.1:{port}", "--no-control-socket", f"--chdir={EXAMPLE}"]
        # shop.wsgi takes the settings of the environment.
        process = subprocess.Popen(
            [*command, "--log-level=error", "shop.wsgi"], env=_environment(database, worker)
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        url = f"http://127.0.0.1:{port}{path}"
        _wait_for(url)
        with urllib.request.urlopen(url) as response:
            figures.body = response.read()
        _wrk(url, 1)

        def run(_: int) -> float:
            web, workers = _family(process.pid, pids)
            before = _cpu(web), _cpu(workers)
            answer = _wrk(url, seconds)
            requests = answer["requests"]
            figures.add(
                rate=answer["rate"],
                p50_ms=answer["p50_ms"],
                p99_ms=answer["p99_ms"],
                web_us=(_cpu(web) - before[0]) / requests * 1e6,
                worker_us=(_cpu(workers) - before[1]) / requests * 1e6,
                web_mb=_rss_mb(web),
                worker_mb=_rss_mb(workers),
            )
            return 1 / answer["rate"]

        yield run


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        except urllib.error.URLError as error:
            if time.monotonic() > deadline or not isinstance(error.reason, ConnectionError):
                raise
            time.sleep(0.05)


UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def _wrk(url: str, seconds: int) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(told)
    found = {}
    for percent, value, unit in re.findall(r"^ +(50|99)% +([\d.]+)(us|ms|s)$", told, re.MULTILINE):
        found[f"p{percent}_ms"] = float(value) * UNITS[unit]
    (count,) = re.findall(r"(\d+) requests in", told)
    (rate,) = re.findall(r"Requests/sec: +([\d.]+)", told)
    return found | {"requests": float(count), "rate": float(rate)}


def _family(master: int, workers: list[int]) -> tuple[list[int], list[int]]:
    """The site's processes, and the workers: those given and those that the site has started."""
    children: dict[int, list[tuple[int, str]]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = stat.read_text().rsplit(")", 1)
        except OSError:
            continue  # it has ended
        children.setdefault(int(fields.split()[1]), []).append((int(stat.parent.name), name))
    web, started = [master], list(workers)
    for process in web:
        for child, name in children.get(process, []):
            (started if "molt-worker" in name else web).append(child)
    return web, started


def _cpu(processes: list[int]) -> float:
    ticks = 0
    for process in processes:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _rss_mb(processes: list[int]) -> float:
    pages = (int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in processes)
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
