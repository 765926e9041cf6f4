"""Expressions and queries as Python sees them: mistakes that Python invites and their errors, what
equals what, and what never changes. Nothing here needs a database."""

# Long because: every operator and every mistake is a short test of its own.

import datetime
import decimal
import enum
import functools
import pickle
import subprocess
import sys
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest

import molt_sql
from molt_sql import (
    Column,
    Expr,
    InvalidQueryError,
    MoltError,
    Query,
    Table,
    TableRef,
    UnsupportedError,
    and_,
    fn,
    not_,
    or_,
    raw,
    table,
)


class User(Table, name="users"):
    id: Column[int]
    name: Column[str]
    email: Column[str | None]
    age: Column[int | None]
    score: Column[float | None]
    active: Column[bool | None]
    born: Column[datetime.date | None]
    joined: Column[datetime.datetime | None]


Order = table("orders", id=int, user_id=int, total=float)
Open = table("events")


def text(query: Query) -> str:
    return str(query.sql("sqlite").text)


def where(condition: Any) -> str:
    return text(User.where(condition).select(User.id)).partition(" WHERE ")[2]


# -- Mistakes that Python invites ------------------------------------------------------------------

TRUTH_MISTAKES: dict[str, Callable[[], Any]] = {
    "and": lambda: User.id == 1 and User.age == 2,
    "or": lambda: User.id == 1 or User.age == 2,
    "not": lambda: not (User.id == 1),  # noqa: SIM201
    "if": lambda: 1 if User.active else 2,
    "bool": lambda: bool(User.id),
    "chained comparison": lambda: 1 < User.id < 3,
    "chained equality": lambda: User.id == User.age == 3,
    "in a column": lambda: "x" in User.name,
    "a column in a list": lambda: User.id in [1, 2],
    "a column in a list of columns": lambda: User.id in [User.age, User.score],
}


@pytest.mark.parametrize("mistake", TRUTH_MISTAKES.values(), ids=TRUTH_MISTAKES)
def test_an_expression_has_no_truth_value(mistake: Callable[[], Any]) -> None:
    with pytest.raises(
        InvalidQueryError, match=r"no truth value in Python: combine conditions with & \| ~"
    ):
        mistake()


def test_comparisons_without_parentheses_are_explained() -> None:
    with pytest.raises(InvalidQueryError, match=r"parentheses around comparisons"):
        User.id == 1 & User.age == 2  # noqa: B015


@pytest.mark.parametrize("other", [None, 1, "x", 1.5])
def test_conditions_combine_with_conditions_only(other: Any) -> None:
    for combine in (lambda c: c & other, lambda c: c | other, lambda c: and_(c, other)):
        with pytest.raises(InvalidQueryError, match="need conditions on both sides"):
            combine(User.id == 1)


