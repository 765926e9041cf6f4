"""db_batch: many reads in one request, each answered by itself."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from conformance.arrow import arrow_table
from conformance.client import Client
from conformance.codec import decode
from conformance.data import ENDLESS, NO_WRITE


def payload_of(answer: dict[str, Any], codec: str) -> Any:
    """Of one query in the answer of a batch, decoded."""
    assert answer["status"] == "Ok", answer
    data = answer["payload"]
    if codec == "json":
        data = base64.b64decode(data, validate=True)
    assert isinstance(data, bytes)
    return decode(data, answer["codec"])


def batch(client: Client, *queries: object, codec: str | None = None) -> list[dict[str, Any]]:
    reply = client.call("db_batch", {"queries": list(queries)}, codec=codec)
    assert reply.status == "Ok", reply.error
    assert reply.codec == (codec or client.wire)
    answers: list[dict[str, Any]] = reply.value
    assert len(answers) == len(queries)
    return answers


@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_every_query_is_answered_in_order(client: Client, codec: str) -> None:
    answers = batch(client, *({"sql": f"select {n} as n"} for n in range(20)), codec=codec)
    for n, answer in enumerate(answers):
        expected = {"columns": ["n"], "rows": [[n]], "row_count": 1}
        assert payload_of(answer, codec) == expected
        assert answer["codec"] == "json"


def test_an_empty_batch_is_answered_empty(client: Client) -> None:
    assert batch(client) == []


def test_one_that_fails_does_not_stop_the_others(client: Client, pg: Client) -> None:
    for each in (client, pg):
        bad = ["select * from no_such_table", NO_WRITE, "", "select 1; select 2"]
        good = {"sql": "select 1 as n"}
        queries = [good, *({"sql": sql} for sql in bad), good, {"sql": 5}, good]
        answers = batch(each, *queries)
        statuses = [answer["status"] for answer in answers]
        assert statuses == ["Ok", *["InvalidInput"] * 4, "Ok", "InvalidInput", "Ok"]
        for answer in answers:
            if answer["status"] != "Ok":
                assert answer["error"]
                assert not answer.get("payload")
        assert payload_of(answers[-1], each.wire)["rows"] == [[1]]


def test_each_query_has_its_own_format_values_and_limit(client: Client) -> None:
    values = {"mode": "named", "values": [{"name": "n", "value": 5}]}
    answers = batch(
        client,
        {"sql": "select :n as n", "params": values, "result_format": "msgpack"},
        {"sql": "select id from items order by id", "max_rows": 2, "result_format": "arrow_ipc"},
        {"sql": "select 1 as n", "result_format": "jsonl"},
    )
    assert [answer["codec"] for answer in answers] == ["msgpack", "arrow_ipc", "raw"]
    first, second, third = (payload_of(answer, client.wire) for answer in answers)
    assert first["rows"] == [[5]]
    assert arrow_table(second).column("id").to_pylist() == [1, 2]
    assert third == b'{"n":1}\n'


def test_a_list_and_its_count_come_together(pg: Client) -> None:
    rows = {"sql": "select n from generate_series(1, 100) n order by n limit 3"}
    count = {"sql": "select count(*)::int as n from generate_series(1, 100) n"}
    first, second = (payload_of(answer, pg.wire) for answer in batch(pg, rows, count))
    assert first["rows"] == [[1], [2], [3]]
    assert second["rows"] == [[100]]


@pytest.mark.parametrize("payload", [{}, {"queries": 1}, {"queries": {"sql": "select 1"}}, []])
def test_a_batch_of_a_wrong_shape_is_invalid(client: Client, payload: object) -> None:
    assert client.call("db_batch", payload).status == "InvalidInput"
    client.ping()


def test_a_batch_has_one_deadline_and_one_cancel(client: Client) -> None:
    payload = {"queries": [{"sql": "select 1 as n"}, {"sql": ENDLESS}]}
    assert client.call("db_batch", payload, timeout_ms=200).status == "Timeout"
    target = client.send("db_batch", payload)
    assert client.cancel(target).status == "Ok"
    assert client.reply_to(target).status == "Cancelled"
    assert client.query("select 1 as n").status == "Ok"
