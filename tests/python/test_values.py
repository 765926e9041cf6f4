"""Values beyond the plain ones: what is bound, what it comes back as, and what is refused."""

import datetime
import decimal
import enum
import ipaddress
import json
import pickle
import uuid
from typing import Any

import pytest

from molt_sql import (
    Database,
    InvalidQueryError,
    Json,
    Query,
    Range,
    UnsupportedError,
    _values,
    raw,
    table,
)

T = table("t")
MINUTE = datetime.timedelta(minutes=1)


def bound(value: Any) -> Any:
    """The value as a parameter shows it: through the core and back."""
    [param] = T.where(T.x == value).sql("postgres").params
    return param


def refusal(value: Any) -> str:
    with pytest.raises(InvalidQueryError) as caught:
        T.x == value  # noqa: B015
    return str(caught.value)


class Colour(enum.Enum):
    RED = "red"
    SHADES = ("pink", "rose")


class Level(enum.IntEnum):
    HIGH = 3


# -- Bound and given back --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        [],
        [1, None, -2],
        ["a", b"b", 1.5, True],
        [[1, 2], [3, None]],
        {"a": [1, None, {"b": "č"}], "": 1.5},
        datetime.timedelta(days=-3, seconds=7, microseconds=1),
        datetime.timedelta.max,
        datetime.timedelta.min,
        datetime.time(1, 2, 3, 4, tzinfo=datetime.timezone(5 * MINUTE)),
        datetime.time(1, tzinfo=datetime.timezone(-datetime.timedelta(hours=15, seconds=59))),
        ipaddress.ip_address("10.0.0.1"),
        ipaddress.ip_address("2001:db8::1"),
        ipaddress.ip_interface("10.0.0.1/24"),
        ipaddress.ip_interface("2001:db8::1/64"),
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("2001:db8::/32"),
        Range(1, 10),
        Range(decimal.Decimal("1.50"), None, "(]"),
        Range(None, datetime.date(2024, 2, 29), "[]"),
        Range[int](),
        Range[int](empty=True),
        [Range(1, 2), Range[int](empty=True)],
        decimal.Decimal("1.50"),
        decimal.Decimal("NaN"),
        uuid.UUID("12345678-1234-5678-1234-567812345678"),
    ],
    ids=repr,
)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    back = bound(value)
    assert repr(back) == repr(value)
    assert type(back) is type(value)
    # And from its serialized form.
    for copy in (
        Query.from_json(T.where(T.x == value).to_json()),
        Query.from_msgpack(T.where(T.x == value).to_msgpack()),
    ):
        assert repr(copy.sql("postgres").params) == repr([value])


@pytest.mark.parametrize(
    ("value", "stands_for"),
    [
        ((1, 2), [1, 2]),
        ([(1,), (2,)], [[1], [2]]),
        (Json([1, {"a": None}]), [1, {"a": None}]),
        (Json("text"), "text"),
        (Colour.RED, "red"),
        (Colour.SHADES, ["pink", "rose"]),
        ([Colour.RED, Level.HIGH], ["red", 3]),
        (Level.HIGH, 3),
        (Range((1), 5, "[]"), Range(1, 5, "[]")),
    ],
)
def test_a_value_stands_for_another(value: Any, stands_for: Any) -> None:
    assert bound(value) == stands_for


def test_a_uuid_is_like_one_made_by_hand() -> None:
    key = uuid.uuid4()
    back = bound(key)
    assert back == key
    assert hash(back) == hash(key)
    assert back.is_safe is uuid.SafeUUID.unknown
    assert pickle.loads(pickle.dumps(back)) == key
    assert str(back) == str(key)


def test_json_is_written_without_escapes() -> None:
    assert _values.write_json({"č": "\n"}) == '{"č": "\\n"}'


# -- Refused ---------------------------------------------------------------------------------------


def test_a_set_is_refused_with_both_ways_out() -> None:
    for value in ({1}, frozenset({1})):
        assert "use in_()" in refusal(value)
        assert "for an array a list" in refusal(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([object()], "type object cannot be bound"),
        ([1, {2}], "type set cannot be bound"),
        ([[[[[[[1]]]]]]], "nested more than 6 deep"),
        (Range(object(), None), "type object cannot be bound"),
        ({"a": decimal.Decimal(1)}, "type Decimal cannot be written as JSON"),
        ({"a": {1}}, "type set cannot be written as JSON"),
        ({"a": float("nan")}, "cannot be written as JSON"),
        ({(1,): 1}, "cannot be written as JSON"),
        (Json(float("inf")), "cannot be written as JSON"),
        (Json("\ud800"), "surrogates"),
        (datetime.time(1, tzinfo=datetime.timezone(0.5 * MINUTE / 7)), "fractions of a second"),
        (datetime.datetime.max.replace(tzinfo=datetime.timezone(-5 * MINUTE)), "years 1 to 9999"),
        (datetime.datetime.min.replace(tzinfo=datetime.timezone(5 * MINUTE)), "years 1 to 9999"),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_a_value_of_no_database_type_is_refused(value: Any, reason: str) -> None:
    assert reason in refusal(value)


def test_an_object_within_itself_is_refused() -> None:
    itself: list[Any] = []
    itself.append(itself)
    assert "nested more than 6 deep" in refusal(itself)
    assert "cannot be written as JSON" in refusal(Json(itself))


def test_a_datetime_whose_zone_has_no_offset_is_naive() -> None:
    class Nowhere(datetime.tzinfo):
        def utcoffset(self, when: datetime.datetime | None) -> None:
            return None

        def dst(self, when: datetime.datetime | None) -> None:
            return None

        def tzname(self, when: datetime.datetime | None) -> None:
            return None

    noon = datetime.datetime(2024, 2, 29, 12)
    assert repr(bound(noon.replace(tzinfo=Nowhere()))) == repr(noon)


def test_an_error_raised_by_a_value_is_not_hidden() -> None:
    class Zone(datetime.tzinfo):
        def utcoffset(self, when: datetime.datetime | None) -> datetime.timedelta:
            raise LookupError("no such zone")

        def dst(self, when: datetime.datetime | None) -> None:
            return None

        def tzname(self, when: datetime.datetime | None) -> None:
            return None

    with pytest.raises(LookupError, match="no such zone"):
        T.x == datetime.time(1, tzinfo=Zone())  # noqa: B015


# -- On SQLite -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ({"a": 1}, '{"a": 1}'),
        (Json([1]), "[1]"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        (datetime.time(1, tzinfo=datetime.UTC), "01:00:00+00:00"),
        (Colour.RED, "red"),
    ],
)
def test_sqlite_stores_the_text_of_what_has_one(db: Database, value: Any, stored: str) -> None:
    assert raw("select {x}", x=value).on(db).fetch_value().result() == stored


