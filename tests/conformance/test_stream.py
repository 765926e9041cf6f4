"""Streams: window and credit, where a result is cut, and how a stream ends early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conformance.arrow import arrow_messages, arrow_table
from conformance.client import Client
from conformance.codec import FRAME_BYTES_MAX, Reply, from_json
from conformance.conftest import Start
from conformance.data import ENDLESS, NO_WRITE, rows_of_text
from servers.processes import wait_until

# 20 MiB, which no worker that bounds its memory sends as one frame.
ROWS, ROW_BYTES = 2560, 8192
BIG = rows_of_text(ROWS, ROW_BYTES)
FORMATS = ["json", "json_rows", "jsonl", "csv", "arrow_ipc"]


def open_stream(client: Client, window: int, sql: str = BIG, **options: Any) -> int:
    around = options.pop("envelope", {})
    payload = {"sql": sql, "max_rows": 10_000_000, "result_format": "jsonl"} | options
    return client.send("db_query", payload, stream={"window": window}, **around)


def give_credit(client: Client, request_id: int, frames: int) -> None:
    client.send("__credit__", {"request_id": request_id, "frames": frames}, request_id=0)


def collect(client: Client, request_id: int) -> list[Reply]:
    """The whole stream, with credit for one more frame after each; checks seq and more."""
    replies: list[Reply] = []
    while not replies or replies[-1].more:
        replies.append(client.reply_to(request_id))
        assert replies[-1].seq == len(replies) - 1
        assert isinstance(replies[-1].more, bool)
        give_credit(client, request_id, 1)
    assert replies[-1].status == "Ok", replies[-1].error
    return replies


@pytest.mark.parametrize("result_format", FORMATS)
def test_payloads_of_a_stream_are_the_unstreamed_payload(
    client: Client, result_format: str
) -> None:
    replies = collect(client, open_stream(client, 1, result_format=result_format))
    assert len(replies) > 1
    assert all(reply.status == "Ok" for reply in replies)
    whole = client.query(BIG, max_rows=ROWS, result_format=result_format)
    assert {reply.codec for reply in replies} == {whole.codec}
    streamed = b"".join(reply.payload for reply in replies)
    if result_format == "arrow_ipc":
        assert arrow_table(streamed).equals(arrow_table(whole.payload))
    else:
        assert streamed == whole.payload
    client.expect_silence()


def test_the_last_reply_has_the_metrics(client: Client) -> None:
    last = collect(client, open_stream(client, 2))[-1]
    assert last.metrics["db_row_count"] == ROWS
    assert last.metrics["db_result_format"] == "jsonl"
    assert last.metrics["db_alias"] == "default"


@pytest.mark.parametrize("sql", ["select 1 as n", "select 1 as n where 0"])
@pytest.mark.parametrize("result_format", [*FORMATS, "msgpack"])
def test_a_small_result_may_be_streamed(client: Client, sql: str, result_format: str) -> None:
    replies = collect(client, open_stream(client, 5, sql, result_format=result_format))
    whole = client.query(sql, result_format=result_format).payload
    assert b"".join(reply.payload for reply in replies) == whole


@pytest.mark.parametrize("window", [1, 2])
def test_no_more_frames_come_than_there_is_credit_for(client: Client, window: int) -> None:
    request_id = open_stream(client, window)
    replies = [client.reply_to(request_id) for _ in range(window)]
    client.expect_silence()
    for _ in range(2):
        give_credit(client, request_id, 1)
        replies.append(client.reply_to(request_id))
        client.expect_silence()
    assert [reply.seq for reply in replies] == list(range(window + 2))
    client.cancel(request_id)
    assert client.reply_to(request_id).status == "Cancelled"


def test_credit_adds_up(client: Client) -> None:
    request_id = open_stream(client, 1)
    for frames in (0, 1, 1):
        give_credit(client, request_id, frames)
    assert [client.reply_to(request_id).seq for _ in range(3)] == [0, 1, 2]
    client.expect_silence()
    give_credit(client, request_id, 1000)
    while client.reply_to(request_id).more:
        pass
    client.expect_silence()


def test_credit_for_another_stream_does_not_help(client: Client) -> None:
    first, second = open_stream(client, 1), open_stream(client, 1)
    assert client.reply_to(first).seq == client.reply_to(second).seq == 0
    give_credit(client, second, 1)
    assert client.reply_to(second).seq == 1
    client.expect_silence()
    for request_id in (first, second):
        client.cancel(request_id)
        assert client.reply_to(request_id).status == "Cancelled"


def test_lines_are_cut_between_rows(client: Client) -> None:
    for reply in collect(client, open_stream(client, 3, result_format="jsonl")):
        assert reply.payload == b"" or reply.payload.endswith(b"}\n")
    for reply in collect(client, open_stream(client, 3, result_format="csv")):
        assert reply.payload == b"" or reply.payload.endswith(b"\r\n")


@pytest.mark.parametrize(("result_format", "end"), [("json", b"]}"), ("json_rows", b"]")])
def test_json_is_cut_between_rows(client: Client, result_format: str, end: bytes) -> None:
    so_far = b""
    for reply in collect(client, open_stream(client, 3, result_format=result_format))[:-1]:
        so_far += reply.payload
        rows = from_json(so_far.rstrip(b",") + end)
        assert len(rows) > 0


def test_arrow_is_cut_between_messages(client: Client) -> None:
    replies = collect(client, open_stream(client, 3, result_format="arrow_ipc"))
    assert sum(arrow_messages(reply.payload) for reply in replies) >= 2


def test_msgpack_is_made_whole(client: Client) -> None:
    replies = collect(client, open_stream(client, 3, result_format="msgpack"))
    whole = client.query(BIG, max_rows=ROWS, result_format="msgpack").payload
    assert b"".join(reply.payload for reply in replies) == whole


@pytest.mark.parametrize("result_format", ["jsonl", "arrow_ipc"])
def test_a_result_beyond_the_frame_limit_is_streamed(
    socket_client: Client, result_format: str
) -> None:
    sql = rows_of_text(9000, ROW_BYTES)
    request_id = open_stream(socket_client, 4, sql, result_format=result_format)
    replies = collect(socket_client, request_id)
    assert max(len(reply.raw) for reply in replies) <= FRAME_BYTES_MAX
    assert sum(len(reply.payload) for reply in replies) > FRAME_BYTES_MAX
    assert replies[-1].metrics["db_row_count"] == 9000


def test_a_result_of_postgresql_is_streamed(pg: Client) -> None:
    sql = f"select n, repeat('x', {ROW_BYTES}) as filler from generate_series(1, {ROWS}) n"
    replies = collect(pg, open_stream(pg, 2, sql))
    assert len(replies) > 1
    lines = b"".join(reply.payload for reply in replies).splitlines()
    assert [from_json(line)["n"] for line in lines] == list(range(1, ROWS + 1))
    assert pg.query("select 1 as n").status == "Ok"


def test_other_requests_are_answered_while_a_stream_waits(client: Client) -> None:
    request_id = open_stream(client, 1)
    client.reply_to(request_id)
    for n in range(5):
        assert client.query(f"select {n} as n").value["rows"] == [[n]]
    client.cancel(request_id)
    assert client.reply_to(request_id).status == "Cancelled"


def test_a_stream_that_waits_for_credit_can_be_cancelled(client: Client, pg: Client) -> None:
    sql = f"select n, repeat('x', {ROW_BYTES}) as filler from generate_series(1, {ROWS}) n"
    for each, text in ((client, BIG), (pg, sql)):
        request_id = open_stream(each, 1, text)
        assert each.reply_to(request_id).more is True
        assert each.cancel(request_id).status == "Ok"
        last = each.reply_to(request_id)
        assert (last.status, last.is_last) == ("Cancelled", True)
        give_credit(each, request_id, 5)
        each.expect_silence()
        assert each.query("select 1 as n").status == "Ok"


def test_a_stream_that_waits_for_credit_ends_at_its_deadline(client: Client) -> None:
    request_id = open_stream(client, 1, envelope={"timeout_ms": 400})
    assert client.reply_to(request_id).more is True
    last = client.reply_to(request_id, 5)
    assert (last.status, last.is_last) == ("Timeout", True)
    client.expect_silence()


def test_a_stream_without_end_sends_no_more_than_it_may(start: Start, items_path: Path) -> None:
    running = start(env={"MOLT_DB_SQLITE_PATH": items_path})
    client = running.client()
    endless = (
        "with recursive c(n) as (select 1 union all select n + 1 from c)"
        " select n, hex(zeroblob(4096)) as filler from c"
    )
    client.ping()
    before = running.worker.rss_bytes()
    request_id = open_stream(client, 2, endless)
    for _ in range(2):
        client.reply_to(request_id)
    for _ in range(20):
        give_credit(client, request_id, 1)
        client.reply_to(request_id)
    assert running.worker.rss_bytes() - before < 128 << 20
    client.cancel(request_id)
    assert client.reply_to(request_id).status == "Cancelled"


@pytest.mark.parametrize("sql", ["select * from no_such_table", NO_WRITE])
def test_a_stream_that_fails_at_once_is_one_reply(client: Client, sql: str) -> None:
    reply = client.reply_to(open_stream(client, 1, sql))
    assert (reply.status, reply.is_last) == ("InvalidInput", True)
    client.expect_silence()


def test_a_stream_may_end_in_an_error(pg: Client) -> None:
    last = ROWS * 2
    sql = (
        f"select 1 / ({last} - n) as v, repeat('x', {ROW_BYTES}) as filler"
        f" from generate_series(1, {last}) n"
    )
    request_id = open_stream(pg, 1000, sql)
    replies = [pg.reply_to(request_id)]
    while not replies[-1].is_last:
        replies.append(pg.reply_to(request_id))
    assert replies[-1].status in ("InvalidInput", "InternalError")
    assert all(reply.status == "Ok" for reply in replies[:-1])
    pg.expect_silence()


def test_the_database_is_free_again_when_a_streams_client_goes_away(
    start: Start, pg_url: str
) -> None:
    env = {"MOLT_DB_POSTGRES_DSN": pg_url, "MOLT_DB_POSTGRES_MAX_CONNS": 1}
    running = start(env=env)
    gone, client = running.client(), running.client()
    sql = f"select n, repeat('x', {ROW_BYTES}) as filler from generate_series(1, {ROWS}) n"
    request_id = open_stream(gone, 1, sql)
    assert gone.reply_to(request_id).more is True
    gone.close()
    wait_until(lambda: client.query("select 1 as n").status == "Ok", 10)


WINDOWS: list[Any] = [0, -1, 1025, 2**32, 1.0, "1", True, None, [1]]


@pytest.mark.parametrize("window", WINDOWS, ids=repr)
def test_a_window_is_between_1_and_1024(client: Client, window: object) -> None:
    reply = client.call("db_query", {"sql": "select 1 as n"}, stream={"window": window})
    assert reply.status == "InvalidInput"
    client.ping()


@pytest.mark.parametrize("stream", [1, "x", [], {}, {"Window": 1}, True], ids=repr)
def test_a_stream_is_a_map_with_a_window(client: Client, stream: object) -> None:
    reply = client.call("db_query", {"sql": "select 1 as n"}, stream=stream)
    assert reply.status == "InvalidInput"


def test_the_greatest_window_is_accepted(client: Client) -> None:
    replies = collect(client, open_stream(client, 1024))
    assert b"".join(reply.payload for reply in replies).count(b"\n") == ROWS


def test_a_stream_of_a_request_that_does_not_end_can_be_cancelled(client: Client) -> None:
    request_id = open_stream(client, 1, ENDLESS)
    assert client.cancel(request_id).status == "Ok"
    assert client.reply_to(request_id).status == "Cancelled"
