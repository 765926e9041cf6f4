"""`molt top`: metrics from a real socket, as numbers, text and a live view."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.metrics_server import MetricsServer, exposition
from cli.tools import Running, Terminal, fails, molt, plain
from molt_cli.metrics import Metrics, parse, quantile
from molt_cli.problems import CommandError
from molt_cli.snapshot import Look, snapshot
from servers.processes import wait_until

# -- The format ------------------------------------------------------------------------------------


def test_samples_have_names_labels_values_and_perhaps_a_time() -> None:
    metrics = parse(
        "# a comment\n\n"
        'a{x="1",y="two words"} 2.5e1 1700000000\n'
        'a{x="2"} -1\n'
        "b NaN\n  c   +Inf  \n"
        'd{path="C:\\\\a\\"b\\nc}",} 4\n'
    )
    assert metrics.total("a") == 24
    assert metrics.total("a", x="1") == 25
    assert metrics.total("a", x="3") is None
    assert metrics.values("a", "x") == ["1", "2"]
    assert metrics.label("d", "path") == 'C:\\a"b\nc}'
    assert math.isnan(metrics.total("b") or 0)
    assert metrics.total("c") == math.inf
    assert metrics.total("nothing") is None


@pytest.mark.parametrize(
    "line",
    [
        "<html>",
        "a",
        "a x",
        'a{x="1} 2',
        "a{x=1} 2",
        'a{x="1" y="2"} 3',
        '{"a": 1}',
        "1a 2",
        "a 1 2 3",
    ],
)
def test_what_is_no_sample_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(CommandError, match="line 2 "):
        parse(f"good 1\n{line}\n")


def test_quantiles_lie_within_their_bucket() -> None:
    buckets = {0.1: 10.0, 0.2: 20.0, 0.4: 40.0, math.inf: 40.0}
    assert quantile(buckets, 0.5) == pytest.approx(0.2)
    assert quantile(buckets, 0.25) == pytest.approx(0.1)
    assert quantile(buckets, 0.75) == pytest.approx(0.3)
    assert quantile(buckets, 1.0) == pytest.approx(0.4)
    assert quantile({0.1: 0.0, math.inf: 5.0}, 0.5) == pytest.approx(0.1)
    assert quantile({0.1: 0.0, math.inf: 0.0}, 0.5) is None
    assert quantile({}, 0.5) is None


# -- What is made of it ----------------------------------------------------------------------------


def look(at: float, requests: int, **changes: object) -> Look:
    return Look(at, parse(exposition(requests, **{"start": 900.0, **changes})))


def test_the_first_look_is_of_all_time() -> None:
    shown = snapshot(look(1000, 1000))
    assert shown.version == "0.1.0"
    assert shown.uptime_s == 100
    assert shown.requests_per_s == pytest.approx(10.07)
    assert shown.cpu_percent == pytest.approx(50)
    assert (shown.clients, shown.in_flight, shown.queue, shown.queue_max) == (5, 3, 2, 64)
    ping, query = shown.entries
    assert (ping.entry, ping.requests, ping.p50_ms) == ("__ping__", 7, None)
    assert (query.entry, query.requests, query.errors) == ("db_query", 1000, 100)
    assert query.p50_ms == pytest.approx(1 + 9 * 500 / 900)
    assert query.p99_ms == pytest.approx(10 + 90 * 0.9)
    (pool,) = shown.pools
    assert (pool.alias, pool.in_use, pool.idle) == ("default", 2, 6)


def test_the_next_look_is_of_the_time_in_between() -> None:
    shown = snapshot(look(1002, 1200, cpu=51.0), look(1000, 1000, cpu=50.0))
    assert shown.requests_per_s == pytest.approx(100)
    assert shown.bytes_in_per_s == pytest.approx(10_000)
    assert shown.cpu_percent == pytest.approx(50)
    ping, query = shown.entries
    assert (ping.per_second, query.per_second) == (0, pytest.approx(100))
    assert query.requests == 1200
    # Of the 200 in between, 180 were quick.
    assert query.p50_ms == pytest.approx(1 + 9 * 100 / 180)


def test_a_worker_that_was_started_anew_has_no_look_before() -> None:
    for before in (look(1000, 9000, start=500.0), look(1000, 9000), look(1004, 10)):
        shown = snapshot(look(1002, 102), before)
        assert shown.requests_per_s == pytest.approx(109 / 102)


def test_what_the_worker_does_not_tell_is_left_open() -> None:
    shown = snapshot(Look(1000, Metrics({})))
    told = shown.as_dict()
    assert (told.pop("entries"), told.pop("pools")) == ([], [])
    assert set(told.values()) == {None}


# -- The command -----------------------------------------------------------------------------------


def test_one_snapshot_as_text_from_a_socket() -> None:
    with MetricsServer(lambda: exposition(1000)) as server:
        done = molt("top", "--metrics-socket", server.path, "--once")
        assert server.paths == ["/metrics"]
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].startswith("molt-worker 0.1.0, up 0:01:4")
    assert lines[1].endswith("memory 50.0 MiB, open files 23")
    assert lines[2] == "clients 5, running 3, queue 2 of 64"
    assert lines[5].split() == [
        *("entry", "requests", "errors", "per", "second"),
        *("p50", "ms", "p95", "ms", "p99", "ms"),
    ]
    assert lines[7].split()[:3] == ["db_query", "1,000", "100"]
    assert lines[-1].split() == ["default", "2", "6"]
    assert len({len(line) for line in lines[5:8]}) == 1


def test_one_snapshot_as_json_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.txt"
    path.write_text(exposition(1000))
    told = molt("top", "--metrics-file", path, "--once", "--json").json
    assert told["queue_max"] == 64
    assert told["entries"][1]["entry"] == "db_query"
    assert told["entries"][1]["errors"] == 100
    assert told["pools"] == [{"alias": "default", "in_use": 2, "idle": 6}]


def counting() -> Callable[[], str]:
    """Each time it is asked, a hundred requests more."""
    start = time.time() - 100
    asked = iter(range(1, 1_000_000))
    return lambda: exposition(next(asked) * 100, start=start)


def test_json_goes_on_line_by_line_until_ctrl_c() -> None:
    with (
        MetricsServer(counting()) as server,
        Running("top", "--metrics-socket", server.path, "--json", "--interval", 0.1) as running,
    ):
        wait_until(lambda: len(server.paths) > 3, what="it looks again and again")
        running.signal(signal.SIGINT)
        done = running.wait()
    assert (done.code, done.err) == (0, "")
    looks = [json.loads(line) for line in done.out.splitlines()]
    assert len(looks) > 2
    assert [one["entries"][1]["requests"] for one in looks[:3]] == [100, 200, 300]
    assert looks[1]["requests_per_s"] > looks[0]["requests_per_s"]


def test_the_live_view_follows_the_worker_and_says_when_it_is_gone() -> None:
    with (
        MetricsServer(counting()) as server,
        Terminal("top", "--metrics-socket", server.path, "--interval", 0.05) as terminal,
    ):
        terminal.read_until("db_query")
        terminal.read_until("300")
        assert "molt-worker 0.1.0" in plain(terminal.seen)
        server.close()
        terminal.read_until("since then: there is no socket")
        terminal.process.send_signal(signal.SIGINT)
        code, shown = terminal.wait()
    assert code == 0
    assert shown.endswith("\x1b[?25h\x1b[?1049l")  # cursor and screen are as they were


def test_the_live_view_needs_a_terminal() -> None:
    with MetricsServer(exposition) as server:
        fails("top", "--metrics-socket", server.path, code=2, words="needs a terminal.*--once")


def test_labels_cannot_steer_the_terminal() -> None:
    evil = exposition(alias="\x1b]0;owned\x07", version="\x1b[31m")
    with MetricsServer(lambda: evil) as server:
        out = molt("top", "--metrics-socket", server.path, "--once").out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_what_is_wrong_with_the_metrics_is_said(tmp_path: Path) -> None:
    absent = tmp_path / "no.sock"

    def socket_fails(path: Path, words: str) -> None:
        fails("top", "--metrics-socket", path, "--once", code=1, words=words)

    socket_fails(absent, "there is no socket .*start a worker")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(absent))
    socket_fails(absent, "nobody serves.*has ended")
    with MetricsServer(exposition, status=404) as server:
        socket_fails(server.path, "with 404")
    with MetricsServer(lambda: "<html>hello</html>\n") as server:
        socket_fails(server.path, "line 1 of the metrics")
    with MetricsServer(lambda: "up 1\n") as server:
        socket_fails(server.path, "no metrics of a molt-worker")
    fails("top", "--metrics-file", absent, "--once", code=1, words="no.sock")
    fails("top", "--metrics-file", tmp_path, "--once", code=1, words="Is a directory")
    both = ("--metrics-file", absent, "--metrics-socket", absent)
    fails("top", *both, code=2, words="give one of")


def test_a_socket_that_speaks_frames_is_not_taken_for_metrics(tmp_path: Path) -> None:
    path = Path(os.path.relpath(tmp_path / "s.sock"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with Running("top", "--metrics-socket", path, "--once") as running:
            client, _ = listener.accept()
            with client:
                client.recv(100)
                client.sendall(b"\x00\x00\x00\x04oops\r\n\r\n")
            done = running.wait()
    assert done.code == 1
    assert "does not speak HTTP" in done.err
    assert done.err.count("\n") == 1
