"""Random queries over random data, against two references.

An example is a plan: nested tuples that say what is asked. It is built twice, by molt_sql and by
SQLAlchemy Core, which knows nothing of our SQL. The rows must be those that

- molt_sql gives,
- Python's sqlite3 gives for molt_sql's SQL and parameters,
- Python's sqlite3 gives for SQLAlchemy's SQL and parameters;

and likewise on PostgreSQL, with psycopg for a driver.

SQLAlchemy's LIKE is made to mind the case by a pragma, and is told where NULLs go and, for
PostgreSQL, that division is of floats and gives NULL for 0; all else is its own reading of the
plan.
"""

# Long because: a plan, its strategy and its two builders are read together.

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite as sa_sqlite
from sqlalchemy.dialects.postgresql import psycopg as sa_psycopg

import molt_sql
from molt_sql import Database, MoltError, Query, UnsupportedError

Plan = tuple[Any, ...]

# -- Data ------------------------------------------------------------------------------------------

SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, x REAL, s TEXT, f BOOLEAN);
CREATE TABLE u (id INTEGER PRIMARY KEY, t_id INTEGER, k INTEGER, s TEXT);
"""
POSTGRES_SCHEMA = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a SMALLINT, b BIGINT, x DOUBLE PRECISION, s TEXT,
                f BOOLEAN);
CREATE TABLE u (id BIGINT PRIMARY KEY, t_id INTEGER, k BIGINT, s VARCHAR(10));
"""
COLUMNS: dict[str, dict[str, type]] = {
    "t": {"id": int, "a": int, "b": int, "x": float, "s": str, "f": bool},
    "u": {"id": int, "t_id": int, "k": int, "s": str},
}
MOLT = {name: molt_sql.table(name, **columns) for name, columns in COLUMNS.items()}
SA_TYPES: dict[type, Any] = {int: sa.BigInteger, float: sa.Float, str: sa.Text, bool: sa.Boolean}
ALCHEMY = {
    name: sa.table(name, *(sa.column(c, SA_TYPES[kind]()) for c, kind in columns.items()))
    for name, columns in COLUMNS.items()
}

ints = st.integers(-4, 4)
operands = ints | st.just(32767)  # where an int2 ends; products of a few are far from 64 bits
members = ints | st.sampled_from([-(2**15), 2**31, 2**40])
floats = st.integers(-8, 8).map(lambda n: n / 4)  # sums of these are exact in any order
texts = st.text(alphabet="aAbé%_*?[]\\'\"", max_size=3)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


t_rows = st.lists(
    st.tuples(maybe(ints), maybe(ints), maybe(floats), maybe(texts), maybe(st.booleans())),
    max_size=6,
).map(lambda rows: [(i + 1, *row) for i, row in enumerate(rows)])
u_rows = st.lists(st.tuples(maybe(st.integers(1, 7)), maybe(ints), maybe(texts)), max_size=5).map(
    lambda rows: [(i + 1, *row) for i, row in enumerate(rows)]
)

# -- Plans -----------------------------------------------------------------------------------------

BOOL_AGGREGATES = ["bool_and", "bool_or", "bool_min", "bool_max"]
MATCHES = ["startswith", "endswith", "contains", "istartswith", "iendswith", "icontains"]
ascii_texts = st.text(alphabet="aAb%_*?[]\\'\"", max_size=2)
like_patterns = st.lists(
    st.sampled_from(["a", "A", "b", "%", "_", "\\%", "\\_", "\\\\", "*", "[", "?"]), max_size=4
).map("".join)


@cache
def columns_of(tables: tuple[str, ...], kind: type) -> st.SearchStrategy[Plan]:
    names = [(t, c) for t in tables for c, of in COLUMNS[t].items() if of is kind]
    return st.sampled_from(names).map(lambda name: ("column", *name))


@cache
def numbers(tables: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    """Whole numbers."""
    leaves = columns_of(tables, int) | operands.map(lambda n: ("value", n))
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(st.sampled_from(["add", "sub", "mul", "mod"]), inner, inner)
            | st.tuples(st.just("neg"), inner)
        ).filter(has_column),  # Python itself would work out what has none
        max_leaves=4,
    ).filter(has_column)


