"""Queries as JSON and MsgPack: what is written is what is read, in any language's terms, and what
is no query is refused with the place. msgpack and json are the oracles of the two formats."""

import datetime
import decimal
import json
import uuid
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from molt_sql import InvalidQueryError, Query, UnsupportedError, and_, fn, raw, table

DIALECTS = ("postgres", "sqlite", "duckdb")
User = table("users", id=int, name=str, age=int, score=float, active=bool)
Order = table("sales.orders")
Any_ = table("t")

QUERIES: dict[str, Query] = {
    "all rows": User.query(),
    "target example": User.where(User.name.endswith("@austin.edu")).select(User.id).limit(100),
    "every comparison": User.where(
        User.id == 1, User.id != 2, User.id < 3, User.id <= 4, User.id > 5, User.id >= 6
    ),
    "logic": User.where(~(User.active | (User.id == 1) & User.active), True, and_()),
    "lists": User.where(User.id.in_([1, 2]), User.id.not_in([3]), User.id.in_([])),
    "null": User.where(User.name == None, User.age.is_not_null()),  # noqa: E711
    "arithmetic": User.select(-(User.id + 1) * 2 - User.age / 3, User.id % 4, User.name + "x"),
    "matches": User.where(
        *(
            getattr(User.name, name)("a%_\\\\")
            for name in [
                "like",
                "ilike",
                "startswith",
                "endswith",
                "contains",
                "istartswith",
                "iendswith",
                "icontains",
            ]
        )
    ),
    "aggregates": User.group_by(User.name).select(
        fn.count(),
        User.id.count(distinct=True),
        User.age.sum(),
        User.age.avg(),
        User.age.min(),
        User.age.max(),
        User.age.stddev(),
        User.age.variance(),
        User.active.bool_and(),
        User.active.bool_or(),
        User.name.string_agg(", "),
        User.age.array_agg(distinct=True),
    ),
    "group and having": User.group_by(User.age % 10)
    .select((User.age % 10).as_("k"))
    .having(fn.count() > 1),
    "joins": User.join(Order, Order.user_id == User.id)
    .left_join(User.as_("m"), User.as_("m").id == User.age)
    .right_join(table("a"), table("a").x == User.id)
    .full_join(table("b"), table("b").x == User.id)
    .cross_join(table("c")),
    "order": User.order_by(
        User.id, User.age.desc(), User.name.asc(nulls="first"), User.score.desc(nulls="last")
    ),
    "page": User.limit(0).offset(2**63 - 1).distinct(),
    "raw condition": User.where(raw("a = {a} or {{b}} = {b}", a=1, b=User.id)),
    "odd names": table('o"dd').as_("ünï").select(table('o"dd').as_("ünï").c["a b"].as_("ç;--")),
}
VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "largest int": 2**63 - 1,
    "smallest int": -(2**63),
    "float": 0.1,
    "whole float": 1.0,
    "negative zero": -0.0,
    "smallest float": 5e-324,
    "largest float": 1.7976931348623157e308,
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "nan": float("nan"),
    "text": 'a"b\\c\n\t\x00/é李🙂\u2028',
    "empty text": "",
    "bytes": bytes(range(256)),
    "no bytes": b"",
    "date": datetime.date(1, 1, 1),
    "last date": datetime.date(9999, 12, 31),
    "time": datetime.time(23, 59, 59, 999999),
    "datetime": datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
    "aware datetime": datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.UTC),
    "decimal": decimal.Decimal("-12.500"),
    "decimal of many digits": decimal.Decimal("1234567890123456789012345678901234567890.5"),
    "decimal with exponent": decimal.Decimal("1E+30"),
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
}
COPIES: dict[str, Callable[[Query], Query]] = {
    "json": lambda q: Query.from_json(q.to_json()),
    "msgpack": lambda q: Query.from_msgpack(q.to_msgpack()),
    "json by json": lambda q: Query.from_json(json.dumps(json.loads(q.to_json()))),
    "msgpack by msgpack": lambda q: Query.from_msgpack(
        msgpack.packb(msgpack.unpackb(q.to_msgpack()))
    ),
    "json twice": lambda q: Query.from_json(Query.from_json(q.to_json()).to_json()),
    "both": lambda q: Query.from_msgpack(Query.from_json(q.to_json()).to_msgpack()),
}


