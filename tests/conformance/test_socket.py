"""The Unix socket: who may use it, what was there before, several clients at once."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from conformance.client import Channel, Client
from conformance.codec import Wire
from conformance.conftest import Start
from conformance.data import ENDLESS
from conformance.test_cli import both_programs, run
from servers.fixtures import failing
from servers.worker import Worker


@pytest.fixture
def place() -> Iterator[Path]:
    """Where a socket may be made; short enough for one."""
    with TemporaryDirectory(prefix="molt-sock-", dir="/tmp") as folder:
        yield Path(folder) / "worker.sock"


def pinged(worker: Worker, path: Path) -> None:
    fd = worker.connect(path).detach()
    client = Client(Channel(fd, fd), "msgpack")
    client.ping()
    client.close()


@both_programs
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_its_owner_may_use_it(place: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with failing(), Worker("--socket", place) as worker:
            pinged(worker, place)
            assert stat.S_IMODE(place.lstat().st_mode) == 0o600
            assert stat.S_ISSOCK(place.lstat().st_mode)
    finally:
        os.umask(before)


@both_programs
def test_a_socket_that_nobody_listens_on_is_replaced(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
    with failing(), Worker("--socket", place) as worker:
        pinged(worker, place)


@both_programs
def test_a_worker_that_was_killed_leaves_a_socket_that_the_next_replaces(place: Path) -> None:
    with failing(), Worker("--socket", place) as worker:
        pinged(worker, place)
        worker.process.kill()
        worker.wait()
    assert place.exists()
    with Worker("--socket", place) as worker:
        pinged(worker, place)


@both_programs
def test_a_socket_on_which_somebody_listens_is_refused(place: Path) -> None:
    with failing(), Worker("--socket", place) as worker:
        pinged(worker, place)
        code, _, err = run("--socket", place)
        assert code > 0
        assert place.name in err
        pinged(worker, place)


@both_programs
@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_is_no_socket_is_refused_and_left(place: Path, what: str) -> None:
    other = place.with_name("other")
    other.write_text("precious")
    if what == "file":
        place.write_text("precious")
    elif what == "folder":
        place.mkdir()
    else:
        place.symlink_to(other)
    code, _, err = run("--socket", place)
    assert code > 0
    assert err.strip()
    assert other.read_text() == "precious"
    assert place.is_symlink() == (what == "link")
    assert place.is_dir() == (what == "folder")


@both_programs
@pytest.mark.parametrize("name", ["x" * 120, "no-such-folder/worker.sock"])
def test_a_path_that_cannot_be_a_socket_is_an_error(place: Path, name: str) -> None:
    code, _, err = run(
        "--socket", place.with_name("f") / name if "/" in name else place.parent / name
    )
    assert code > 0
    assert err.strip()


def test_several_clients_have_answers_and_ids_of_their_own(
    start: Start, items_path: Path, wire: Wire
) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path})
    clients = [running.client(wire) for _ in range(10)]
    for n in range(20):
        for c, client in enumerate(clients):
            sql = f"select {c} as c, {n} as n"
            client.send("db_query", {"sql": sql}, request_id=n)
    for c, client in enumerate(clients):
        for n in range(20):
            reply = client.reply_to(n)
            if reply.status != "Busy":
                assert reply.value["rows"] == [[c, n]]
        client.expect_silence()


def test_a_client_that_goes_away_takes_its_requests_and_no_others(
    start: Start, items_path: Path
) -> None:
    running = start("--threads", 1, "--max-queue", 3, env={"MOLT_DB_SQLITE_PATH": items_path})
    staying = running.client()
    for _ in range(5):
        gone = running.client()
        for _ in range(50):
            gone.send("db_query", {"sql": ENDLESS})
        gone.ping()
        gone.close()
    reply = staying.query("select 1 as n")
    while reply.status == "Busy":
        reply = staying.query("select 1 as n")
    assert reply.value["rows"] == [[1]]


def test_many_clients_come_and_go(start: Start) -> None:
    running = start()
    for _ in range(100):
        client = running.client()
        client.ping()
        client.close()
    running.client().ping()