@pytest.mark.parametrize(
    ("value", "name"),
    [([1], "list"), (Range(1, 2), "range"), (datetime.timedelta(1), "interval")],
)
def test_sqlite_lacks_lists_ranges_and_intervals(db: Database, value: Any, name: str) -> None:
    with pytest.raises(UnsupportedError, match=name):
        raw("select {x}", x=value).on(db).fetch_value().result()


def test_an_insert_of_a_list_into_sqlite_names_column_and_row(db: Database) -> None:
    raw("create table t (id integer, tags text)").on(db).execute().result()
    with pytest.raises(UnsupportedError, match=r'"tags" is a list.*row 2'):
        db.insert("t", [(1, "a"), (2, ["b"])]).result()


# -- Range -----------------------------------------------------------------------------------------


def test_a_range_tells_its_bounds() -> None:
    span = Range(1, 10)
    assert (span.lower, span.upper, span.bounds) == (1, 10, "[)")
    assert (span.lower_inc, span.upper_inc) == (True, False)
    assert (span.lower_inf, span.upper_inf) == (False, False)
    assert not span.isempty


def test_a_bound_without_end_is_never_inclusive() -> None:
    span = Range(None, 10, "[]")
    assert (span.bounds, span.lower_inc, span.upper_inc) == ("(]", False, True)
    assert (span.lower_inf, span.upper_inf) == (True, False)
    assert span == Range(None, 10, "(]")


def test_the_empty_range_has_nothing() -> None:
    nothing = Range(1, 10, empty=True)
    assert nothing == Range(empty=True)
    assert nothing.isempty
    assert not nothing
    assert (nothing.lower, nothing.upper, nothing.bounds) == (None, None, "")
    flags = (nothing.lower_inf, nothing.upper_inf, nothing.lower_inc, nothing.upper_inc)
    assert not any(flags)
    assert 1 not in nothing
    assert nothing != Range[int]()


@pytest.mark.parametrize(
    ("bounds", "members"),
    [("[)", {1, 2}), ("(]", {2, 3}), ("[]", {1, 2, 3}), ("()", {2})],
)
def test_in_respects_the_bounds(bounds: Any, members: set[int]) -> None:
    assert {n for n in range(5) if n in Range(1, 3, bounds)} == members


def test_in_a_range_without_end() -> None:
    assert 10**9 in Range(1)
    assert 0 not in Range(1)
    assert -(10**9) in Range(None, 1)
    assert None not in Range[int]()


def test_ranges_are_values() -> None:
    assert Range(1, 2) == Range(1, 2)
    assert Range(1, 2) != Range(1, 3)
    assert Range(1, 2) != Range(1, 2, "[]")
    assert Range(1, 2) != (1, 2)
    assert len({Range(1, 2), Range(1, 2), Range(1, 2, "[]")}) == 2
    for span in (Range(1, 2, "(]"), Range[int](empty=True)):
        assert pickle.loads(pickle.dumps(span)) == span
        assert eval(repr(span)) == span
    assert str(Range(1, None)) == "[1, )"
    assert str(Range[int](empty=True)) == "empty"


def test_a_range_cannot_be_changed() -> None:
    span = Range(1, 2)
    for name in ("lower", "upper", "bounds", "isempty", "other"):
        with pytest.raises(AttributeError):
            setattr(span, name, 5)


def test_wrong_bounds_are_refused() -> None:
    with pytest.raises(InvalidQueryError, match=r"\[\), \(\], \[\] or \(\)"):
        Range(1, 2, "[[")  # type: ignore[arg-type]


# -- Json ------------------------------------------------------------------------------------------


def test_json_wraps_any_object() -> None:
    assert Json([1]).value == [1]
    assert Json([1]) == Json([1])
    assert Json([1]) != Json([2])
    assert Json([1]) != [1]
    assert repr(Json([1])) == "Json([1])"
    with pytest.raises(TypeError):
        hash(Json(1))
    assert json.loads(_values.write_json(Json([1]).value)) == [1]
