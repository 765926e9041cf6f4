"""The corpus of hostile statements, sent as reads to a server by every way there is to read.

They are refused with a reason, and nothing is changed: no row, no catalog, no setting, no file, no
lock, neither for others nor in the session, which the next caller gets. All of it also as a
superuser, whom only the gate and the read-only transaction hold back.
"""
# Long because: every way to read is a short test of its own, and the odd texts are listed here.

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hostile.conftest import Place
from hostile.state import (
    LARGE_OBJECT,
    OBJECTS,
    Observer,
    changes,
    corpus,
    lasting,
    literal,
    session_state,
)
from molt_sql import Database, InvalidQueryError, MoltError, Query, connect, fn, raw, table

HOSTILE = corpus("postgres_reads.txt")
ALLOWED = corpus("postgres_allowed.txt")
EVERY_HOSTILE = [statement for section in HOSTILE.values() for statement in section]

Fetch = Callable[[Any], Any]  # of a query that is bound to a database or transaction


def first_of_stream(query: Any) -> Any:
    with query.stream() as rows:
        return next(rows, None)


WAYS: dict[str, Fetch] = {
    "fetch_all": lambda query: query.fetch_all().result(),
    "fetch_one": lambda query: query.fetch_one().result(),
    "fetch_value": lambda query: query.fetch_value().result(),
    "fetch_arrow": lambda query: query.fetch_arrow().result(),
    "stream": first_of_stream,
    "explain analyze": lambda query: query.explain(analyze=True).result(),
}


IN_BLOCK = ("fetch_all", "fetch_one", "fetch_arrow", "stream")


@pytest.fixture(scope="module")
def stocked(place: Place) -> Place:
    place.observer.run("set role molt", OBJECTS, LARGE_OBJECT, "reset role")
    place.observer.tidy()
    place.observer.listen("c", "C")
    return place


@pytest.fixture(scope="module", params=["molt", "postgres"], ids=["ordinary", "superuser"])
def db(request: pytest.FixtureRequest, stocked: Place) -> Iterator[Database]:
    """With one connection, so that what it keeps is seen."""
    url = stocked.database.url(request.param)
    with connect(url, max_connections=1, allow_superuser=request.param == "postgres") as database:
        yield database


class Watch(NamedTuple):
    """Compares with what was there when the test began."""

    db: Database
    observer: Observer
    marks: dict[str, object]
    session: dict[str, object]
    folder: Path

    def found(self, undone: bool = False) -> list[str]:
        """What is no more as it was, of what is seen in a moment; maybe of what was undone too."""
        marks = self.observer.marks()
        found = changes(self.session, session_state(self.db)) + self.observer.heard()
        found += (
            changes(*map(lasting, (self.marks, marks))) if undone else changes(self.marks, marks)
        )
        return found + [path.name for path in self.folder.iterdir()]


@pytest.fixture
def watch(db: Database, stocked: Place, tmp_path: Path) -> Iterator[Watch]:
    """When the test ends everything is as it was."""
    tmp_path.chmod(0o777)  # the server runs as somebody else
    session_state(db)
    before = stocked.observer.everything()
    yield Watch(db, stocked.observer, stocked.observer.marks(), session_state(db), tmp_path)
    assert changes(lasting(before), lasting(stocked.observer.everything())) == []


def refusal(run: Callable[[], Any]) -> str:
    """The message; empty if it ran."""
    try:
        run()
    except InvalidQueryError as error:
        return str(error)
    return ""


def in_folder(statement: str, folder: Path) -> str:
    """The statement for raw(); files that it would write are looked for in the folder."""
    return literal(statement.replace("/tmp/", f"{folder}/"))


# `$1`, which raw() writes itself.
def with_holes(statement: str) -> tuple[str, dict[str, int]]:
    holes = {f"p{n}": 1 for n in re.findall(r"\$(\d)", statement)}
    return re.sub(r"\$(\d)", r"{p\1}", literal(statement)), holes


# -- The corpus ------------------------------------------------------------------------------------


def test_the_corpus_is_there() -> None:
    assert len(EVERY_HOSTILE) == len(set(EVERY_HOSTILE)) > 650
    assert sum(map(len, ALLOWED.values())) > 80


@pytest.mark.parametrize("section", HOSTILE)
def test_a_hostile_statement_is_refused_and_changes_nothing(watch: Watch, section: str) -> None:
    wrong = {}
    for statement in HOSTILE[section]:
        text, holes = with_holes(in_folder(statement, watch.folder))
        query = raw(text, **holes).on(watch.db)
        why = refusal(query.fetch_all().result)
        found = watch.found()
        if problems := found if names_what_it_refuses(statement, why) else [why or "ran", *found]:
            wrong[statement] = problems
    assert wrong == {}


WAYS_OUT = (
    "use execute()",
    "use transaction()",
    "a transaction()",
    "stream()",
    "one at a time",
    "by themselves when they are used again",
    "by itself before it is used again",
    "the next statement may run on another connection",
)


