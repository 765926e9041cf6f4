"""What a worker counts, for Prometheus: read with its own parser, over HTTP and from the file."""

from __future__ import annotations

import json
import re
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from conformance.conftest import Running, Start
from conformance.data import ENDLESS
from conformance.test_cli import run
from servers.processes import wait_until

TYPES = {
    "molt_build_info": "gauge",
    "molt_requests": "counter",
    "molt_requests_in_flight": "gauge",
    "molt_queue_depth": "gauge",
    "molt_queue_max": "gauge",
    "molt_request_seconds": "histogram",
    "molt_clients": "gauge",
    "molt_bytes_in": "counter",
    "molt_bytes_out": "counter",
    "molt_pool_connections": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_cpu_seconds": "counter",
    "process_open_fds": "gauge",
    "process_start_time_seconds": "gauge",
}


@dataclass
class Page:
    families: dict[str, Metric]

    @classmethod
    def parse(cls, text: str) -> Page:
        families = list(text_string_to_metric_families(text))
        names = [family.name for family in families]
        assert len(names) == len(set(names))
        return cls(dict(zip(names, families, strict=True)))

    def value(self, sample: str, **labels: str) -> float:
        """0 if it is not there, as for Prometheus' increase()."""
        found = [
            each.value
            for family in self.families.values()
            for each in family.samples
            if each.name == sample and each.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else 0.0

    def labels(self, sample: str, label: str) -> set[str]:
        return {
            each.labels[label]
            for family in self.families.values()
            for each in family.samples
            if each.name == sample
        }


def exchange(path: Path, request: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer, up to the end of the connection."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        received = b""
        # What is dropped may be reset, before all of it was sent.
        with suppress(ConnectionError):
            client.sendall(request)
            while data := client.recv(65536):
                received += data
    head, _, body = received.partition(b"\r\n\r\n")
    return head, body


def get(path: Path, target: str = "/metrics", method: str = "GET") -> tuple[bytes, bytes]:
    return exchange(path, f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


class Measured:
    """A worker and its metrics socket."""

    def __init__(self, running: Running, path: Path) -> None:
        self.client = running.client
        self.worker = running.worker
        self.path = path

    def scrape(self) -> Page:
        head, body = get(self.path)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Content-Type: text/plain; version=0.0.4" in head
        assert f"Content-Length: {len(body)}".encode() in head
        return Page.parse(body.decode())


Measure = Callable[..., Measured]


@pytest.fixture
def measured(start: Start, items_path: Path) -> Iterator[Measure]:
    """Starts a worker with a metrics socket."""
    with TemporaryDirectory(prefix="molt-sock-", dir="/tmp") as folder:
        path = Path(folder) / "metrics"

        def start_measured(*args: object) -> Measured:
            env = {"MOLT_DB_SQLITE_PATH": items_path}
            return Measured(start("--metrics-socket", path, *args, env=env), path)

        yield start_measured


def test_all_metrics_are_there_with_their_types(measured: Measure) -> None:
    running = measured()
    running.client().query("select 1 as n")
    page = running.scrape()
    assert {name: family.type for name, family in page.families.items()} == TYPES
    assert all(family.documentation for family in page.families.values())
    assert page.value("molt_clients") == 1
    assert page.value("molt_queue_max") == 64
    _, version, _ = run("--version")
    assert page.value("molt_build_info", version=version.split()[-1]) == 1


def test_replies_are_counted_by_entry_and_status(measured: Measure) -> None:
    running = measured("--threads", 1, "--max-queue", 0)
    client = running.client()
    for _ in range(3):
        assert client.query("select 1 as n").status == "Ok"
    assert client.query("select * from nowhere").status == "InvalidInput"
    client.ping()
    target = client.send("db_query", {"sql": ENDLESS})
    client.ping()
    assert client.query("select count(*) from items", envelope={"timeout_ms": 1}).status in (
        "Busy",
        "Timeout",
    )
    assert running.scrape().value("molt_requests_in_flight") == 1
    client.cancel(target)
    assert client.reply_to(target).status == "Cancelled"

    page = running.scrape()
    count = page.value
    assert count("molt_requests_total", entry="db_query", status="Ok") == 3
    assert count("molt_requests_total", entry="db_query", status="InvalidInput") == 1
    assert count("molt_requests_total", entry="db_query", status="Cancelled") == 1
    assert count("molt_requests_total", entry="__ping__", status="Ok") == 2
    assert count("molt_requests_total", entry="__cancel__", status="Ok") == 1
    assert count("molt_requests_in_flight") == 0


def test_the_histogram_of_times_adds_up(measured: Measure) -> None:
    running = measured()
    client = running.client()
    for n in range(20):
        client.query(f"select {n} as n")
    slow = client.query(ENDLESS, envelope={"timeout_ms": 300})
    assert slow.status == "Timeout"
    page = running.scrape()
    buckets = {
        float(each.labels["le"]): each.value
        for each in page.families["molt_request_seconds"].samples
        if each.name.endswith("_bucket") and each.labels["entry"] == "db_query"
    }
    assert min(buckets) == pytest.approx(0.0001)
    assert sorted(buckets)[-2:] == [10.0, float("inf")]
    assert list(buckets.values()) == sorted(buckets.values())
    assert buckets[float("inf")] == page.value("molt_request_seconds_count", entry="db_query") == 21
    assert buckets[10.0] - buckets[0.25] == 1
    assert 0.3 <= page.value("molt_request_seconds_sum", entry="db_query") < 30


def test_names_that_clients_invent_are_one_name(measured: Measure) -> None:
    running = measured()
    client = running.client()
    for n in range(50):
        assert client.call(f"invented_{n}").status == "InvalidInput"
    client.send_body(b"\x07")
    assert client.receive().status == "InvalidInput"
    page = running.scrape()
    assert page.value("molt_requests_total", entry="other", status="InvalidInput") == 51
    assert page.labels("molt_requests_total", "entry") <= {"other", "__ping__"}


def test_exports_are_counted_by_their_names(measured: Measure, tmp_path: Path) -> None:
    name = 'a "quoted"\\\nname'
    manifest = tmp_path / "manifest.json"
    export = {"name": name, "codec_in": "json", "codec_out": "json", "sql": "select 1 as n"}
    manifest.write_text(json.dumps({"abi_version": 1, "exports": [export]}))
    running = measured("--exports", manifest)
    assert running.client().call(name, {}).status == "Ok"
    assert running.scrape().value("molt_requests_total", entry=name, status="Ok") == 1


def test_bytes_and_connections_are_counted(measured: Measure) -> None:
    running = measured("--threads", 2)
    client, other = running.client(), running.client()
    client.ping()
    other.ping()
    before = running.scrape()
    frame = client.encode("db_query", {"sql": "select 1 as n"}, request_id=9)
    client.channel.send(frame)
    answer = client.channel.receive_frame()
    page = running.scrape()
    assert page.value("molt_clients") == 2
    assert page.value("molt_bytes_in_total") - before.value("molt_bytes_in_total") == len(frame)
    sent = page.value("molt_bytes_out_total") - before.value("molt_bytes_out_total")
    assert sent == len(answer) + 4
    assert page.value("molt_pool_connections", alias="default", state="idle") >= 1
    target = client.send("db_query", {"sql": ENDLESS})
    client.ping()
    wait_until(
        lambda: (
            running.scrape().value("molt_pool_connections", alias="default", state="in_use") == 1
        )
    )
    client.cancel(target)
    assert client.reply_to(target).status == "Cancelled"


def test_the_queue_is_counted(measured: Measure) -> None:
    running = measured("--threads", 1, "--max-queue", 5)
    client = running.client()
    ids = [client.send("db_query", {"sql": ENDLESS}) for _ in range(4)]
    client.ping()
    page = running.scrape()
    assert (page.value("molt_queue_depth"), page.value("molt_queue_max")) == (3, 5)
    for request_id in ids:
        client.cancel(request_id)
        client.reply_to(request_id)
    assert running.scrape().value("molt_queue_depth") == 0


def test_the_process_is_measured(measured: Measure) -> None:
    running = measured()
    client = running.client()
    client.ping()
    page = running.scrape()
    rss = running.worker.rss_bytes()
    assert page.value("process_resident_memory_bytes") == pytest.approx(rss, rel=0.5)
    fds = len(list(Path(f"/proc/{running.worker.pid}/fd").iterdir()))
    assert abs(page.value("process_open_fds") - fds) <= 1
    assert page.value("process_cpu_seconds_total") > 0
    created = Path(f"/proc/{running.worker.pid}").stat().st_ctime
    assert abs(page.value("process_start_time_seconds") - created) < 30


def test_the_socket_is_for_its_user_alone_and_goes_with_the_worker(measured: Measure) -> None:
    running = measured()
    running.client().ping()
    path = running.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    running.worker.process.terminate()
    assert running.worker.wait() == 0
    assert not path.exists()


BAD_REQUESTS = [
    (b"GET / HTTP/1.1\r\n\r\n", b"404"),
    (b"GET /metrics2 HTTP/1.1\r\n\r\n", b"404"),
    (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", b"405"),
    (b"nonsense\r\n\r\n", b"400"),
    (b"GET /metrics\r\n\r\n", b"400"),
]


@pytest.mark.parametrize(("request_bytes", "code"), BAD_REQUESTS)
def test_what_is_no_scrape_is_refused(measured: Measure, request_bytes: bytes, code: bytes) -> None:
    running = measured()
    running.client().ping()
    head, _ = exchange(running.path, request_bytes)
    assert head.startswith(b"HTTP/1.1 " + code)
    assert running.scrape().value("molt_clients") == 1


def test_head_and_a_query_string_are_accepted(measured: Measure) -> None:
    running = measured()
    running.client().ping()
    path = running.path
    head, body = get(path, method="HEAD")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == b""
    head, body = get(path, "/metrics?x=1")
    assert head.startswith(b"HTTP/1.1 200")
    assert Page.parse(body.decode()).value("molt_clients") == 1


def test_a_scraper_that_asks_without_end_is_dropped(measured: Measure) -> None:
    running = measured()
    client = running.client()
    client.ping()
    head, _ = exchange(running.path, b"GET /metrics HTTP/1.1\r\nX: " * 400)
    assert head == b""
    client.ping()


def file_page(path: Path) -> Page:
    return Page.parse(path.read_text())


def test_the_file_is_there_from_the_start_and_whole_at_the_end(
    start: Start, items_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "molt.prom"
    running = start("--metrics-file", path, env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client()
    # Its socket can be connected to a moment before it serves.
    client.ping()
    assert {n: f.type for n, f in file_page(path).families.items()} == TYPES
    for _ in range(7):
        client.query("select 1 as n")
    running.worker.process.terminate()
    assert running.worker.wait() == 0
    page = file_page(path)
    assert page.value("molt_requests_total", entry="db_query", status="Ok") == 7
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_the_file_follows_what_happens(start: Start, items_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "molt.prom"
    env = {"MOLT_DB_SQLITE_PATH": items_path, "MOLT_WORKER_METRICS_FILE": path}
    client = start(env=env).client()
    client.query("select 1 as n")
    count = {"entry": "db_query", "status": "Ok"}
    wait_until(lambda: file_page(path).value("molt_requests_total", **count) == 1, 20)


def wakeups(running: Measured) -> int:
    """How often its threads have gone to sleep by themselves."""
    total = 0
    for status in Path(f"/proc/{running.worker.pid}/task").glob("*/status"):
        found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status.read_text(), re.MULTILINE)
        assert found
        total += int(found[1])
    return total


def test_an_idle_worker_is_not_woken(
    measured: Measure, start: Start, items_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "molt.prom"
    running = measured("--metrics-file", path)
    running.client().ping()
    # What happened is written once, and then nothing is left to do.
    ping = {"entry": "__ping__", "status": "Ok"}
    wait_until(lambda: file_page(path).value("molt_requests_total", **ping) == 1, 20)
    before, written = wakeups(running), path.stat().st_mtime_ns
    # Another worker's requests take their time meanwhile: longer than the file's turn.
    other = start(env={"MOLT_DB_SQLITE_PATH": items_path}).client()
    assert other.query(ENDLESS, envelope={"timeout_ms": 7000}).status == "Timeout"
    assert wakeups(running) == before
    assert path.stat().st_mtime_ns == written


def test_a_file_that_cannot_be_written_is_said_and_harms_nothing(
    start: Start, tmp_path: Path
) -> None:
    running = start("--metrics-file", tmp_path / "no-such-folder" / "molt.prom")
    running.client().ping()
    assert "no-such-folder" in running.worker.stderr
