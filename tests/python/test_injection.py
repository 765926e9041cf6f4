"""Hostile text in every position that takes a name or a value: it comes back as data, or as a clear
error, and the database is the same afterwards."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from molt_sql import (
    Database,
    InvalidQueryError,
    MoltError,
    Query,
    Table,
    connect,
    fn,
    raw,
    table,
)

HOSTILE = [
    "x'; DROP TABLE users; --",
    'x"; DROP TABLE users; --',
    '"; DROP TABLE users; --',
    "' OR '1'='1",
    '" OR ""="',
    "1; DELETE FROM users",
    "users; ATTACH 'evil.db' AS evil",
    "*/ DROP TABLE users /*",
    "-- comment",
    "/*",
    "`id`",
    "[id]",
    "id) FROM users; DROP TABLE users; --",
    "?",
    "$1",
    ":name",
    "@name",
    "{x}",
    "%s",
    "\\'; DROP TABLE users; --",
    "\\",
    "'",
    '"',
    "\n; DROP TABLE users",
    "ʼ; DROP TABLE users",
    "\uff07 OR 1=1",
]
NAMES = [name for name in HOSTILE if "." not in name]  # a dot in a table's name means a schema
DIALECTS = ("postgres", "sqlite", "duckdb")
Users = table("users")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[tuple[Database, Callable[[], list[str]]]]:
    """A database that may be written, and its dump."""
    path = tmp_path / "store.db"
    plain = sqlite3.connect(path)
    plain.executescript(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, note TEXT);"
        "CREATE TABLE secrets (id INTEGER PRIMARY KEY, word TEXT);"
        "INSERT INTO users VALUES (1, 'Ada', 'a'), (2, 'Bob', NULL);"
        "INSERT INTO secrets VALUES (1, 'hidden');"
    )

    def dump() -> list[str]:
        return list(plain.iterdump())

    with connect(f"sqlite:///{path}") as database:
        yield database, dump
    plain.close()


@pytest.fixture
def db(store: tuple[Database, Callable[[], list[str]]]) -> Iterator[Database]:
    """The database; when the test ends nothing in it may have changed."""
    database, dump = store
    before = dump()
    yield database
    assert dump() == before


def unquoted(sql: str) -> str:
    """The SQL without its quoted identifiers; a quote inside one is doubled."""
    kept, quoted = [], False
    for part in sql.split('"'):
        if not quoted:
            kept.append(part)
        quoted = not quoted
    assert quoted, f"an open quote in {sql}"
    return " ".join(kept)


def refused(query: Query, db: Database) -> str:
    with pytest.raises(MoltError) as raised:
        query.on(db).fetch_all().result()
    assert "internal" not in str(raised.value).lower()
    return str(raised.value)


# -- Values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_is_data(db: Database, text: str) -> None:
    queries = [
        Users.where(Users.name == text),
        Users.where(Users.name != text, Users.id < 0),
        Users.where(Users.name.in_([text, text + "'"])),
        Users.where(Users.name.between(text, text)),
        Users.where(Users.name.startswith(text)),
        Users.where(Users.name.endswith(text)),
        Users.where(Users.name.contains(text)),
        Users.where(raw("name = {v}", v=text)),
        Users.group_by(Users.name).select(Users.name).having(Users.name.max() == text),
    ]
    for query in queries:
        assert query.on(db).fetch_all().result() == []
        for dialect in DIALECTS if len(text) > 2 else ():  # `?` and the like are in all SQL
            assert text not in unquoted(query.sql(dialect).text)
    echo = Users.select(raw("{v}", v=text), (Users.name + text).as_("joined")).limit(1).on(db)
    assert echo.fetch_all().result() == [(text, "Ada" + text)]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_matches_itself_and_nothing_else(text: str) -> None:
    with connect("sqlite:///:memory:") as memory:
        raw("CREATE TABLE t (s TEXT)").on(memory).execute().result()
        others = [other for other in HOSTILE if other != text]
        memory.insert("t", [(text,), *((o,) for o in others), ("-" + text + "-",)]).result()
        t = table("t")
        found = t.where(t.s == text).select(t.s).on(memory).fetch_all().result()
        assert found == [(text,)]
        contained = t.where(t.s.contains(text)).select(t.s).on(memory).fetch_all().result()
        assert sorted(contained) == sorted((s,) for s in [text, *others, f"-{text}-"] if text in s)
        started = t.where(t.s.startswith(text)).select(t.s).on(memory).fetch_all().result()
        assert sorted(started) == sorted(
            (s,) for s in [text, *others, f"-{text}-"] if s.startswith(text)
        )


@pytest.mark.parametrize("pattern", ["%", "_%", "\\%", "*", "[a-z]*", "?da", "A[^b]a", "%' OR 1=1"])
def test_a_helper_takes_pattern_characters_as_text(db: Database, pattern: str) -> None:
    for match in ("startswith", "endswith", "contains", "istartswith", "iendswith", "icontains"):
        query = Users.where(getattr(Users.name, match)(pattern)).on(db)
        assert query.fetch_all().result() == []


def test_a_like_pattern_cannot_end_inside_an_escape(db: Database) -> None:
    for match in ("like", "ilike"):
        query = Users.where(getattr(Users.name, match)("a\\"))
        with pytest.raises(InvalidQueryError, match="ends with a backslash"):
            query.on(db).fetch_all().result()


@pytest.mark.parametrize("rows", ["1; DROP TABLE users", b"1", 1.5, None, -1, [1], Users.id])
def test_limit_and_offset_take_whole_numbers_only(rows: Any) -> None:
    for clause in (Users.limit, Users.offset, Users.query().limit, Users.query().offset):
        with pytest.raises(InvalidQueryError):
            clause(rows)


# -- Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_is_a_name(db: Database, name: str) -> None:
    """In every place for a name: the SQL holds it inside quotes, and nothing of that name is."""
    places: dict[str, Query] = {
        "table": table(name).query(),
        "schema": table(f"{name}.users").query(),
        "column": Users.select(Users.c[name]),
        "column in where": Users.where(Users.c[name] == 1),
        "column in group": Users.group_by(Users.c[name]).select(fn.count()),
        "column in order": Users.order_by(Users.c[name].desc()),
        "joined table": Users.join(table(name), table(name).id == Users.id),
        "declared column": table("users", name).query(),
    }
    for place, query in places.items():
        for dialect in DIALECTS:
            assert "DROP" not in unquoted(query.sql(dialect).text), place
            assert '"' + name.replace('"', '""') + '"' in query.sql(dialect).text, place
        message = refused(query, db)
        assert "no such" in message or "has no column" in message or "unknown" in message, place


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_alias_is_a_name(db: Database, name: str) -> None:
    users = Users.as_(name)
    query = (
        users.select(users.id.as_(name), users.name.as_(name + "2"))
        .order_by(users.id.as_(name).desc())
        .on(db)
    )
    result = query.fetch_all().result()
    assert result == [(2, "Bob"), (1, "Ada")]
    assert result.columns == [name, name + "2"]
    for dialect in DIALECTS:
        assert "DROP" not in unquoted(query.sql(dialect).text)


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 256, "é" * 128])
def test_a_name_that_no_engine_could_have_is_refused(name: str) -> None:
    builds: list[Callable[[], Any]] = [
        lambda: table(name).query().sql("sqlite"),
        lambda: table("t", name).query().sql("sqlite"),
        lambda: Users.select(Users.c[name]).sql("sqlite"),
        lambda: Users.select(Users.id.as_(name)).sql("sqlite"),
    ]
    if name:
        builds.append(lambda: table(name + ".users").query().sql("sqlite"))
        builds.append(lambda: Users.as_(name).query().sql("sqlite"))
    for build in builds:
        with pytest.raises(InvalidQueryError, match=r"empty|NUL|longer than 255 bytes"):
            build()


def test_a_wrong_name_is_never_taken_for_a_string(db: Database) -> None:
    """SQLite reads an unknown "name" as the text 'name' where it is not qualified."""
    assert "nme" in refused(Users.where(Users.nme == "nme"), db)


@pytest.mark.parametrize("name", NAMES)
def test_reflect_and_insert_take_names_as_names(db: Database, name: str) -> None:
    with pytest.raises(InvalidQueryError, match="no such table"):
        Table.reflect(db, name)
    with pytest.raises(InvalidQueryError, match="no such table"):
        db.insert(name, [(1, "x", "y")]).result()
    with pytest.raises(InvalidQueryError, match="no column"):
        db.insert("users", [(9, "x")], columns=["id", name]).result()
    with pytest.raises(InvalidQueryError, match="no column"):
        db.insert("users", [{"id": 9, name: "x"}]).result()


@pytest.mark.parametrize("text", NAMES)
def test_inserted_text_comes_back_as_it_was(text: str) -> None:
    with connect("sqlite:///:memory:") as memory:
        quoted = '"' + text.replace('"', '""') + '"'
        create = f"CREATE TABLE {quoted} ({quoted} TEXT)".replace("{", "{{").replace("}", "}}")
        raw(create).on(memory).execute().result()
        memory.insert(text, [(text,)]).result()
        memory.insert(text, [{text: text}]).result()
        assert memory.table_names() == [text]
        reflected = Table.reflect(memory, text)
        rows = reflected.where(reflected.c[text] == text).on(memory).fetch_all().result()
        assert rows == [(text,), (text,)]
        assert rows.columns == [text]


# -- SQL by hand -----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hole_is_bound_whatever_it_holds(db: Database, text: str) -> None:
    statement = raw("SELECT {v} AS v, {v} || {w}", v=text, w="!").on(db)
    assert statement.fetch_all().result() == [(text, text + "!")]


def test_braces_in_a_value_are_no_holes(db: Database) -> None:
    value = raw("SELECT {a}", a="{b} {{c}}").on(db).fetch_value().result()
    assert value == "{b} {{c}}"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; DROP TABLE users",
        "SELECT 1; SELECT 2",
        "DROP TABLE users",
        "DELETE FROM users RETURNING id",
        "INSERT INTO users VALUES (3, 'x', 'y')",
        "UPDATE users SET name = 'x'",
        "CREATE TABLE t (id)",
        "PRAGMA user_version = 3",
        "PRAGMA journal_mode = WAL",
        "ATTACH 'evil.db' AS evil",
        "VACUUM INTO 'evil.db'",
        "SELECT load_extension('evil')",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT s",
        "WITH x AS (SELECT 1) DELETE FROM users",
        "EXPLAIN DELETE FROM users; DROP TABLE users",
    ],
)
def test_a_statement_that_writes_is_refused_where_rows_are_fetched(
    db: Database, statement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    query = raw(statement).on(db)
    for run in (query.fetch_all, query.fetch_one, query.fetch_value, query.fetch_arrow):
        with pytest.raises(MoltError):
            run().result()
    with pytest.raises(MoltError), query.stream() as stream:
        next(stream)
    assert not (tmp_path / "evil.db").exists()


@pytest.mark.parametrize("statement", ["SELECT 1; DROP TABLE users", "DELETE FROM users; SELECT 1"])
def test_one_statement_is_executed_at_a_time(db: Database, statement: str) -> None:
    with pytest.raises(InvalidQueryError, match="only one statement"):
        raw(statement).on(db).execute().result()


@pytest.mark.parametrize("marker", ["?", "?1", "?2", ":a", "@a", "$a"])
def test_a_parameter_written_by_hand_takes_no_value_of_another(db: Database, marker: str) -> None:
    query = Users.where(raw(f"id = {marker}"), Users.name == "Ada").select(Users.id)
    with pytest.raises(InvalidQueryError, match="parameter"):
        query.on(db).fetch_all().result()


# -- The serialized query --------------------------------------------------------------------------


def document(query: Query) -> dict[str, Any]:
    loaded = json.loads(query.to_json())
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("text", NAMES)
def test_names_and_values_in_a_document_are_names_and_values(db: Database, text: str) -> None:
    template = document(Users.where(Users.name == "VALUE").select(Users.id.as_("NAME")).limit(5))
    for place, replaced in {
        "value": json.dumps(template).replace('"VALUE"', json.dumps(text)),
        "alias": json.dumps(template).replace('"NAME"', json.dumps(text)),
    }.items():
        rows = Query.from_json(replaced).on(db).fetch_all().result()
        assert rows == [], place
        assert rows.columns == [text if place == "alias" else "NAME"]
    for place in ("name", "schema", "as"):
        changed = json.loads(json.dumps(template))
        changed["query"]["from"][place] = text
        query = Query.from_json(json.dumps(changed))
        assert refused(query, db)
    column = json.loads(
        json.dumps(template).replace('"name": "name"', f'"name": {json.dumps(text)}')
    )
    assert "no column" in refused(Query.from_json(json.dumps(column)), db)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("where", 0, "op"), "eq) OR (1=1"),
        (("where", 0, "op"), "error"),
        (("where", 0, "op"), "literal"),
        (("where", 0, "args"), "1=1"),
        (("where", 0, "args", 1, "type"), "raw"),
        (("where", 0, "args", 1, "value"), {"raw": "1"}),
        (("where", 0, "sql"), "1=1"),
        (("limit",), "1; DROP TABLE users"),
        (("limit",), {"op": "raw", "parts": ["(SELECT 1)"]}),
        (("limit",), {"op": "value", "type": "utf8", "value": "1"}),
        (("limit",), {"op": "value", "type": "int64", "value": -1}),
        (("distinct",), "DISTINCT"),
        (("joins",), [{"kind": "inner; DROP", "table": {"name": "users"}}]),
        (("joins",), [{"kind": "cross", "table": "users"}]),
        (("order_by", 0, "nulls"), "last; DROP TABLE users"),
        (("order_by", 0, "desc"), "DESC"),
        (("from", "columns"), [{"name": "id", "type": "int64); DROP"}]),
        (("raw",), {"op": "raw", "parts": ["DROP TABLE users"]}),
        (("comment",), "x"),
    ],
)
def test_a_document_of_another_shape_is_refused_with_the_path(
    path: tuple[Any, ...], value: Any
) -> None:
    query = Users.where(Users.id == 1).order_by(Users.id).limit(1)
    changed = document(query)
    target = changed["query"]
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    with pytest.raises(InvalidQueryError, match="query"):
        Query.from_json(json.dumps(changed))


def test_raw_sql_in_a_document_reads_but_does_not_write(db: Database) -> None:
    statement = {"molt_ir": 1, "query": {"raw": {"op": "raw", "parts": ["DROP TABLE users"]}}}
    with pytest.raises(InvalidQueryError):
        Query.from_json(json.dumps(statement)).on(db).fetch_all().result()