def names_what_it_refuses(statement: str, why: str) -> bool:
    """Whether a message is about this statement, and says what to do."""
    if not any(way in why for way in WAYS_OUT):
        return False
    written = re.sub(r"[^a-z0-9_]+", " ", statement.lower())
    if function := re.search(r"the function (\w+)\(\) is not allowed in a read: it", why):
        return function[1].lower() in written or 'u&"' in statement.lower()
    if writes := re.search(r"this statement (?:writes|locks rows) \((.+?)\)", why):
        verbs = [words.split()[0].lower() for words in writes[1].split(" or ")]
        return any(verb in written.replace("analyse", "analyze") for verb in verbs)
    if several := re.search(r"the SQL text holds (\d) statements", why):
        return statement.count(";") >= int(several[1]) - 1
    verbs = re.findall(r"\b[A-Z]+\b", why)
    return any(verb.lower() in written for verb in [*verbs, "end", "abort", "move"])


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_fetch_lets_a_hostile_statement_run(watch: Watch, way: str) -> None:
    ran = {}
    for statement in EVERY_HOSTILE:
        text, holes = with_holes(in_folder(statement, watch.folder))
        query = raw(text, **holes).on(watch.db)
        if not refusal(partial(WAYS[way], query)):
            ran[statement] = watch.found()
    assert ran == {}
    assert watch.found() == []


def test_a_plan_of_a_hostile_statement_is_shown_and_nothing_run(watch: Watch) -> None:
    """explain() of a write is allowed where PostgreSQL has a plan for it."""
    wrong = {}
    for statement in EVERY_HOSTILE:
        text, holes = with_holes(in_folder(statement, watch.folder))
        explained = raw(text, **holes).on(watch.db).explain()
        with suppress(MoltError):
            assert "actual time" not in explained.result()
        # For the plan of CREATE TEMP TABLE … AS its schema is made, and undone.
        if found := watch.found(undone=True):
            wrong[statement] = found
    assert wrong == {}
    assert "Delete on t" in raw("delete from t").on(watch.db).explain().result()


OPTIONS = [
    "(analyze) delete from t",
    "(analyze, buffers) insert into t values (200, 'x')",
    "analyze delete from t",
    "analyze verbose delete from t",
    "verbose delete from t; delete from t",
    "analyze t",
    "analyze",
    "select 1; delete from t",
    "(select 1); delete from t",
    "create table w as select nextval('s')",
    "execute q",
    "declare c cursor with hold for select 1",
]


def test_options_are_not_smuggled_into_explain(watch: Watch) -> None:
    for statement in OPTIONS:
        for analyze in (False, True):
            explained = raw(statement).on(watch.db).explain(analyze=analyze)
            assert "actual time" not in refusal(explained.result)
            assert watch.found() == [], statement


def test_a_readonly_transaction_refuses_them_as_well(watch: Watch) -> None:
    ran = []
    with watch.db.transaction(readonly=True) as tx:
        for statement in EVERY_HOSTILE:
            text, holes = with_holes(in_folder(statement, watch.folder))
            query = raw(text, **holes).on(tx)
            ran += [statement for way in IN_BLOCK if not refusal(partial(WAYS[way], query))]
        assert raw("select count(*) from t").on(tx).fetch_value().result() == 5
    assert ran == []
    assert watch.found() == []


def test_a_readonly_transaction_executes_no_write(watch: Watch) -> None:
    """By execute() they reach the server, which refuses them."""
    for statement in [*HOSTILE["Rows are written."], *HOSTILE["A table is made of what is read."]]:
        with suppress(MoltError), watch.db.transaction(readonly=True) as tx:
            tx.execute(raw(literal(statement))).result()
            pytest.fail(f"ran: {statement}")
        assert watch.found() == [], statement


async def test_an_awaited_read_is_refused_as_well(watch: Watch) -> None:
    """Many at a time, so that they are queued for the one connection, and sent early."""
    harmless = [raw("select a from t where a = {n}", n=n % 5 + 1) for n in range(50)]
    hostile = [raw(literal(s)) for s in EVERY_HOSTILE if "$" not in s]
    mixed = [query for pair in zip(hostile, harmless * 20, strict=False) for query in pair]
    done = await asyncio.gather(
        *(query.on(watch.db).fetch_all() for query in mixed), return_exceptions=True
    )
    assert all(isinstance(answer, InvalidQueryError) for answer in done[::2])
    assert [len(answer) for answer in done[1::2] if not isinstance(answer, BaseException)] == [
        1
    ] * len(hostile)
    assert await asyncio.to_thread(watch.found) == []


# -- Texts on which parsers could differ -----------------------------------------------------------

