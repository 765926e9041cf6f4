"""JSON bodies of parts that are rendered already and parts that are not."""

import json
import typing


class Rendered(typing.Protocol):
    """Something that knows its own JSON."""

    def json(self) -> bytes:
        """As json.dumps writes it, in ASCII."""
        ...


def to_json(content: typing.Any, encoder: type[json.JSONEncoder]) -> bytes:
    """What json.dumps(content, cls=encoder) gives, byte for byte.

    `content`, or the values of a dict with strings as keys, may be Rendered.
    """
    if is_rendered(content):
        return content.json()
    if not isinstance(content, dict):
        return json.dumps(content, cls=encoder).encode("ascii")
    parts: list[bytes] = []
    for key, value in typing.cast("dict[object, object]", content).items():
        if not isinstance(key, str):
            raise TypeError(f"keys must be strings, not {type(key).__name__}")
        parts.append(json.dumps(key).encode("ascii") + b": " + to_json(value, encoder))
    return b"{" + b", ".join(parts) + b"}"


def is_rendered(value: object) -> typing.TypeGuard[Rendered]:
    """Whether it has json() and is no type itself."""
    return callable(getattr(value, "json", None)) and not isinstance(value, type)