def test_not_of_a_python_bool_is_a_condition() -> None:
    assert where(not_(True)) == "NOT TRUE"
    assert where(not_(or_())) == "NOT FALSE"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: User.select("id"), r"select\(\) takes columns, got the str 'id'.*User\.c\["),
        (lambda: User.group_by("id"), r"group_by\(\) takes columns, got the str 'id'"),
        (lambda: User.order_by("id"), r"order_by\(\) takes columns and expressions, got str"),
        (lambda: User.order_by(1), r"order_by\(\) takes columns and expressions, got int"),
        (lambda: User.where("id = 1"), "a condition is an expression .*, got str"),
        (lambda: User.where(1), "got int"),
        (lambda: User.where(None), "got NoneType"),
        (lambda: User.select(User), "a table is not a value"),
        (lambda: User.id == User, "a table is not a value"),
        (lambda: User.join("orders", User.id == Order.id), r'expected a table.*table\("name"\)'),
        (lambda: User.join(Order), "join needs a condition"),
        (lambda: User.join(Order, True), r"join\(on=...\) takes a condition"),
        (lambda: User.join(Order, User.id == Order.id, how="outer"), 'got "outer"'),
        (lambda: User.limit("3"), r"limit\(\) takes an int, got str"),
        (lambda: User.limit(None), r"limit\(\) takes an int, got NoneType"),
        (lambda: User.limit(1.0), r"limit\(\) takes an int, got float"),
        (lambda: User.limit(True), r"limit\(\) takes an int, got bool"),
        (lambda: User.limit(-1), "limit must not be negative, got -1"),
        (lambda: User.offset(-1), "offset must not be negative, got -1"),
        (lambda: User.limit(2**63), "beyond 64 bits"),
        (lambda: User.id.asc(nulls="up"), 'nulls must be "first" or "last", got "up"'),
        (lambda: User.name.in_("abc"), r"in_\(\) takes a list of values, got one str"),
        (lambda: User.name.in_(3), r"in_\(\) takes a list of values, got int"),
        (lambda: User.id.in_([1, None]), r"None inside in_\(\).*is_null"),
        (lambda: User.id.not_in([None]), r"None inside in_\(\).*is_not_null"),
        (lambda: User.id < None, "by <, <=, > or >= is never true"),
        (lambda: User.id.between(None, 3), r"between\(...\) with None is never true"),
        (lambda: User.name.like(None), "matching with None is never true"),
        (lambda: User.name.startswith(None), "matching with None is never true"),
        (lambda: User.query().sql("mysql"), 'no dialect "mysql"; there are postgres, sqlite'),
        (lambda: raw("a = {x}"), "no value was given for the hole {x}"),
        (lambda: raw("a = 1", x=1), "the value 'x' has no hole"),
        (lambda: raw("{x!r}", x=1), "no value was given for the hole {x!r}"),
        (lambda: raw("a {"), "'{' at position 2 is never closed"),
        (lambda: raw("a }"), "a single '}' at position 2"),
    ],
)
def test_a_wrong_argument_is_refused_where_it_is_given(
    build: Callable[[], Any], message: str
) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        build()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (User.where(Order.id == 1), 'column "orders"."id" is of a table that is not in the query'),
        (User.where(User.as_("u").id == 1), '"u"."id".*join "u" first'),
        (
            User.join(Order, Order.user_id == Open.id).cross_join(Open),
            r'it has "users", "orders"\)',
        ),
        (User.join(User, User.id == User.id), r'"users" is in the query twice.*\.as_\(\)'),
        (User.join(Order, User.id == Order.id, how="cross"), "a cross join takes no condition"),
        (User.where(User.age.sum() > 3), r"sum\(…\) is not allowed in where; use having"),
        (User.select(User.age.sum().max()), r"sum\(…\) stands inside another aggregate"),
        (User.select(User.id, fn.count()), r'"users"."id" must be in group_by\(...\)'),
        (User.group_by(User.id), "a grouped query must say what it selects"),
        (
            User.select(User.id).distinct().order_by(User.name),
            "order_by can only use what is selected",
        ),
        (User.where(User.score), 'where needs conditions, column "users"."score" is float64'),
        (User.where(User.id == "1"), r"\(int64\) cannot be compared with a value \(utf8\)"),
        (User.where(User.name < 3), r"\(utf8\) cannot be compared with a value \(int64\)"),
        (User.where(User.born == datetime.datetime(2024, 1, 1)), r"\(date\) cannot be compared"),
        (User.where(User.born < User.joined), r"\(date\) cannot be compared .*\(timestamp\)"),
        (
            User.where(User.joined == datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)),
            r"\(timestamp\) cannot be compared with a value \(timestamptz\)",
        ),
        (User.select(User.name + 1), "add needs text on both sides, a value is int64"),
        (User.select(User.name * 2), "mul needs numbers"),
        (User.select(User.score % 2), "mod needs whole numbers"),
        (User.select(-User.name), "neg needs a number"),
        (User.where(User.age.contains("3")), "contains needs text"),
        (User.where(~User.name), 'not needs conditions, column "users"."name" is utf8'),
        (User.select(User.name.sum()), "sum needs a number"),
    ],
)
def test_a_query_that_cannot_be_right_is_refused_with_what_and_where(
    query: Query, message: str
) -> None:
    for dialect in ("postgres", "sqlite", "duckdb"):
        with pytest.raises(InvalidQueryError, match=message):
            query.sql(dialect)


def test_a_mistake_shows_in_the_repr_and_breaks_nothing() -> None:
    assert "with a mistake: column" in repr(User.where(Order.id == 1))


