"""Rows straight into the caller's types: dataclasses, TypedDict, msgspec, pydantic."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import sys
import types
import typing
import uuid
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, Union

from ._errors import InvalidQueryError

if TYPE_CHECKING:
    from ._molt import ResultSet

R = TypeVar("R")

# What a column of each type gives; a float field takes whole numbers too.
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int64": (int, float),
    "float64": (float,),
    "utf8": (str,),
    "binary": (bytes,),
    "date": (datetime.date,),
    "time": (datetime.time,),
    "timestamp": (datetime.datetime, datetime.date),
    "timestamptz": (datetime.datetime, datetime.date),
}
_CHECKED = (
    bool,
    int,
    float,
    str,
    bytes,
    datetime.date,
    datetime.time,
    datetime.datetime,
    decimal.Decimal,
    uuid.UUID,
)


def convert(result: ResultSet, into: type[R]) -> list[R]:
    """The rows as `into`; InvalidQueryError names the column and the field that do not fit."""
    if _is_msgspec(into):
        return _by_msgspec(result, into)
    if _is_pydantic(into):
        return _by_pydantic(result, into)
    if dataclasses.is_dataclass(into):
        return _into_dataclass(result, into)
    if typing.is_typeddict(into):
        return _into_typed_dict(result, into)
    raise InvalidQueryError(
        f"into= takes a dataclass, a msgspec.Struct, a pydantic model or a TypedDict, got {into!r}"
    )


def _is_msgspec(into: Any) -> bool:
    msgspec = sys.modules.get("msgspec")
    return msgspec is not None and isinstance(into, type) and issubclass(into, msgspec.Struct)


def _is_pydantic(into: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(into, type) and issubclass(into, pydantic.BaseModel)


def _fail(into: Any, field: str, reason: str) -> NoReturn:
    raise InvalidQueryError(f'column "{field}" does not fit {into.__name__}.{field}: {reason}')


def _by_msgspec(result: ResultSet, into: Any) -> list[Any]:
    import msgspec

    _check_names(result, into, required=_required_msgspec(into), known=set(into.__struct_fields__))
    try:
        return msgspec.convert(result.to_dicts(), list[into])
    except msgspec.ValidationError as error:
        # "Expected `int`, got `str` - at `$[0].age`"
        reason, _, path = str(error).rpartition(" - at `$")
        row, _, field = path.strip("`").partition("].")
        _fail(into, field or path, f"{reason or error} (row {row.lstrip('[')})")


def _required_msgspec(into: Any) -> set[str]:
    import msgspec

    return {f.name for f in msgspec.structs.fields(into) if f.required}


def _by_pydantic(result: ResultSet, into: Any) -> list[Any]:
    import pydantic

    required = {n for n, f in into.model_fields.items() if f.is_required()}
    _check_names(result, into, required=required, known=set(into.model_fields))
    rows: list[Any] = []
    for row, values in enumerate(result.to_dicts()):
        try:
            rows.append(into.model_validate(values))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else into.__name__
            _fail(into, field, f"{first['msg']} (row {row})")
    return rows


def _into_dataclass(result: ResultSet, into: Any) -> list[Any]:
    fields = [field for field in dataclasses.fields(into) if field.init]
    missing = dataclasses.MISSING
    required = {f.name for f in fields if f.default is missing and f.default_factory is missing}
    _check_names(result, into, required=required, known={f.name for f in fields})
    _check_types(result, into)
    names = result.columns
    columns = [result.column(name) for name in names]
    if names == [field.name for field in fields if not field.kw_only][: len(names)]:
        return list(map(into, *columns)) if columns else []
    return [into(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _into_typed_dict(result: ResultSet, into: Any) -> list[Any]:
    _check_names(
        result, into, required=set(into.__required_keys__), known=set(into.__annotations__)
    )
    _check_types(result, into)
    return typing.cast(list[Any], result.to_dicts())


def _check_names(result: ResultSet, into: Any, *, required: set[str], known: set[str]) -> None:
    names = result.columns
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidQueryError(
            f'the result has two columns "{twice}"; rename one with .as_() to use into='
        )
    absent = sorted(required.difference(names))
    if absent:
        raise InvalidQueryError(
            f"{into.__name__}.{absent[0]} has no column: the result has {', '.join(names)}"
        )
    extra = [name for name in names if name not in known]
    if extra:
        raise InvalidQueryError(
            f'column "{extra[0]}" has no field in {into.__name__}; it has {", ".join(sorted(known))}'
        )


def _check_types(result: ResultSet, into: Any) -> None:
    """Every value is of the type its field declares. Only plain types and their unions are
    checked; for anything richer use msgspec or pydantic."""
    hints = typing.get_type_hints(into)
    for index, (name, column_type) in enumerate(result.schema):
        allowed = _allowed(hints.get(name, Any))
        if allowed is None:
            continue
        has_nulls, is_mixed = result._column_facts(index)
        fits = not is_mixed and any(g in allowed for g in _PYTHON_TYPES.get(column_type, ()))
        if not fits or (has_nulls and None not in allowed):
            _check_values(result, into, name, allowed)


def _check_values(
    result: ResultSet, into: Any, name: str, allowed: tuple[type | None, ...]
) -> None:
    plain = tuple(t for t in allowed if t is not None)
    if float in plain:
        plain = (*plain, int)
    for row, value in enumerate(result.column(name)):
        if value is None:
            if None not in allowed:
                _fail(into, name, f"it is NULL in row {row}, and the field is not optional")
        elif not isinstance(value, plain) or (isinstance(value, bool) and bool not in plain):
            wanted = " | ".join("None" if t is None else t.__name__ for t in allowed)
            _fail(into, name, f"row {row} holds {type(value).__name__}, the field is {wanted}")


def _allowed(hint: Any) -> tuple[type | None, ...] | None:
    """The plain types a field takes (None for NULL), or None when it cannot be told."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        parts = [_allowed(part) for part in typing.get_args(hint)]
        if any(part is None for part in parts):
            return None
        return tuple(t for part in parts if part is not None for t in part)
    if hint is type(None):
        return (None,)
    return (hint,) if hint in _CHECKED else None
