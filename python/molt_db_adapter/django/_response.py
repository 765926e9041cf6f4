"""Responses whose rows are rendered in C++."""

import typing

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse

from molt_db_adapter.core import to_json


class OffloadedJsonResponse(HttpResponse):
    """Django's JsonResponse, byte for byte, of content that may hold Rows.

    `content` is Rows, or a dict of which some values are Rows, or what JsonResponse takes.
    """

    def __init__(self, content: typing.Any, **options: typing.Any) -> None:
        options.setdefault("content_type", "application/json")
        super().__init__(content=to_json(content, DjangoJSONEncoder), **options)
