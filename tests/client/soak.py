"""Everything that a client does, for minutes, on SQLite through both ways: does anything grow?

    python tests/client/soak.py [--minutes 10]

Prints memory, descriptors and threads of this process and of both workers, and ends with 1 if any
of them has grown since the end of the warm-up, or if an answer was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import molt_worker
from client.tools import ENDLESS, SocketWorker
from molt_sql import Database, MoltError, connect, raw, table
from molt_sql._molt import _worker_process

WARM_UP = 0.25  # of the time
REPORTS = 10
# What allocators keep of the load's peaks, which come at random.
RSS_MAY_GROW_BYTES = 8 << 20
THREADS = 4
TASKS = 24
ROWS = 1000

T = table("t")


class Use(NamedTuple):
    rss_bytes: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Use:
        proc = Path(f"/proc/{pid}")
        pages = int((proc / "statm").read_text().split()[1])
        rss = pages * os.sysconf("SC_PAGE_SIZE")
        return cls(rss, len(os.listdir(proc / "fd")), len(os.listdir(proc / "task")))

    def __str__(self) -> str:
        return (
            f"{self.rss_bytes / 2**20:7.1f} MiB {self.descriptors:4} fds {self.threads:3} threads"
        )


@dataclass
class Load:
    """What all threads and tasks do, until `stop`."""

    databases: list[Database]
    socket_url: str
    stop: threading.Event = field(default_factory=threading.Event)
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, is_right: object) -> None:
        with self.lock:
            self.done[what] += 1
            if not is_right:
                self.wrong.append(what)

    def blocking(self, seed: int) -> None:
        chance = random.Random(seed)
        works: list[Callable[[Database, int], None]] = [
            self._row, self._row, self._row, self._many, self._arrow, self._stream, self._write,
            self._mistake, self._timeout, self._reconnect, self._client,
        ]  # fmt: skip
        while not self.stop.is_set():
            work = chance.choice(works)
            try:
                work(chance.choice(self.databases), chance.randrange(ROWS))
            except Exception as error:
                self.note(f"{work.__name__} raised {error!r}", False)

    def _row(self, db: Database, n: int) -> None:
        self.note("row", T.where(T.n == n).on(db).fetch_one().result() == (n, f"row {n}"))

    def _many(self, db: Database, n: int) -> None:
        found = T.where(T.n < n).order_by(T.n).on(db).fetch_all().result()
        self.note("many", len(found) == n and (n == 0 or found[-1] == (n - 1, f"row {n - 1}")))

    def _arrow(self, db: Database, n: int) -> None:
        sql = (
            "with recursive c(n) as (select 1 union all select n + 1 from c where n < 20000)"
            " select n, 'x' || n as s from c"
        )
        found = raw(sql).on(db).fetch_arrow().result().to_arrow()
        self.note("arrow", found.num_rows == 20_000)

    def _stream(self, db: Database, n: int) -> None:
        with raw("select n, hex(zeroblob(500)) from t").on(db).stream(batch_rows=50) as stream:
            rows = 0
            for batch in stream:
                rows += len(batch)
                if rows > n:  # left in the middle
                    break
        self.note("stream", rows > 0)

    def _write(self, db: Database, n: int) -> None:
        done = raw("update counted set n = n + {by}", by=1).on(db).execute().result()
        sets = [{"n": n}] * 20
        many = db.execute_many("update counted set n = n + {n}", sets).result()
        self.note("write", done.rows_affected == 1 and many.rows_affected == 20)

    def _mistake(self, db: Database, n: int) -> None:
        try:
            raw(f"select * from nowhere_{n}").on(db).fetch_all().result()
        except MoltError as error:
            self.note("mistake", f"nowhere_{n}" in str(error))

    def _timeout(self, db: Database, n: int) -> None:
        try:
            raw(ENDLESS).on(db).fetch_all(timeout=0.01).result()
        except MoltError as error:
            self.note("timeout", type(error).__name__ in ("TimeoutError", "BusyError"))

    def _reconnect(self, db: Database, n: int) -> None:
        with connect(self.socket_url) as other:
            self._row(other, n)

    def _client(self, db: Database, n: int) -> None:
        with molt_worker.connect(self.socket_url.partition("?")[0]) as client:
            self.note("client", client.call("health").result()["ok"])
            asked = {"sql": "select n, hex(zeroblob(5000)) from t", "result_format": "jsonl"}
            lines = 0
            with client.stream("db_query", asked, window=1 + n % 4) as stream:
                for part in stream:
                    lines += part.payload.count(b"\n")
                    if lines > n:  # left in the middle
                        break
            self.note("client's stream", lines > 0)

    def awaited(self) -> None:
        while not self.stop.is_set():
            asyncio.run(self._tasks())

    async def _tasks(self) -> None:
        chance = random.Random(self.done["row"])

        async def ask(n: int) -> None:
            found = await T.where(T.n == n).on(chance.choice(self.databases)).fetch_one()
            self.note("awaited row", found == (n, f"row {n}"))

        for _ in range(200):
            if self.stop.is_set():
                return
            tasks = [asyncio.create_task(ask(chance.randrange(ROWS))) for _ in range(TASKS)]
            if chance.random() < 0.2:
                await asyncio.sleep(0)
                for task in tasks[::3]:
                    task.cancel()
            with suppress(asyncio.CancelledError):
                for found in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(found, Exception):
                        self.note(f"awaited row raised {found!r}", False)


def made(folder: Path) -> str:
    path = folder / "soak.db"
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table t (n integer primary key, s text)")
    connection.executemany("insert into t values (?, ?)", [(n, f"row {n}") for n in range(ROWS)])
    connection.execute("create table counted as select 0 as n")
    connection.commit()
    connection.close()
    return f"sqlite:///{path}?mode=rw"


def soak(minutes: float) -> list[str]:
    """What is wrong."""
    with (
        tempfile.TemporaryDirectory(prefix="molt-soak-", dir="/tmp") as folder,
        SocketWorker({"default": (url := made(Path(folder)))}, "--max-queue", 1024) as worker,
        connect(worker.url()) as by_socket,
        connect("molt+stdio:" + url) as by_stdio,
    ):
        load = Load([by_socket, by_stdio], worker.url())
        pids = {
            "this process": os.getpid(),
            "worker at a socket": worker.pid,
            "worker on stdio": _worker_process(by_stdio),
        }
        works: list[Callable[[], Any]] = [
            lambda seed=seed: load.blocking(seed) for seed in range(THREADS)
        ]
        threads = [threading.Thread(target=work) for work in [*works, load.awaited]]
        for thread in threads:
            thread.start()
        samples = watched(minutes * 60, pids, load)
        load.stop.set()
        for thread in threads:
            thread.join()
        print(f"{sum(load.done.values())} requests: {dict(load.done)}")
        lost = [] if _worker_process(by_stdio) == pids["worker on stdio"] else ["a worker ended"]
    return [*lost, *dict.fromkeys(load.wrong), *growth(samples)]


def watched(seconds: float, pids: dict[str, int], load: Load) -> dict[str, list[Use]]:
    """Of each process several samples after the warm-up."""
    began = time.monotonic()
    samples: dict[str, list[Use]] = {name: [] for name in pids}
    for report in range(1, REPORTS + 1):
        end = began + seconds * report / REPORTS
        peaks: dict[str, list[Use]] = {name: [] for name in pids}
        while (left := end - time.monotonic()) > 0:
            load.stop.wait(min(left, 0.5))
            for name, pid in pids.items():
                peaks[name].append(Use.of(pid))
        gc.collect()
        print(f"{time.monotonic() - began:6.0f} s  {sum(load.done.values())} requests")
        for name, uses in peaks.items():
            low = Use(*map(min, zip(*uses, strict=True)))
            print(f"          {name:20} {low}", flush=True)
            if report > REPORTS * WARM_UP:
                samples[name].append(low)
    return samples


def growth(samples: dict[str, list[Use]]) -> list[str]:
    """Compares the first samples with the last ones, each the least of its time."""
    found = []
    for name, uses in samples.items():
        half = len(uses) // 2
        first = Use(*map(max, zip(*uses[:half], strict=True)))
        last = Use(*map(min, zip(*uses[half:], strict=True)))
        print(f"{name}: RSS {(last.rss_bytes - first.rss_bytes) / 2**20:+.1f} MiB,"
              f" fds {last.descriptors - first.descriptors:+}, threads {last.threads - first.threads:+}")  # fmt: skip
        if last.rss_bytes - first.rss_bytes > RSS_MAY_GROW_BYTES:
            found.append(f"{name}: memory grew from {first} to {last}")
        if last.descriptors > first.descriptors:
            found.append(f"{name}: descriptors grew from {first} to {last}")
        if last.threads > first.threads:
            found.append(f"{name}: threads grew from {first} to {last}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    wrong = soak(parser.parse_args().minutes)
    for line in wrong[:20]:
        print(f"WRONG: {line}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