def compiled(query: Query, dialect: str) -> tuple[str, list[str]]:
    try:
        text, params = query.sql(dialect)
    except UnsupportedError as error:
        return f"unsupported: {error}", []
    return text, [f"{type(value).__name__} {value!r}" for value in params]


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_copy_compiles_to_the_same_everywhere(
    query: Query, copy: Callable[[Query], Query]
) -> None:
    again = copy(query)
    for dialect in DIALECTS:
        assert compiled(again, dialect) == compiled(query, dialect)
    assert again.fingerprint() == query.fingerprint()
    assert again.to_json() == query.to_json()
    assert again.to_msgpack() == query.to_msgpack()


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_arrives_as_it_was(value: Any, copy: Callable[[Query], Query]) -> None:
    query = Any_.select(raw("{v}", v=value))
    (arrived,) = copy(query).sql("postgres").params
    assert (type(arrived), repr(arrived)) == (type(value), repr(value))


def test_a_whole_statement_by_hand_is_read_and_written_again() -> None:
    value = {"op": "value", "type": "int64", "value": 1}
    statement = {
        "molt_ir": 1,
        "query": {"raw": {"op": "raw", "parts": ["SELECT ", ""], "args": [value]}},
    }
    query = Query.from_json(json.dumps(statement))
    assert query.sql("postgres").text == "SELECT $1"
    assert query.sql("postgres").params == [1]
    assert json.loads(query.to_json()) == statement


def test_the_document_is_versioned_and_leaves_out_what_is_default() -> None:
    assert json.loads(User.select(User.id).where(User.id == 3).to_json()) == {
        "molt_ir": 1,
        "query": {
            "from": {
                "name": "users",
                "columns": [
                    {"name": "id", "type": "int64"},
                    {"name": "name", "type": "utf8"},
                    {"name": "age", "type": "int64"},
                    {"name": "score", "type": "float64"},
                    {"name": "active", "type": "bool"},
                ],
            },
            "select": [{"op": "column", "table": "users", "name": "id"}],
            "where": [
                {
                    "op": "eq",
                    "args": [
                        {"op": "column", "table": "users", "name": "id"},
                        {"op": "value", "type": "int64", "value": 3},
                    ],
                }
            ],
        },
    }


def test_json_and_msgpack_hold_the_same_tree() -> None:
    for query in QUERIES.values():
        assert msgpack.unpackb(query.to_msgpack()) == json.loads(query.to_json())


def test_a_document_written_by_another_program_is_a_query() -> None:
    written = {
        "molt_ir": 1,
        "query": {
            "from": {"name": "users"},
            "where": [
                {
                    "op": "startswith",
                    "args": [
                        {"op": "column", "table": "users", "name": "name"},
                        {"op": "value", "type": "utf8", "value": "A%"},
                    ],
                }
            ],
            "order_by": [
                {
                    "expr": {"op": "column", "table": "users", "name": "id"},
                    "desc": True,
                    "nulls": "last",
                }
            ],
        },
    }
    for query in (
        Query.from_json(json.dumps(written)),
        Query.from_msgpack(msgpack.packb(written)),
    ):
        assert query.sql("duckdb").text == (
            'SELECT * FROM "users" WHERE "users"."name" LIKE $1 ESCAPE \'\\\''
            ' ORDER BY "users"."id" DESC NULLS LAST'
        )
        assert query.sql("duckdb").params == ["A\\%%"]


# -- What is no query ------------------------------------------------------------------------------

COLUMN = {"op": "column", "table": "t", "name": "a"}


def with_where(*conditions: Any) -> dict[str, Any]:
    return {"molt_ir": 1, "query": {"from": {"name": "t"}, "where": list(conditions)}}


