"""JSON bodies of parts that are rendered already and parts that are not."""

import json
import secrets
import typing
from collections.abc import Mapping

# Where something rendered belongs; no other string is the same.
_PLACE = f"molt:{secrets.token_hex(16)}"
_PLACE_AS_JSON = json.dumps(_PLACE)
_plain = json.JSONEncoder()


class Rendered(typing.Protocol):
    """Something that knows its own JSON."""

    def json(self) -> bytes:
        """As json.dumps writes it, in ASCII."""
        ...


def to_json(content: typing.Any, encoder: type[json.JSONEncoder]) -> bytes:
    """What json.dumps(content, cls=encoder) gives, byte for byte, where parts may be Rendered.

    `encoder` says what to make of further types, by default(), and nothing else.
    """
    if is_rendered(content):
        return content.json()
    # An object at the top, which most bodies are, is put together by its members: most of those that
    # are not rendered need no default().
    if type(content) is not dict:
        return _with_places(content, encoder)
    fields = typing.cast("Mapping[typing.Any, typing.Any]", content)
    if not all(type(key) is str for key in fields):
        return _with_places(fields, encoder)
    members = [
        _plain.encode(key).encode("ascii") + b": " + _member(value, encoder)
        for key, value in fields.items()
    ]
    return b"{" + b", ".join(members) + b"}"


def _member(value: typing.Any, encoder: type[json.JSONEncoder]) -> bytes:
    if is_rendered(value):
        return value.json()
    try:
        return _plain.encode(value).encode("ascii")
    except TypeError:
        return _with_places(value, encoder)


def _with_places(content: typing.Any, encoder: type[json.JSONEncoder]) -> bytes:
    rendered: list[bytes] = []
    otherwise = encoder()

    def default(value: typing.Any) -> typing.Any:
        if not is_rendered(value):
            return otherwise.default(value)
        rendered.append(value.json())
        return _PLACE

    body = json.dumps(content, cls=encoder, default=default).encode("ascii")
    between = body.split(_PLACE_AS_JSON.encode("ascii"))
    parts = [between[0]]
    for part, rest in zip(rendered, between[1:], strict=True):
        parts += (part, rest)
    return b"".join(parts)


def is_rendered(value: object) -> typing.TypeGuard[Rendered]:
    """Whether it has json() and is no type itself."""
    return callable(getattr(value, "json", None)) and not isinstance(value, type)