@pytest.mark.parametrize(
    ("wrong", "near"), [("emial", "email"), ("nam", "name"), ("ID", "id"), ("scores", "score")]
)
def test_a_declared_table_suggests_the_nearest_name(wrong: str, near: str) -> None:
    for look_up in (lambda: getattr(User, wrong), lambda: User.c[wrong]):
        with pytest.raises(InvalidQueryError, match=f'no column "{wrong}".*"{near}"'):
            look_up()


def test_operators_that_sql_has_not_are_not_there() -> None:
    for operate in (
        lambda: User.id // 2,  # type: ignore[operator]
        lambda: User.id**2,  # type: ignore[operator]
        lambda: User.id ^ 1,  # type: ignore[operator]
        lambda: abs(User.id),  # type: ignore[arg-type]
        lambda: list(User.id),  # type: ignore[call-overload]
        lambda: User.id[0],  # type: ignore[index]
    ):
        with pytest.raises(TypeError):
            operate()


# -- Values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [{1}, frozenset(), object(), 1j, User.query()])
def test_a_value_of_no_database_type_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(InvalidQueryError, match=f"type .*{type(value).__name__}.* cannot be bound"):
        User.id == value  # noqa: B015


def test_a_list_or_set_beside_a_plain_column_points_to_in() -> None:
    with pytest.raises(InvalidQueryError, match=r"use in_\(\)"):
        User.where(User.id == [1, 2]).sql("postgres")
    with pytest.raises(InvalidQueryError, match=r"use in_\(\)"):
        User.id == {1, 2}  # noqa: B015


def test_ints_are_bound_up_to_64_bits_and_refused_beyond() -> None:
    for fits in (2**63 - 1, -(2**63)):
        assert User.where(User.id == fits).sql("sqlite").params == [fits]
    for too_large in (2**63, -(2**63) - 1, 10**100):
        with pytest.raises(InvalidQueryError, match="beyond 64 bits"):
            User.id == too_large  # noqa: B015


def test_lone_surrogates_are_refused_as_values_and_names() -> None:
    for use in (
        lambda: User.name == "\ud800",
        lambda: User.name.contains("\udfff"),
        lambda: table("\ud800"),
        lambda: table("t", "\ud800"),
        lambda: Open.c["\ud800"],
        lambda: Open.id.as_("\ud800"),
        lambda: Open.as_("\ud800"),
        lambda: raw("\ud800"),
        lambda: raw("{x}", **{"\ud800": 1}),
    ):
        with pytest.raises(InvalidQueryError, match="surrogates"):
            use()


def test_a_time_whose_zone_has_no_offset_without_a_date_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match="use a datetime"):
        Open.at == datetime.time(1, tzinfo=zoneinfo.ZoneInfo("Europe/Prague"))  # noqa: B015


def test_an_aware_datetime_is_bound_as_the_same_instant_in_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    aware = datetime.datetime(2024, 1, 1, 2, 0, 0, 7, tzinfo=zone)
    (bound,) = Open.where(Open.at == aware).sql("postgres").params
    assert bound == aware
    assert bound.tzinfo is datetime.UTC


def test_subclasses_of_plain_types_are_bound_as_those() -> None:
    number = enum.IntEnum("number", "ONE")["ONE"]
    word = enum.StrEnum("word", "HELLO")["HELLO"]
    params = Open.where(Open.a == number, Open.b == word).sql("sqlite").params
    assert [(type(p), p) for p in params] == [(int, 1), (str, "hello")]


def test_values_come_back_from_sql_as_they_went_in() -> None:
    values: list[Any] = [
        True,
        0,
        -1.5,
        "é\x00'",
        b"\x00\xff",
        datetime.date(1, 1, 1),
        datetime.time(23, 59, 59, 999999),
        datetime.datetime(9999, 12, 31, 23, 59, 59, 999999),
        decimal.Decimal("-1.50"),
    ]
    params = Open.where(*(Open.x == value for value in values)).sql("postgres").params
    assert [(type(p), str(p)) for p in params] == [(type(v), str(v)) for v in values]


def test_a_hole_or_a_column_may_have_any_name() -> None:
    assert raw("{text}{values}", text=1, values=2).sql("sqlite").params == [1, 2]
    assert repr(table("t", name=str, columns=int).c["columns"]) == "<Column t.columns>"


# -- What is the same, what changes ----------------------------------------------------------------


