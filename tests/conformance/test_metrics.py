"""Metrics of replies: which there are, and that they are numbers that can be true.

That integers are integers and not negative is checked of every reply, in codec.py.
"""

from __future__ import annotations

import pytest

from conformance.client import Client
from conformance.codec import METRICS, TEXT_METRICS, is_unsigned
from conformance.data import ENDLESS

DATABASE_METRICS = {"db_alias", "db_row_count", "db_bytes_in", "db_bytes_out", "db_result_format"}


@pytest.mark.parametrize("entry", ["__ping__", "__hello__", "health"])
def test_every_reply_has_the_common_metrics(client: Client, entry: str) -> None:
    reply = client.call(entry, b"", codec="json" if entry != "__ping__" else "raw")
    assert reply.metrics.keys() >= METRICS


def test_a_query_has_those_of_the_database_too(client: Client) -> None:
    reply = client.query("select 1 as n", tag="orders/list")
    metrics = reply.metrics
    assert metrics.keys() >= METRICS | DATABASE_METRICS
    assert metrics["db_alias"] == "default"
    assert metrics["db_tag"] == "orders/list"
    assert metrics["db_row_count"] == 1
    assert metrics["db_result_format"] == "json"
    assert metrics["db_bytes_out"] == metrics["payload_bytes"] == len(reply.payload)
    assert metrics["db_bytes_in"] > 0
    for name, value in metrics.items():
        assert name in TEXT_METRICS or is_unsigned(value, 63)


def test_without_a_tag_there_is_none(client: Client) -> None:
    assert not client.query("select 1 as n").metrics.get("db_tag")
    assert client.query("select 1 as n", tag="Zoë").metrics["db_tag"] == "Zoë"


def test_times_add_up(client: Client) -> None:
    sql = (
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 300000)"
        " select count(*) as n from c"
    )
    metrics = client.query(sql).metrics
    assert 0 < metrics["exec_us"] <= metrics["handler_us"] * 1.1 + 1000
    assert metrics["exec_ms"] == pytest.approx(metrics["exec_us"] / 1000, abs=1)
    assert metrics["queue_ms"] == pytest.approx(metrics["queue_us"] / 1000, abs=1)


def test_a_reply_that_is_not_ok_has_metrics_as_well(client: Client) -> None:
    for reply in (
        client.call("no_such"),
        client.query("select"),
        client.query(ENDLESS, envelope={"timeout_ms": 50}),
    ):
        assert reply.status != "Ok"
        assert isinstance(reply.metrics, dict)


def test_waiting_is_measured(client: Client) -> None:
    reply = client.query(ENDLESS, envelope={"timeout_ms": 300})
    assert reply.status == "Timeout"
    spent = reply.metrics.get("handler_us", 0) + reply.metrics.get("queue_us", 0)
    assert spent == 0 or spent > 100_000
