"""`--param name:type=value`: values to bind, from text."""

from __future__ import annotations

import datetime
import json
import math
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from .problems import USAGE, CommandError


def _int(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _decimal(text: str) -> Decimal:
    return Decimal(text)


def _json(text: str) -> Any:
    from molt_sql import Json

    return Json(json.loads(text))


def _null(text: str) -> None:
    if text:
        raise ValueError


# The type, how it is read, what its text looks like.
TYPES: dict[str, tuple[Callable[[str], Any], str]] = {
    "text": (str, "any text"),
    "int": (_int, "a whole number of at most 64 bits"),
    "float": (float, "a number"),
    "bool": (_bool, "true or false"),
    "decimal": (_decimal, "a number such as 12.50"),
    "date": (datetime.date.fromisoformat, "a date such as 2026-01-31"),
    "time": (datetime.time.fromisoformat, "a time such as 12:30:00"),
    "timestamp": (
        datetime.datetime.fromisoformat,
        "a time such as 2026-01-31T12:30:00, or with its zone 2026-01-31T12:30:00+02:00",
    ),
    "uuid": (uuid.UUID, "a UUID"),
    "hex": (bytes.fromhex, "bytes as hexadecimal digits"),
    "json": (_json, "JSON"),
    "null": (_null, "nothing after the ="),
}


def read_params(given: Iterable[str]) -> dict[str, Any]:
    """Name to value. CommandError names the parameter that is wrong, never its value."""
    values: dict[str, Any] = {}
    for text in given:
        head, equals, value = text.partition("=")
        name, _, kind = head.partition(":")
        kind = kind or "text"
        if not equals or not name.isidentifier():
            raise CommandError(
                "a --param is NAME=VALUE or NAME:TYPE=VALUE, its name made of letters, digits and"
                " underscores, as in --param since:date=2026-01-31",
                USAGE,
            )
        if kind not in TYPES:
            raise CommandError(
                f'--param {name} has an unknown type "{kind}"; there are {", ".join(TYPES)}', USAGE
            )
        if name in values:
            raise CommandError(f"--param {name} is given twice; give each name once", USAGE)
        read, looks = TYPES[kind]
        try:
            values[name] = read(value)
            if kind == "float" and not math.isfinite(values[name]) and "n" not in value.lower():
                raise ValueError  # digits beyond what a float holds
        except (ValueError, KeyError, InvalidOperation, RecursionError):
            raise CommandError(
                f"the value of --param {name}:{kind} cannot be read; it is {looks}", USAGE
            ) from None
    return values