@cache
def strings(tables: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    leaves = columns_of(tables, str) | texts.map(lambda s: ("value", s))
    return st.recursive(
        leaves,
        lambda inner: st.tuples(st.just("concat"), inner, inner).filter(has_column),
        max_leaves=3,
    ).filter(has_column)


@cache
def quotients(tables: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    number = numbers(tables)
    return st.tuples(st.just("div"), number, number)


@cache
def conditions(tables: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    number, string = numbers(tables), strings(tables)
    comparisons = st.sampled_from(["eq", "ne", "lt", "le", "gt", "ge"])
    leaves = st.one_of(
        st.tuples(comparisons, number, number),
        st.tuples(comparisons, string, string),
        st.tuples(comparisons, columns_of(("t",), float), floats.map(lambda x: ("value", x)))
        if "t" in tables
        else st.nothing(),
        st.tuples(st.sampled_from(["is_null", "is_not_null"]), number | string),
        st.tuples(st.sampled_from(["in", "not_in"]), number, st.lists(members, max_size=3)),
        st.tuples(st.just("between"), number, number, number),
        st.tuples(st.sampled_from(MATCHES), string, ascii_texts),
        st.tuples(st.sampled_from(["like", "ilike"]), string, like_patterns),
        columns_of(("t",), bool) if "t" in tables else st.nothing(),
        st.booleans().map(lambda b: ("constant", b)),
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(st.sampled_from(["and", "or"]), inner, inner)
            | st.tuples(st.just("not"), inner)
        ),
        max_leaves=5,
    )


@cache
def wheres(tables: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    condition, number = conditions(tables), st.tuples(st.just("holds"), numbers(tables))
    return st.one_of(
        condition,
        number,
        st.tuples(st.just("not"), number),
        st.tuples(st.sampled_from(["and", "or"]), number, condition),
    )


def has_column(plan: Any) -> bool:
    return isinstance(plan, tuple) and (plan[0] == "column" or any(map(has_column, plan[1:])))


def has_constant(plan: Any) -> bool:
    return isinstance(plan, tuple) and (plan[0] == "constant" or any(map(has_constant, plan[1:])))


@cache
def scalars(tables: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    # SQLAlchemy simplifies conditions with constants, to 0 at last, which as a key is a number.
    every = numbers(tables) | strings(tables) | quotients(tables) | conditions(tables)
    return every.filter(lambda plan: has_column(plan) and not has_constant(plan))


@cache
def aggregates(tables: tuple[str, ...]) -> st.SearchStrategy[Plan]:
    number = numbers(tables)
    return st.one_of(
        st.just(("count_all",)),
        st.tuples(st.sampled_from(["count", "count_distinct"]), number | strings(tables)),
        st.tuples(st.sampled_from(["sum", "avg", "min", "max"]), number),
        st.tuples(st.sampled_from(["min", "max"]), strings(tables)),
        st.tuples(st.sampled_from(BOOL_AGGREGATES), conditions(tables)),
    )


directions = st.tuples(st.booleans(), st.sampled_from(["first", "last"]))


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    join = draw(st.sampled_from([None, None, "inner", "left", "right", "full", "cross"]))
    tables = ("t",) if join is None else ("t", "u")
    plan: dict[str, Any] = {"join": join}
    if join not in (None, "cross"):
        linked: Plan = ("eq", ("column", "u", "t_id"), ("column", "t", "id"))
        more = draw(st.none() | conditions(tables))
        plan["on"] = linked if more is None else ("and", linked, more)
    plan["where"] = draw(st.lists(wheres(tables), max_size=2))
    if draw(st.booleans()):  # grouped
        plan["group"] = draw(st.lists(scalars(tables), max_size=2))
        plan["select"] = plan["group"] + draw(st.lists(aggregates(tables), min_size=1, max_size=3))
        comparison = st.tuples(
            st.sampled_from(["lt", "ge", "ne"]),
            st.just(("count_all",)) | st.tuples(st.just("sum"), numbers(tables)),
            ints.map(lambda n: ("value", n)),
        )
        plan["having"] = draw(st.lists(comparison, max_size=1))
        keys = plan["group"]  # unique: an order by them is total
    else:
        plan["select"] = draw(st.lists(scalars(tables), min_size=1, max_size=3))
        plan["distinct"] = draw(st.booleans())
        if plan["distinct"]:
            keys = plan["select"]
        else:
            ids = [("column", table, "id") for table in tables]
            keys = draw(st.lists(scalars(tables), max_size=2)) + ids
    if keys and draw(st.booleans()):
        plan["order"] = [(key, *draw(directions)) for key in keys]
        plan["limit"] = draw(maybe(st.integers(0, 8)))
        plan["offset"] = draw(maybe(st.integers(0, 3)))
    return plan


def other_values(plan: Any) -> Any:
    """The plan with other values of the same types: the same structure for molt_sql."""
    if isinstance(plan, dict):
        return {key: other_values(value) for key, value in plan.items()}
    if isinstance(plan, list):
        return [other_values(part) for part in plan]
    if not isinstance(plan, tuple):
        return plan
    if plan[0] == "value":
        return ("value", plan[1] + "b" if isinstance(plan[1], str) else plan[1] + 1)
    if plan[0] in ("in", "not_in"):
        return (plan[0], other_values(plan[1]), [n + 1 for n in plan[2]])
    if plan[0] in MATCHES:
        return (plan[0], other_values(plan[1]), "A" + plan[2])
    return tuple(other_values(part) for part in plan)


# -- The plan as molt_sql's query ------------------------------------------------------------------

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "mod": lambda a, b: a % b,
    "div": lambda a, b: a / b,
    "concat": lambda a, b: a + b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
}


def molt(plan: Plan) -> Any:
    op, *args = plan
    if op == "column":
        return MOLT[args[0]].c[args[1]]
    if op == "value":
        return args[0]
    if op == "constant":
        return molt_sql.and_(args[0])
    if op == "count_all":
        return molt_sql.fn.count()
    first = molt(args[0])
    if op in OPERATORS:
        return OPERATORS[op](first, molt(args[1]))
    if op == "between":
        return first.between(molt(args[1]), molt(args[2]))
    if op == "not":
        return ~first
    if op == "neg":
        return -first
    if op in ("in", "not_in"):
        return getattr(first, "in_" if op == "in" else "not_in")(args[1])
    if op == "holds":  # a number other than 0
        return first
    if op == "count_distinct":
        return first.count(distinct=True)
    if op in ("bool_min", "bool_max"):
        return getattr(first, op.removeprefix("bool_"))()
    return getattr(first, op)(*args[1:])


def molt_query(plan: dict[str, Any]) -> Query:
    query = MOLT["t"].query()
    if plan["join"] == "cross":
        query = query.cross_join(MOLT["u"])
    elif plan["join"]:
        query = query.join(MOLT["u"], molt(plan["on"]), how=plan["join"])
    query = query.where(*map(molt, plan["where"]))
    query = query.select(*(molt(e).as_(f"c{i}") for i, e in enumerate(plan["select"])))
    query = query.group_by(*map(molt, plan.get("group", [])))
    query = query.having(*map(molt, plan.get("having", [])))
    if plan.get("distinct"):
        query = query.distinct()
    if "order" in plan:
        query = query.order_by(
            *(
                molt(key).desc(nulls=nulls) if descending else molt(key).asc(nulls=nulls)
                for key, descending, nulls in plan["order"]
            )
        )
    if plan.get("limit") is not None:
        query = query.limit(plan["limit"])
    if plan.get("offset") is not None:
        query = query.offset(plan["offset"])
    return query


# -- The plan as SQLAlchemy's ----------------------------------------------------------------------


# What PostgreSQL needs to be told to give the rows that SQLite gives.
ON_POSTGRES: dict[str, Callable[..., Any]] = {
    "div": lambda a, b: sa.cast(a, sa.Double) / sa.func.nullif(b, 0),
    "mod": lambda a, b: a % sa.func.nullif(b, 0),
    "sum": lambda a: sa.cast(sa.func.sum(a), sa.BigInteger),
    "avg": lambda a: sa.cast(sa.func.avg(a), sa.Double),
    "bool_and": sa.func.bool_and,
    "bool_or": sa.func.bool_or,
    "bool_min": sa.func.bool_and,
    "bool_max": sa.func.bool_or,
}


def alchemy(plan: Plan, on_postgres: bool) -> Any:
    op, *args = plan
    if on_postgres and op in ON_POSTGRES:
        return ON_POSTGRES[op](*(alchemy(arg, True) for arg in args))
    if op == "column":
        return ALCHEMY[args[0]].c[args[1]]
    if op == "value":
        return sa.literal(args[0], SA_TYPES[type(args[0])]())
    if op == "constant":
        return sa.true() if args[0] else sa.false()
    if op == "count_all":
        return sa.func.count()
    first = alchemy(args[0], on_postgres)
    if op == "and":
        return sa.and_(first, alchemy(args[1], on_postgres))
    if op == "or":
        return sa.or_(first, alchemy(args[1], on_postgres))
    if op == "not":
        return sa.not_(first)
    if op in OPERATORS:
        return OPERATORS[op](first, alchemy(args[1], on_postgres))
    if op == "between":
        return first.between(alchemy(args[1], on_postgres), alchemy(args[2], on_postgres))
    if op == "neg":
        return -first
    if op in ("in", "not_in"):
        return getattr(first, "in_" if op == "in" else "not_in")(args[1])
    if op in MATCHES:
        return getattr(first, op)(args[1], autoescape=True)
    if op in ("like", "ilike"):
        return getattr(first, op)(args[1], escape="\\")
    if op in ("is_null", "is_not_null"):
        return getattr(first, {"is_null": "is_", "is_not_null": "is_not"}[op])(None)
    if op == "count_distinct":
        return sa.func.count(sa.distinct(first))
    if op == "holds":
        return first != 0
    if op in BOOL_AGGREGATES:
        return (sa.func.min if op in ("bool_and", "bool_min") else sa.func.max)(first)
    return getattr(sa.func, op)(first)


def alchemy_query(plan: dict[str, Any], *, on_postgres: bool) -> Any:
    def expr(plan: Plan) -> Any:
        return alchemy(plan, on_postgres)

    t, u = ALCHEMY["t"], ALCHEMY["u"]
    source: Any = t
    if plan["join"] == "cross":
        source = t.join(u, sa.true())
    elif plan["join"] == "right":
        source = u.outerjoin(t, expr(plan["on"]))
    elif plan["join"]:
        kind = plan["join"]
        source = t.join(u, expr(plan["on"]), isouter=kind == "left", full=kind == "full")
    columns = [expr(e).label(f"c{i}") for i, e in enumerate(plan["select"])]
    query = sa.select(*columns).select_from(source).where(*map(expr, plan["where"]))
    query = query.group_by(*map(expr, plan.get("group", [])))
    query = query.having(*map(expr, plan.get("having", [])))
    if plan.get("distinct"):
        query = query.distinct()
    for key, descending, nulls in plan.get("order", []):
        ordering = expr(key).desc() if descending else expr(key).asc()
        query = query.order_by(
            ordering.nulls_first() if nulls == "first" else ordering.nulls_last()
        )
    return query.limit(plan.get("limit")).offset(plan.get("offset"))


# -- Running them ----------------------------------------------------------------------------------


def as_numbers(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows with SQLite's booleans."""
    return [tuple(int(v) if isinstance(v, bool) else v for v in row) for row in rows]


class Bench:
    """One database file, seen by molt_sql and by Python's sqlite3."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript(SCHEMA)
        self.database: Database = molt_sql.connect(f"sqlite:///{path}")

    def fill(self, t: list[Any], u: list[Any]) -> None:
        self.connection.executescript("BEGIN; DELETE FROM t; DELETE FROM u;")
        self.connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", t)
        self.connection.executemany("INSERT INTO u VALUES (?, ?, ?, ?)", u)
        self.connection.execute("COMMIT")

    def by_molt(self, query: Query) -> list[tuple[Any, ...]]:
        return as_numbers(query.on(self.database).fetch_all().result())

    def by_driver(self, text: str, params: list[Any]) -> list[tuple[Any, ...]]:
        return self.connection.execute(text, params).fetchall()

    def by_alchemy(self, plan: dict[str, Any]) -> list[tuple[Any, ...]]:
        compiled = alchemy_query(plan, on_postgres=False).compile(
            dialect=sa_sqlite.dialect(), compile_kwargs={"render_postcompile": True}
        )
        params = [compiled.params[name] for name in compiled.positiontup or ()]
        self.connection.execute("PRAGMA case_sensitive_like = ON")
        try:
            return self.by_driver(str(compiled), params)
        finally:
            self.connection.execute("PRAGMA case_sensitive_like = OFF")

    def close(self) -> None:
        self.database.close()
        self.connection.close()


class PostgresBench:
    """One database on a server, seen by psycopg."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, prepare_threshold=None)
        self.connection.execute(POSTGRES_SCHEMA)

    def fill(self, t: list[Any], u: list[Any]) -> None:
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.execute("DELETE FROM t")
            cursor.execute("DELETE FROM u")
            cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, %s, %s, %s)", t)
            cursor.executemany("INSERT INTO u VALUES (%s, %s, %s, %s)", u)

    def by_driver(self, text: str, params: list[Any]) -> list[tuple[Any, ...]]:
        cursor = psycopg.RawCursor(self.connection)  # the one that takes $1
        return as_numbers(cursor.execute(text, params).fetchall())

    def by_alchemy(self, plan: dict[str, Any]) -> list[tuple[Any, ...]]:
        compiled = alchemy_query(plan, on_postgres=True).compile(
            dialect=sa_psycopg.dialect(), compile_kwargs={"render_postcompile": True}
        )
        # Values as text: a key that is bound twice, under two names, would be two expressions.
        cursor = psycopg.ClientCursor(self.connection)
        return as_numbers(cursor.execute(str(compiled), compiled.params).fetchall())

    def close(self) -> None:
        self.connection.close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    opened = Bench(tmp_path_factory.mktemp("property") / "random.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def postgres_bench(pg_url: str) -> Iterator[PostgresBench]:
    opened = PostgresBench(pg_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def postgres(pg_url: str, postgres_bench: PostgresBench) -> Iterator[Database]:
    """What `postgres_bench` fills, opened by molt_sql."""
    with molt_sql.connect(pg_url) as opened:
        yield opened


def comparable(rows: list[tuple[Any, ...]], plan: dict[str, Any]) -> list[str]:
    """As text, which tells 1 from 1.0; sorted where the plan leaves the order open."""
    shown = [repr(row) for row in rows]
    return shown if plan.get("order") else sorted(shown)


@given(plan=queries(), t=t_rows, u=u_rows)
def test_random_queries_give_the_rows_of_the_references(
    bench: Bench, plan: dict[str, Any], t: list[Any], u: list[Any]
) -> None:
    bench.fill(t, u)
    # The second time with the SQL that was compiled and kept the first time.
    for variant in (plan, other_values(plan)):
        query = molt_query(variant)
        expected = comparable(bench.by_alchemy(variant), variant)
        text, params = query.sql("sqlite")
        assert comparable(bench.by_driver(text, params), variant) == expected, text
        assert comparable(bench.by_molt(query), variant) == expected, text


@given(plan=queries(), t=t_rows, u=u_rows)
def test_random_queries_compiled_for_postgres_give_the_rows_of_the_references(
    bench: Bench, postgres_bench: PostgresBench, plan: dict[str, Any], t: list[Any], u: list[Any]
) -> None:
    bench.fill(t, u)
    postgres_bench.fill(t, u)
    for variant in (plan, other_values(plan)):
        text, params = molt_query(variant).sql("postgres")
        rows = comparable(postgres_bench.by_driver(text, params), variant)
        assert rows == comparable(postgres_bench.by_alchemy(variant), variant), text
        assert rows == comparable(bench.by_alchemy(variant), variant), text


@given(plan=queries(), t=t_rows, u=u_rows)
def test_random_queries_on_postgres_give_the_rows_of_sqlite(
    bench: Bench,
    postgres_bench: PostgresBench,
    postgres: Database,
    plan: dict[str, Any],
    t: list[Any],
    u: list[Any],
) -> None:
    bench.fill(t, u)
    postgres_bench.fill(t, u)
    for variant in (plan, other_values(plan)):
        query = molt_query(variant)
        rows = as_numbers(query.on(postgres).fetch_all().result())
        assert comparable(rows, variant) == comparable(bench.by_molt(query), variant)


@given(plan=queries())
def test_values_do_not_change_the_structure(plan: dict[str, Any]) -> None:
    query, other = molt_query(plan), molt_query(other_values(plan))
    assert query.fingerprint() == other.fingerprint()
    if "group" not in plan:  # a value inside a key decides what equals the key
        assert query.sql("postgres").text == other.sql("postgres").text


def compiled(query: Query, dialect: str) -> tuple[Any, ...]:
    try:
        text, params = query.sql(dialect)
    except UnsupportedError as error:
        return ("unsupported", str(error))
    return text, [(type(value), value) for value in params]


@given(plan=queries())
def test_a_copy_through_json_or_msgpack_compiles_to_the_same(plan: dict[str, Any]) -> None:
    query = molt_query(plan)
    copies = [Query.from_json(query.to_json()), Query.from_msgpack(query.to_msgpack())]
    for copy, dialect in itertools.product(copies, ("postgres", "sqlite", "duckdb")):
        assert compiled(copy, dialect) == compiled(query, dialect)
        assert copy.fingerprint() == query.fingerprint()
    assert copies[0].to_json() == query.to_json()
    assert copies[1].to_msgpack() == query.to_msgpack()


@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_documents_that_are_no_query_are_refused_by_name(data: bytes) -> None:
    for read in (Query.from_msgpack, lambda d: Query.from_json(d.decode("utf-8", "replace"))):
        with pytest.raises(molt_sql.InvalidQueryError):
            read(data)


@given(plan=queries(), data=st.data())
def test_a_damaged_document_is_read_or_refused_but_never_fatal(
    plan: dict[str, Any], data: st.DataObject
) -> None:
    document = bytearray(molt_query(plan).to_msgpack())
    for _ in range(data.draw(st.integers(1, 3))):
        document[data.draw(st.integers(0, len(document) - 1))] = data.draw(st.integers(0, 255))
    try:
        text, _ = Query.from_msgpack(bytes(document)).sql("postgres")
    except MoltError:
        return
    assert text.startswith("SELECT ")
