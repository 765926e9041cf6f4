"""fetch_all(into=…): rows as the caller's own types, with errors that name column and field."""

import dataclasses
import datetime
import decimal
import uuid
from typing import Any, NotRequired, Optional, TypedDict

import msgspec
import pydantic
import pytest

from molt_sql import Database, InvalidQueryError, raw, table

DAY = datetime.date(2024, 2, 29)
MOMENT = datetime.datetime(2024, 2, 29, 12, 30)


@dataclasses.dataclass
class User:
    id: int
    name: str
    age: int | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrozenUser:
    id: int
    name: str
    age: int | None


class StructUser(msgspec.Struct):
    id: int
    name: str
    age: int | None


class ModelUser(pydantic.BaseModel):
    id: int
    name: str
    age: int | None


class DictUser(TypedDict):
    id: int
    name: str
    age: int | None


ALL_KINDS = [User, FrozenUser, StructUser, ModelUser, DictUser]


def fetch(db: Database, sql: str, into: type) -> Any:
    return raw(sql).on(db).fetch_all(into=into).result()


@pytest.fixture
def users(db: Database) -> Any:
    raw("create table users (id integer, name text, age integer)").on(db).execute().result()
    db.insert("users", [(1, "Ann", 30), (2, "Bob", None)]).result()
    u = table("users")
    return u.order_by(u.id).on(db)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_rows_become_objects(users: Any, into: Any) -> None:
    assert users.fetch_all(into=into).result() == [
        into(id=1, name="Ann", age=30),
        into(id=2, name="Bob", age=None),
    ]


@pytest.mark.parametrize("into", ALL_KINDS)
async def test_awaited_rows_become_objects(users: Any, into: Any) -> None:
    first, _ = await users.fetch_all(into=into)
    assert first == into(id=1, name="Ann", age=30)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_one_row_becomes_an_object_or_none(users: Any, into: Any) -> None:
    assert users.fetch_one(into=into).result() == into(id=1, name="Ann", age=30)
    assert users.where(table("users").id == 99).fetch_one(into=into).result() is None


@pytest.mark.parametrize("into", ALL_KINDS)
def test_no_rows_are_an_empty_list(users: Any, into: Any) -> None:
    assert users.where(table("users").id == 99).fetch_all(into=into).result() == []


@pytest.mark.parametrize("into", ALL_KINDS)
def test_the_order_of_columns_does_not_matter(db: Database, into: Any) -> None:
    sql = "select 'Ann' as name, 30 as age, 1 as id"
    assert fetch(db, sql, into) == [into(id=1, name="Ann", age=30)]


# -- What does not fit -----------------------------------------------------------------------------


@pytest.mark.parametrize("into", ALL_KINDS)
def test_a_value_of_another_type_names_column_field_and_row(db: Database, into: Any) -> None:
    sql = "select 1 as id, 'Ann' as name, 30 as age union all select 2, 'Bob', 'old'"
    with pytest.raises(InvalidQueryError, match=rf'column "age".*{into.__name__}\.age.*row 1'):
        fetch(db, sql, into)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_a_column_of_another_type_names_column_and_field(db: Database, into: Any) -> None:
    with pytest.raises(InvalidQueryError, match=rf'column "name".*{into.__name__}\.name.*row 0'):
        fetch(db, "select 1 as id, 5 as name, 30 as age", into)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_null_in_a_field_that_takes_none_is_refused(db: Database, into: Any) -> None:
    with pytest.raises(InvalidQueryError, match=rf'column "name".*{into.__name__}\.name.*row 1'):
        fetch(db, "select 1 as id, 'Ann' as name, 3 as age union all select 2, null, 4", into)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_a_field_without_a_column_is_named(db: Database, into: Any) -> None:
    with pytest.raises(InvalidQueryError, match=rf"{into.__name__}\.age has no column.*id, name"):
        fetch(db, "select 1 as id, 'Ann' as name", into)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_a_column_without_a_field_is_named(db: Database, into: Any) -> None:
    with pytest.raises(InvalidQueryError, match=rf'column "extra" has no field in {into.__name__}'):
        fetch(db, "select 1 as id, 'Ann' as name, 3 as age, 4 as extra", into)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_two_columns_of_one_name_are_refused(db: Database, into: Any) -> None:
    with pytest.raises(InvalidQueryError, match='two columns "id"'):
        fetch(db, "select 1 as id, 'Ann' as name, 3 as age, 4 as id", into)


@pytest.mark.parametrize("into", ALL_KINDS)
def test_names_and_types_are_checked_without_rows_too(db: Database, into: Any) -> None:
    with pytest.raises(InvalidQueryError, match='column "extra" has no field'):
        fetch(db, "select 1 as id, 'a' as name, 3 as age, 4 as extra where false", into)


@pytest.mark.parametrize("into", [int, dict, tuple, object, "User", 5, list[int]])
def test_other_types_are_refused_by_name(users: Any, into: Any) -> None:
    with pytest.raises(InvalidQueryError, match=r"into= takes a dataclass.*got"):
        users.fetch_all(into=into).result()


# -- Dataclasses -----------------------------------------------------------------------------------


def test_dataclass_defaults_fill_what_has_no_column(users: Any) -> None:
    @dataclasses.dataclass
    class Person:
        id: int
        tags: list[str] = dataclasses.field(default_factory=list)
        name: str = "?"
        shown: str = dataclasses.field(init=False, default="yes")

    u = table("users")
    first, second = users.select(u.id, u.name).fetch_all(into=Person).result()
    assert first == Person(1, [], "Ann")
    assert first.tags is not second.tags