def test_every_method_gives_a_new_query_and_leaves_the_old() -> None:
    base = User.select(User.id)
    before = text(base)
    changed: list[Query] = [
        base.where(User.id == 1),
        base.select(User.name),
        base.join(Order, Order.user_id == User.id),
        base.group_by(User.id),
        base.having(fn.count() > 1).group_by(User.id),
        base.order_by(User.id),
        base.limit(1),
        base.offset(1),
        base.distinct(),
    ]
    assert text(base) == before
    assert len({before, *map(text, changed)}) == len(changed) + 1


def test_expressions_cannot_be_changed() -> None:
    for target in (User.id, User.id == 1, User.query(), User.id.asc()):
        with pytest.raises(AttributeError):
            target.name = "x"


def test_using_an_expression_in_two_queries_keeps_both() -> None:
    adult = User.age >= 18
    first, second = User.where(adult), User.where(~adult)
    assert where(adult) == '"users"."age" >= ?'
    assert text(first) != text(second)
    assert where(adult) == '"users"."age" >= ?'


def test_equality_builds_and_hash_is_identity() -> None:
    assert isinstance(User.id == User.id, Expr)
    column = User.id
    assert hash(column) == hash(column)
    assert {column: "found"}[column] == "found"
    assert len({User.id, User.age, User.name}) == 3


def test_none_true_and_empty_lists_mean_what_sql_users_mean() -> None:
    assert where(User.email == None) == '"users"."email" IS NULL'  # noqa: E711
    assert where(None != User.email) == '"users"."email" IS NOT NULL'  # noqa: E711
    assert where(User.id.in_([])) == "FALSE"
    assert where(User.id.not_in([])) == "TRUE"
    assert where(User.active == True) == '"users"."active" = ?'  # noqa: E712


def test_in_takes_any_iterable() -> None:
    for values in ([1, 2], (1, 2), {1: "a", 2: "b"}, range(1, 3), iter([1, 2])):
        assert User.where(User.id.in_(values)).sql("sqlite").params == [1, 2]


def test_an_error_inside_an_iterable_is_its_own() -> None:
    def broken() -> Any:
        yield 1
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        User.id.in_(broken())


def test_reprs_are_readable_and_run_nothing() -> None:
    assert repr(User.id) == "<Column users.id>"
    assert repr(User.as_("u").id) == "<Column u.id>"
    assert repr(User.id == 1) == "<Expr eq>"
    assert repr(User) == "<Table users>"
    assert repr(table("main.users").as_("u")) == "<Table main.users as u>"
    assert repr(User.select(User.id).where(User.name == "secret")) == (
        '<Query SELECT "users"."id" FROM "users" WHERE "users"."name" = ?>'
    )


def test_pretty_has_a_clause_a_line_and_the_values_last() -> None:
    query = User.where(User.name == "O'B", User.age > 3).select(User.id).order_by(User.id).limit(2)
    assert query.pretty("postgres").splitlines() == [
        'SELECT "users"."id"',
        'FROM "users"',
        'WHERE "users"."name" = $1 AND "users"."age" > $2',
        'ORDER BY "users"."id" ASC NULLS LAST',
        "LIMIT $3",
        '-- "O\'B", 3, 2',
    ]


def test_sql_unpacks_into_text_and_parameters() -> None:
    sql, params = User.where(User.id == 3).select(User.id).sql("postgres")
    assert (sql, params) == ('SELECT "users"."id" FROM "users" WHERE "users"."id" = $1', [3])


def test_postgresql_is_another_name_of_postgres() -> None:
    assert User.query().sql("postgresql").text == User.query().sql("postgres").text


# -- Fingerprints ----------------------------------------------------------------------------------


def sample(**changes: Any) -> Query:
    given: dict[str, Any] = {"id": 3, "name": "x", "limit": 10, "table": User} | changes
    users = given["table"]
    return (
        users.where(users.id == given["id"], users.name.endswith(given["name"]))
        .select(users.id, users.email)
        .order_by(users.id)
        .limit(given["limit"])
    )


def test_a_fingerprint_is_of_the_structure_and_not_of_values() -> None:
    assert sample().fingerprint() == sample(id=4, name="yy", limit=1).fingerprint()
    assert len(sample().fingerprint()) == 32
    int(sample().fingerprint(), 16)


