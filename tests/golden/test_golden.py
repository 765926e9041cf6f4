"""One file a case: a query, the SQL each dialect makes of it, and its rows over dataset.sql.

Each case is compiled for all dialects and compared with the file; run on SQLite and on PostgreSQL
through molt_sql; and its SQL and parameters are run as they are by Python's sqlite3, by psycopg and
by DuckDB, which must give the same rows. `pytest tests/golden --update` rewrites what the files
expect.

A file is a line or more of description, then sections:

    [query]      Python, with the tables User, Order, Item, Part, Odd, open_table(...) and molt_sql's names
    [postgres]   the SQL, and `params: [...]` where it has some; or `unsupported: reason`
    [sqlite]     likewise
    [duckdb]     likewise
    [rows]       the names of the columns, then a tuple a line; in any order where SQL says none
    [pieces]     optional: text cells are lists with this separator, in any order (string_agg)
"""

import datetime
import math
import sqlite3
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import psycopg
import pytest

import molt_sql
from molt_sql import Column, Database, MoltError, Query, Table, UnsupportedError

HERE = Path(__file__).parent
DIALECTS = ("postgres", "sqlite", "duckdb")
Rows = list[tuple[Any, ...]]


class User(Table, name="users"):
    id: Column[int]
    name: Column[str]
    email: Column[str | None]
    age: Column[int | None]
    score: Column[float | None]
    active: Column[bool | None]
    born: Column[datetime.date | None]
    joined: Column[datetime.datetime | None]
    city: Column[str | None]
    manager_id: Column[int | None]


class Order(Table, name="orders"):
    id: Column[int]
    user_id: Column[int | None]
    total: Column[float | None]
    quantity: Column[int]
    status: Column[str]
    note: Column[str | None]
    placed: Column[datetime.datetime]


class Item(Table, name="items"):
    id: Column[int]
    order_id: Column[int]
    sku: Column[str]
    price: Column[float | None]
    packed: Column[bool | None]


class Part(Table, name="parts"):
    id: Column[int]
    code: Column[UUID | None]
    cost: Column[Decimal | None]
    stock: Column[int | None]
    made: Column[datetime.date | None]
    due: Column[str | None]
    sold: Column[bool | None]


NAMES: dict[str, Any] = {
    **{name: getattr(molt_sql, name) for name in ("and_", "fn", "not_", "or_", "raw")},
    "User": User,
    "Order": Order,
    "Item": Item,
    "Part": Part,
    "Odd": molt_sql.table('odd "table" Näme'),
    "open_table": molt_sql.table,
    "date": datetime.date,
    "datetime": datetime.datetime,
    "Decimal": Decimal,
    "UUID": UUID,
}


@dataclass
class Case:
    """A golden file: its text before the first section, and its sections by name."""

    path: Path
    description: str
    sections: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Case":
        head, *rest = ("\n" + path.read_text()).split("\n[")
        sections = {}
        for part in rest:
            name, _, body = part.partition("]\n")
            sections[name] = body.strip("\n")
        unknown = sections.keys() - {"query", *DIALECTS, "rows", "pieces"}
        assert "query" in sections, f"{path.name} has no [query]"
        assert not unknown, f"{path.name} has sections of no meaning: {sorted(unknown)}"
        return cls(path, head.strip("\n"), sections)

    def write(self) -> None:
        order = ("query", *DIALECTS, "pieces", "rows")
        parts = [f"[{name}]\n{self.sections[name]}\n" for name in order if name in self.sections]
        self.path.write_text("\n".join([self.description + "\n", *parts]))

    def query(self) -> Query:
        query = eval(self.sections["query"], dict(NAMES))
        return query if hasattr(query, "sql") else query.query()


PATHS = sorted((HERE / "cases").glob("*.golden"))


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> Case:
    return Case.read(request.param)


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="module")
def database_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "golden.db"
    connection = sqlite3.connect(path)
    connection.executescript((HERE / "dataset.sql").read_text())
    connection.close()
    return path


@pytest.fixture(scope="module")
def database(database_path: Path) -> Iterator[Database]:
    with molt_sql.connect(f"sqlite:///{database_path}") as opened:
        yield opened


@pytest.fixture(scope="module")
def sqlite(database_path: Path) -> Iterator[sqlite3.Connection]:
    """Python's own driver, with the aggregates that molt_sql adds to SQLite."""
    connection = sqlite3.connect(database_path)
    connection.create_aggregate("stddev_samp", 1, _sample(statistics.stdev))
    connection.create_aggregate("var_samp", 1, _sample(statistics.variance))
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute((HERE / "dataset.sql").read_text())
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def pg_dataset(pg_url: str) -> str:
    """The URL of a database with the dataset; it has a schema of the name that SQLite's has."""
    with psycopg.connect(pg_url) as connection:
        connection.execute((HERE / "dataset.sql").read_text())
        connection.execute("CREATE SCHEMA main")
        connection.execute("CREATE VIEW main.users AS TABLE users")
    return pg_url


@pytest.fixture(scope="module")
def postgres(pg_dataset: str) -> Iterator[Database]:
    with molt_sql.connect(pg_dataset) as opened:
        yield opened


@pytest.fixture(scope="module")
def pg_reader(pg_dataset: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg_dataset, autocommit=True) as connection:
        yield connection


def _sample(function: Callable[[list[float]], float]) -> type:
    class Aggregate:
        def __init__(self) -> None:
            self.values: list[float] = []

        def step(self, value: float | None) -> None:
            if value is not None:
                self.values.append(value)

        def finalize(self) -> float | None:
            return function(self.values) if len(self.values) > 1 else None

    return Aggregate


