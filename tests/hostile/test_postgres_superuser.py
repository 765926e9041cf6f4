"""Who is a superuser does not read, unless connect() was told to let him."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hostile.conftest import Place
from molt_sql import Database, InvalidQueryError, connect, raw, table

REFUSED = r"superuser.*allow_superuser=True"


@pytest.fixture(scope="module")
def peopled(place: Place) -> Place:
    place.observer.run(
        "create table t (a integer)",
        "insert into t values (1)",
        "create role climber login",
        "grant postgres to climber",
        "create role boss login superuser",
    )
    return place


@pytest.fixture(
    params=[
        ("postgres", ""),
        ("boss", ""),
        ("climber", "-c role=postgres"),
    ],
    ids=["postgres", "another", "by role"],
)
def db(request: pytest.FixtureRequest, peopled: Place) -> Iterator[Database]:
    user, options = request.param
    more = {"options": options} if options else {}
    with connect(peopled.database.url(user, **more)) as database:
        yield database


def test_no_read_is_served(db: Database) -> None:
    query = raw("select a from t").on(db)
    t = table("t").query().on(db)
    runs: list[Callable[[], Any]] = [
        query.fetch_all().result,
        query.fetch_one().result,
        query.fetch_value().result,
        query.fetch_arrow().result,
        query.explain().result,
        query.explain(analyze=True).result,
        lambda: list(query.stream()),
        t.fetch_all().result,
        t.fetch_arrow(parallel=2).result,
    ]
    for run in runs:
        with pytest.raises(InvalidQueryError, match=REFUSED):
            run()


def test_no_transaction_for_reading_is_begun(db: Database) -> None:
    begun = False
    with pytest.raises(InvalidQueryError, match=REFUSED), db.transaction(readonly=True):
        begun = True
    assert not begun


def test_what_is_meant_to_write_does(db: Database, peopled: Place) -> None:
    assert raw("insert into t values (2)").on(db).execute().result().rows_affected == 1
    assert db.insert("t", [(3,)]).result() == 1
    assert raw("delete from t where a > 1").on(db).execute().result().rows_affected == 2


async def test_an_awaited_read_is_refused_as_well(db: Database) -> None:
    with pytest.raises(InvalidQueryError, match=REFUSED):
        await raw("select 1").on(db).fetch_all()


def test_who_may_become_one_but_is_not_reads(peopled: Place) -> None:
    with connect(peopled.database.url("climber")) as db:
        assert raw("select 1").on(db).fetch_value().result() == 1


def test_it_is_allowed_by_name(peopled: Place) -> None:
    with connect(peopled.database.url("boss"), allow_superuser=True) as db:
        assert raw("select a from t").on(db).fetch_all().result() == [(1,)]
        with db.transaction(readonly=True) as tx:
            assert raw("select a from t").on(tx).fetch_value().result() == 1
        with pytest.raises(InvalidQueryError, match="pg_read_file"):
            raw("select pg_read_file('postgresql.conf')").on(db).fetch_all().result()
        with pytest.raises(InvalidQueryError, match="COPY"):
            raw("copy t to program 'false'").on(db).fetch_all().result()