def test_another_structure_has_another_fingerprint() -> None:
    queries = [
        sample(),
        sample(id=3.0),
        sample(table=table("users")),
        sample(table=table("users").as_("u")),
        sample(table=table("main.users")),
        sample(table=table("users", "id", "name", "email")),
        sample().where(True),
        sample().where(False),
        sample().where(User.id.in_([1])),
        sample().where(User.id.in_([1, 2])),
        sample().offset(1),
        sample().distinct(),
        sample().order_by(User.id.desc()),
        sample().order_by(User.id.desc(nulls="last")),
        sample().select(User.email, User.id),
        sample().select(User.id, User.email.as_("mail")),
        sample().select(User.id.count()),
        sample().select(User.id.count(distinct=True)),
        sample().select(raw("a")),
        sample().select(raw("b")),
    ]
    assert len({query.fingerprint() for query in queries}) == len(queries)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "from molt_sql import table;"
        "t = table('users', id=int);"
        "print(t.where(t.id == 8).limit(2).fingerprint())"
    )
    users = table("users", id=int)
    here = users.where(users.id == 3).limit(1).fingerprint()
    for seed in ("0", "1"):
        there = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here


# -- Errors and limits -----------------------------------------------------------------------------


def test_errors_are_of_the_families_people_catch() -> None:
    assert issubclass(InvalidQueryError, MoltError)
    assert issubclass(InvalidQueryError, ValueError)
    assert issubclass(molt_sql.TimeoutError, TimeoutError)
    assert issubclass(UnsupportedError, MoltError)
    assert not issubclass(UnsupportedError, ValueError)


def test_errors_survive_pickling() -> None:
    for error in (InvalidQueryError("a"), molt_sql.DatabaseError("b", "SQLITE_FULL")):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy)) == (type(error), str(error))
        assert getattr(copy, "code", None) == getattr(error, "code", None)


def test_an_expression_too_deep_is_refused_and_a_wide_one_is_not() -> None:
    with pytest.raises(InvalidQueryError, match="nested deeper than 120"):
        functools.reduce(lambda e, _: e + 1, range(200), User.id + 0)
    wide = functools.reduce(lambda c, i: c | (User.id == i), range(1000), User.id == -1)
    assert len(User.where(wide).sql("sqlite").params) == 1001


def test_more_values_than_the_engine_takes_are_refused_with_the_way_out() -> None:
    query = User.where(User.id.in_(range(40_000)))
    with pytest.raises(UnsupportedError, match=r"binds 40000 values.* takes 32766; put the values"):
        query.sql("sqlite")
    assert len(query.sql("postgres").params) == 40_000


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (User.select(User.id.array_agg()), "sqlite does not support array_agg: .*string_agg"),
        (User.select(User.name.string_agg(",", distinct=True)), "does not support string_agg"),
        (User.where(User.name.ilike("é%")), "limited to ASCII"),
        (User.where(User.name.like(User.email)), "does not support like"),
        (User.where(User.name.icontains(User.email)), "does not support icontains"),
    ],
)
def test_what_sqlite_lacks_is_named_with_a_way_out(query: Query, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message):
        query.sql("sqlite")


# -- Tables ----------------------------------------------------------------------------------------


def test_a_class_without_columns_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match="declares no columns"):
        type("Empty", (Table,), {})


def test_a_class_takes_its_name_in_lower_case() -> None:
    class Account(Table):
        id: Column[int]

    assert repr(Account) == "<Table account>"
    assert text(Account.query()) == 'SELECT "account"."id" FROM "account"'


def test_a_declared_type_that_no_column_has_is_refused() -> None:
    with pytest.raises(InvalidQueryError, match=r'column "x" of table "t".*is no column type'):
        table("t", x=list)


def test_a_column_named_like_a_method_is_reached_by_key() -> None:
    odd = table("odd", "where", "select", "c")
    assert text(odd.where(odd.c["where"] == 1).select(odd.c["select"])) == (
        'SELECT "odd"."select" FROM "odd" WHERE "odd"."where" = ?'
    )


def test_private_names_are_no_columns() -> None:
    for name in ("_x", "__len__", "_repr_mimebundle_"):
        assert not hasattr(Open, name)
    assert repr(Open.c["_x"]) == "<Column events._x>"
    assert isinstance(Open, TableRef)