ODD = [
    "select 1\u037e delete from t",  # looks like a semicolon
    "select 1\uff1b delete from t",
    "\ufeffselect 1; delete from t",
    "\ufeffdelete from t",
    "select 1;\u00a0delete from t",
    "select 1\u2028;delete from t",
    "select 1\r;\rdelete from t",
    "select 1 --\r; delete from t",
    "select 1\x0c;delete from t",
    "select 1\x0b;delete from t",
    "select 1 /* \n */ ; delete from t",
    "select 1 /* unfinished ; delete from t",
    "select '\0'; delete from t",
    "select 1\0; delete from t",
    "select pg_advisory_lock\u00a0(1)",
    "select pg_advisory_l\u043eck(1)",
    "select \uff50g_advisory_lock(1)",
    "select pg_advisory_lock\u200b(1)",
    "delete\u00a0from t",
    "\u0000delete from t",
    "select 1\x1a; delete from t",
    "select $a$;$b$; delete from t; $a$ ; delete from t",
    "select '\ud7ff'; delete from t",
    "select 1\\; delete from t",
    "select 1 \\g delete from t",
    "\\! touch x",
    "\\copy t to x",
    "copy t from stdin;\n1\tx\n\\.\n",
    "select 1 \\gexec",
    ";;;;delete from t",
    "select 1 {x}; delete from t".replace("{x}", "{{x}}"),
    "select :'x'; delete from t",
    "select ?; delete from t",
    "select @x; delete from t",
]


def test_odd_texts_do_not_run_either(watch: Watch) -> None:
    ran = []
    for text in ODD:
        for way, fetch in WAYS.items():
            try:
                fetch(raw(text).on(watch.db))
                ran.append((text, way))
            except MoltError:
                pass
        assert watch.found() == [], text
    assert ran == []


# -- Fragments within a query of the builder -------------------------------------------------------

FRAGMENTS = [
    "1 = 1; delete from t",
    "1 = 1) ; delete from t; --",
    "1 = 1; commit; delete from t; --",
    "exists (with x as (delete from t returning a) select * from x)",
    "a in (select a from t for update)",
    "pg_try_advisory_lock(a)",
    "(a::bigint).pg_try_advisory_lock",
    "nextval('s') > 0",
    "lo_unlink(1) = 1",
    "set_config('work_mem', '1GB', false) = ''",
    "pg_terminate_backend(a)",
    "query_to_xml('delete from t', true, true, '') is null",
    "pg_read_file('/etc/hostname') is null",
    "a = 1) union select nextval('s')::int, '' --",
    "a = 1 /*",
    "a = 1 for update --",
    "a = 1 for share",
    "pg_notify('c', b) is null",
    "a = (select setseed(0.1))::text::int",
    "exists (select * from dblink('', 'delete from t') as x(a int))",
]
t = table("t")
u = table("u")


def everywhere(fragment: str) -> dict[str, Query]:
    part = raw(fragment)
    return {
        "where": t.where(part),
        "where, and": t.where(t.a > 0, part).order_by(t.a),
        "where, not": t.where(~(part | (t.a == 1))),
        "select": t.select(part.as_("x")),
        "order by": t.order_by(part),
        "group by": t.group_by(part).select(fn.count()),
        "having": t.group_by(t.a).select(t.a).having(part),
        "on": t.join(u, part).select(t.a),
        "aggregate": t.select(fn.max(part)),
        "in a hole": t.where(raw("({inner})", inner=part)),
    }


def test_a_hostile_fragment_is_refused_wherever_it_stands(watch: Watch) -> None:
    ran = []
    for fragment in FRAGMENTS:
        for stands, query in everywhere(fragment).items():
            for way, fetch in WAYS.items():
                try:
                    fetch(query.on(watch.db))
                    ran.append((fragment, stands, way))
                except MoltError:
                    pass
        assert watch.found() == [], fragment
    assert ran == []


def test_a_hostile_value_stays_a_value(watch: Watch) -> None:
    for statement in EVERY_HOSTILE:
        if "\0" in statement:
            continue
        echo = raw("select {v}::text", v=statement).on(watch.db)
        assert echo.fetch_value().result() == statement
        assert t.where(t.b == statement).on(watch.db).fetch_all().result() == []
    assert watch.found() == []


# -- What must be allowed --------------------------------------------------------------------------

# Reads that PostgreSQL 15 or a new session has another answer to than rows.
ERRORS_ALLOWED = {
    "select currval('s')": r"not yet defined in this session",
    "select lastval()": r"not yet defined in this session",
    "explain (generic_plan) select 1": r"unrecognized EXPLAIN option",
}


@pytest.mark.parametrize("section", ALLOWED)
def test_an_allowed_read_runs_and_changes_nothing(watch: Watch, section: str) -> None:
    wrong = {}
    for statement in ALLOWED[section]:
        text, holes = with_holes(statement)
        values: dict[str, Any] = {**holes}
        if "any({p2})" in text:
            values["p2"] = ["row 1"]
        query = raw(text, **values).on(watch.db)
        try:
            query.fetch_all().result()
            first_of_stream(query)
            problems = []
        except MoltError as error:
            expected = ERRORS_ALLOWED.get(statement, "^$")
            problems = [] if re.search(expected, str(error)) else [str(error)]
        if problems := problems + watch.found():
            wrong[statement] = problems
    assert wrong == {}