REFUSED: dict[str, tuple[Any, str]] = {
    "not a map": ([1], "expected a map"),
    "no version": ({"query": {"from": {"name": "t"}}}, '"molt_ir" is missing'),
    "version of the future": ({"molt_ir": 2, "query": {}}, "version 2 is not known here"),
    "version as text": ({"molt_ir": "1", "query": {}}, "molt_ir: "),
    "no query": ({"molt_ir": 1}, '"query" is missing'),
    "no table": ({"molt_ir": 1, "query": {}}, 'query: "from" is missing'),
    "unknown key": (
        {"molt_ir": 1, "query": {"from": {"name": "t"}, "wher": []}},
        'query: unknown key "wher".*"where"',
    ),
    "unknown key above": (with_where() | {"more": 1}, 'unknown key "more"'),
    "unknown op": (
        with_where({"op": "starts_with", "args": [COLUMN]}),
        r'query\.where\[0\].*unknown op "starts_with".*"startswith"',
    ),
    "op of errors": (with_where({"op": "error", "name": "x"}), "unknown op"),
    "too few arguments": (
        with_where({"op": "eq", "args": [COLUMN]}),
        r"query\.where\[0\].*eq takes 2 arguments, got 1",
    ),
    "too many arguments": (with_where({"op": "not", "args": [COLUMN, COLUMN]}), "not takes 1"),
    "an argument that is no map": (with_where({"op": "not", "args": [3]}), r"args\[0\].*a map"),
    "a value without type": (with_where({"op": "value", "value": 1}), '"type" is missing'),
    "a value of unknown type": (
        with_where({"op": "value", "type": "int", "value": 1}),
        'unknown type "int"',
    ),
    "a value of another type": (
        with_where({"op": "value", "type": "int64", "value": "1"}),
        "int64 is an integer, got",
    ),
    "a bool for an int": (
        with_where({"op": "value", "type": "int64", "value": True}),
        "int64 is an integer",
    ),
    "an int too large": (
        with_where({"op": "value", "type": "int64", "value": 2**63}),
        "too large for int64",
    ),
    "a date that is none": (
        with_where({"op": "value", "type": "date", "value": "2023-02-29"}),
        "a date is written",
    ),
    "a decimal that is none": (
        with_where({"op": "value", "type": "decimal", "value": "1,5"}),
        "a decimal is written",
    ),
    "bytes that are not base64": (
        with_where({"op": "value", "type": "binary", "value": "!"}),
        "base64",
    ),
    "a key of another op": (with_where(COLUMN | {"value": 1}), 'unknown key "value"'),
    "NULL compared": (
        with_where({"op": "lt", "args": [COLUMN, {"op": "value", "type": "null", "value": None}]}),
        "comparing with None",
    ),
    "raw of the wrong length": (
        with_where({"op": "raw", "parts": ["a"], "args": [COLUMN]}),
        "1 values need 2 parts",
    ),
    "unknown join": (
        {
            "molt_ir": 1,
            "query": {"from": {"name": "t"}, "joins": [{"kind": "outer", "table": {"name": "u"}}]},
        },
        'unknown kind of join "outer"',
    ),
}


@pytest.mark.parametrize(("written", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_query_is_refused_with_the_place(written: Any, message: str) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        Query.from_json(json.dumps(written))
    with pytest.raises(InvalidQueryError, match=message):
        Query.from_msgpack(msgpack.packb(written))


@pytest.mark.parametrize(
    "document",
    [
        "",
        " ",
        "{",
        '{"molt_ir":1,"molt_ir":1,"query":{"from":{"name":"t"}}}',
        '{"molt_ir":1,"query":{"from":{"name":"t"}}} x',
        '{"molt_ir":1,"query":{"from":{"name":"t"}},}',
        "{'molt_ir':1}",
        '{"molt_ir":1,"query":{"from":{"name":"\\ud800"}}}',
        "nan",
        "[" * 100_000,
    ],
)
def test_text_that_is_not_json_is_refused(document: str) -> None:
    with pytest.raises(InvalidQueryError):
        Query.from_json(document)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xc1",
        b"\x81",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffabc",
        b"\x91" * 100_000,
        msgpack.packb({"molt_ir": 1, "query": {"from": {"name": "t"}}}) + b"\x00",
        msgpack.packb({1: 2}),
        msgpack.packb({"molt_ir": 1, "query": {"from": {"name": b"t"}}}),
    ],
)
def test_bytes_that_are_not_msgpack_are_refused(document: bytes) -> None:
    with pytest.raises(InvalidQueryError):
        Query.from_msgpack(document)


def test_a_document_nested_too_deep_is_refused_and_the_deepest_query_is_not() -> None:
    deepest = User.id + 0
    for _ in range(117):
        deepest = deepest + 1
    query = User.where(deepest > 0)
    assert Query.from_json(query.to_json()).to_json() == query.to_json()
    document = with_where(COLUMN)
    for _ in range(150):
        document["query"]["where"] = [{"op": "not", "args": document["query"]["where"]}]
    for read in (
        lambda: Query.from_json(json.dumps(document)),
        lambda: Query.from_msgpack(msgpack.packb(document)),
    ):
        with pytest.raises(InvalidQueryError, match=r"deep|levels|nest"):
            read()


def test_a_query_with_a_mistake_inside_is_still_checked_after_reading() -> None:
    query = Query.from_json(User.where(table("x").id == 1).to_json())
    with pytest.raises(
        InvalidQueryError, match=r'"x"\."id" is of a table that is not in the query'
    ):
        query.sql("sqlite")


def test_the_database_of_a_query_is_not_part_of_it() -> None:
    from molt_sql import connect

    with connect("sqlite:///:memory:") as db:
        assert User.query().on(db).to_json() == User.query().to_json()