def shown_sql(query: Query, dialect: str) -> str:
    try:
        text, params = query.sql(dialect)
    except UnsupportedError as error:
        return f"unsupported: {error}"
    return f"{text}\nparams: {params!r}" if params else text


def shown_rows(names: Iterable[str], rows: Rows) -> str:
    return "\n".join([", ".join(names), *map(repr, rows)])


def expected_rows(case: Case) -> tuple[str, Rows]:
    names, *lines = case.sections["rows"].splitlines()
    known = {"datetime": datetime, "Decimal": Decimal, "UUID": UUID}
    return names, [eval(line, known) for line in lines]


def as_stored(value: Any) -> Any:
    """A value as SQLite keeps it."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime.datetime):
        return str(value)
    if isinstance(value, datetime.date | UUID):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    return value


def run_molt(query: Query, database: Database) -> tuple[list[str], Rows]:
    result = query.on(database).fetch_all().result()
    return result.columns, [tuple(row) for row in result]


def run_sqlite3(query: Query, connection: sqlite3.Connection) -> tuple[list[str], Rows]:
    text, params = query.sql("sqlite")
    cursor = connection.execute(text, [as_stored(value) for value in params])
    return [column[0] for column in cursor.description], cursor.fetchall()


def run_psycopg(query: Query, connection: psycopg.Connection) -> tuple[list[str], Rows]:
    text, params = query.sql("postgres")
    cursor = psycopg.RawCursor(connection)  # the one that takes $1
    cursor.execute(text, params)
    assert cursor.description is not None
    return [column.name for column in cursor.description], cursor.fetchall()


def run_duckdb(query: Query, connection: duckdb.DuckDBPyConnection) -> tuple[list[str], Rows]:
    text, params = query.sql("duckdb")
    cursor = connection.execute(text, params)
    return [column[0] for column in cursor.description], cursor.fetchall()


def same_cell(a: Any, b: Any, pieces: str | None) -> bool:
    if (type(a), type(b)) in ((UUID, str), (Decimal, float)):
        a = as_stored(a)  # the file has SQLite's
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    if pieces is not None and isinstance(a, str):
        return sorted(a.split(pieces)) == sorted(b.split(pieces))
    return bool(a == b)


def assert_same_rows(got: Rows, expected: Rows, *, ordered: bool, pieces: str | None) -> None:
    if not ordered:
        got, expected = sorted(got, key=repr), sorted(expected, key=repr)
    assert len(got) == len(expected), f"got {got!r}\nexpected {expected!r}"
    for one, other in zip(got, expected, strict=True):
        same = len(one) == len(other) and all(
            same_cell(a, b, pieces) for a, b in zip(one, other, strict=True)
        )
        assert same, f"got      {one!r}\nexpected {other!r}\nin {got!r}"


def test_case(
    case: Case,
    update: bool,
    database: Database,
    sqlite: sqlite3.Connection,
    duck: duckdb.DuckDBPyConnection,
) -> None:
    query = case.query()
    sql = {dialect: shown_sql(query, dialect) for dialect in DIALECTS}
    on_sqlite = not sql["sqlite"].startswith("unsupported: ")
    on_duckdb = not sql["duckdb"].startswith("unsupported: ")
    if update:
        run = run_molt(query, database) if on_sqlite else run_duckdb(query, duck)
        case.sections |= {**sql, "rows": shown_rows(*run)}
        case.write()

    assert sql == {dialect: case.sections.get(dialect) for dialect in DIALECTS}

    names, expected = expected_rows(case)
    rules: dict[str, Any] = {
        "ordered": "ORDER BY" in sql["duckdb"] or len(expected) < 2,
        "pieces": case.sections.get("pieces"),
    }
    if on_sqlite:
        columns, rows = run_molt(query, database)
        assert ", ".join(columns) == names
        assert_same_rows(rows, expected, **rules)
        columns, rows = run_sqlite3(query, sqlite)
        assert ", ".join(columns) == names
        stored = [tuple(map(as_stored, row)) for row in expected]
        assert_same_rows(rows, stored, **rules)
    if on_duckdb:
        columns, rows = run_duckdb(query, duck)
        assert ", ".join(columns) == names
        assert_same_rows(rows, expected, **rules)


def check_on_postgres(case: Case, run: Callable[[Query], tuple[list[str], Rows]]) -> None:
    """PostgreSQL's rows are those of the file, which came from SQLite or else from DuckDB."""
    query = case.query()
    sql = shown_sql(query, "postgres")
    if sql.startswith("unsupported: "):
        return
    if any(isinstance(value, str) and "\0" in value for value in query.sql("postgres").params):
        with pytest.raises((psycopg.DataError, MoltError)):  # its text has no NUL
            run(query)
        return
    names, expected = expected_rows(case)
    columns, rows = run(query)
    assert ", ".join(columns) == names
    ordered = "ORDER BY" in sql or len(expected) < 2
    assert_same_rows(rows, expected, ordered=ordered, pieces=case.sections.get("pieces"))


def test_case_by_psycopg(case: Case, pg_reader: psycopg.Connection) -> None:
    check_on_postgres(case, lambda query: run_psycopg(query, pg_reader))


def test_case_on_postgres(case: Case, postgres: Database) -> None:
    check_on_postgres(case, lambda query: run_molt(query, postgres))


def test_a_case_is_run_by_at_least_one_engine() -> None:
    for path in PATHS:
        sections = Case.read(path).sections
        ran = [d for d in DIALECTS if not sections[d].startswith("unsupported: ")]
        assert ran, f"{path.name} runs nowhere"


def test_writing_a_case_changes_nothing_but_what_it_expects(tmp_path: Path) -> None:
    for path in PATHS:
        copy = Case.read(path)
        copy.path = tmp_path / path.name
        copy.write()
        assert copy.path.read_text() == path.read_text()
