"""Bodies put together of what is rendered already and what is not are json.dumps's, byte for byte."""

import datetime
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from molt_db_adapter.core import to_json


class Ready:
    """Something that is rendered, and what json.dumps would be given in its place."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def json(self) -> bytes:
        return json.dumps(self.value).encode()


def plain(content: Any) -> Any:
    if isinstance(content, Ready):
        return content.value
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [plain(item) for item in content]
    return content


ROWS = [{"id": 1, "title": 'Zoë "quoted" \\'}, {"id": 2, "title": None}]
WHEN = datetime.datetime(2024, 2, 29, 10, 34, 56, 123456, tzinfo=datetime.UTC)


class Text(str):
    """A key that is a string, of a type of its own."""


@pytest.mark.parametrize(
    "content",
    [
        Ready(ROWS),
        {},
        {"items": Ready(ROWS), "next_cursor": None, "counts": {"open": 1, "closed": 0}},
        {"items": Ready([]), "é": "é", "n": 1, "x": 1.5, "yes": True, "": [1, "two", None]},
        {"nested": {"deep": [Ready(ROWS), {"er": Ready(1)}]}, "after": Ready("x")},
        {"when": WHEN, "price": Decimal("1.50"), "rows": Ready(ROWS), "id": uuid.UUID(int=7)},
        {"list": [WHEN, Ready(ROWS), WHEN.date()]},
        {1: Ready(ROWS), None: "none", False: 2.0},
        {Text("key"): Ready(ROWS), "nan": float("nan"), "inf": float("inf")},
        [Ready(ROWS), Ready({}), 3],
        "text",
        None,
    ],
)
def test_a_body_is_what_json_dumps_gives(content: Any) -> None:
    expected = json.dumps(plain(content), cls=DjangoJSONEncoder).encode()
    assert to_json(content, DjangoJSONEncoder) == expected


@pytest.mark.parametrize("content", [{"x": object()}, {"x": {(1, 2): 3}}, [{"x": {1j}}]])
def test_what_json_has_no_form_for_is_refused_as_json_dumps_refuses_it(content: Any) -> None:
    with pytest.raises(TypeError) as expected:
        json.dumps(content, cls=DjangoJSONEncoder)
    with pytest.raises(TypeError) as refused:
        to_json(content, DjangoJSONEncoder)
    assert str(refused.value) == str(expected.value)