def test_dataclass_with_some_fields_by_keyword_only(users: Any) -> None:
    @dataclasses.dataclass
    class Person:
        id: int
        _: dataclasses.KW_ONLY
        name: str
        age: int | None = None

    assert users.fetch_all(into=Person).result() == [
        Person(1, name="Ann", age=30),
        Person(2, name="Bob", age=None),
    ]


def test_dataclass_post_init_runs_and_its_error_comes_through(users: Any) -> None:
    @dataclasses.dataclass
    class Adult:
        id: int
        name: str
        age: int | None

        def __post_init__(self) -> None:
            if self.age is None:
                raise RuntimeError(f"{self.name} has no age")

    with pytest.raises(RuntimeError, match="Bob has no age"):
        users.fetch_all(into=Adult).result()


def test_dataclass_inherits_fields(users: Any) -> None:
    @dataclasses.dataclass
    class Base:
        id: int

    @dataclasses.dataclass
    class Person(Base):
        name: str
        age: Optional[int]  # noqa: UP045

    assert users.fetch_all(into=Person).result()[1] == Person(2, "Bob", None)


def test_a_float_field_takes_whole_numbers(db: Database) -> None:
    @dataclasses.dataclass
    class Price:
        price: float

    (whole,) = fetch(db, "select 3 as price", Price)
    (exact,) = fetch(db, "select 3.5 as price", Price)
    assert (whole.price, exact.price) == (3, 3.5)


@pytest.mark.parametrize("hint", [int, int | None])
@pytest.mark.parametrize(
    ("declared", "value"), [("boolean", True), ("real", 2.5), ("text", "3"), ("blob", b"3")]
)
def test_an_int_field_takes_ints_only(
    db: Database, hint: Any, declared: str, value: object
) -> None:
    into = dataclasses.make_dataclass("Box", [("v", hint)])
    raw(f"create table t (v {declared})").on(db).execute().result()
    db.insert("t", [(value,)]).result()
    with pytest.raises(InvalidQueryError, match=r'column "v" does not fit Box\.v'):
        table("t").query().on(db).fetch_all(into=into).result()


def test_a_stray_value_in_an_optional_field_is_not_let_through(db: Database) -> None:
    @dataclasses.dataclass
    class Box:
        v: int | None

    raw("create table t (v integer)").on(db).execute().result()
    db.insert("t", [(1,), (None,), ("three",)]).result()
    with pytest.raises(InvalidQueryError, match=r'column "v" does not fit Box\.v: row 2.*str'):
        table("t").query().on(db).fetch_all(into=Box).result()


def test_a_field_of_several_types_takes_each(db: Database) -> None:
    @dataclasses.dataclass
    class Box:
        v: int | str | None

    sql = "select 1 as v union all select 'two' union all select null"
    assert fetch(db, sql, Box) == [Box(1), Box("two"), Box(None)]


def test_fields_of_any_type_take_anything(db: Database) -> None:
    @dataclasses.dataclass
    class Box:
        v: Any
        w: object

    assert fetch(db, "select 1 as v, 'x' as w union all select 'y', null", Box) == [
        Box(1, "x"),
        Box("y", None),
    ]


def test_dates_and_times_keep_their_types(db: Database) -> None:
    @dataclasses.dataclass
    class Event:
        day: datetime.date
        at: datetime.time
        moment: datetime.datetime

    raw("create table e (day date, at time, moment datetime)").on(db).execute().result()
    event = Event(DAY, datetime.time(1, 2, 3), MOMENT)
    db.insert("e", [dataclasses.astuple(event)]).result()
    assert table("e").query().on(db).fetch_all(into=Event).result() == [event]


def test_a_date_column_does_not_fit_a_datetime_field(db: Database) -> None:
    @dataclasses.dataclass
    class Event:
        day: datetime.datetime

    raw("create table e (day date)").on(db).execute().result()
    db.insert("e", [(DAY,)]).result()
    with pytest.raises(InvalidQueryError, match=r"Event\.day.*date"):
        table("e").query().on(db).fetch_all(into=Event).result()


# -- The others ------------------------------------------------------------------------------------


def test_msgspec_converts_and_checks_constraints(db: Database) -> None:
    class Item(msgspec.Struct, frozen=True, kw_only=True):
        price: decimal.Decimal
        key: uuid.UUID
        note: str = "none"

    key = uuid.uuid4()
    (item,) = (
        raw("select '1.50' as price, {key} as key", key=str(key))
        .on(db)
        .fetch_all(into=Item)
        .result()
    )
    assert item == Item(price=decimal.Decimal("1.50"), key=key)


def test_pydantic_coerces_validates_and_names_the_field(db: Database) -> None:
    class Item(pydantic.BaseModel):
        price: decimal.Decimal
        count: int = pydantic.Field(ge=1)
        note: str = "none"

    (item,) = fetch(db, "select '1.50' as price, 3 as count", Item)
    assert item == Item(price=decimal.Decimal("1.50"), count=3)
    with pytest.raises(InvalidQueryError, match=r'column "count".*Item\.count.*greater than'):
        fetch(db, "select '1.50' as price, 0 as count", Item)


def test_typed_dict_may_leave_keys_out(users: Any) -> None:
    class Loose(TypedDict):
        id: int
        name: str
        nick: NotRequired[str]

    u = table("users")
    rows = users.select(u.id, u.name).fetch_all(into=Loose).result()
    assert rows == [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]
    assert type(rows[0]) is dict


def test_into_works_for_statements_by_hand(db: Database) -> None:
    statement = raw("select {id} as id, 'Ann' as name, null as age", id=1)
    assert statement.on(db).fetch_all(into=User).result() == [User(1, "Ann", None)]
    assert statement.on(db).fetch_one(into=User).result() == User(1, "Ann", None)
