"""A page of a user's items: written with the ORM, and the same offloaded."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse

from molt_db_adapter.django import OffloadedJsonResponse, Rows, molt_offload, offload

from .models import Item

FIELDS = ("id", "created_at", "status", "title", "score", "unread")
LIMIT, LIMIT_MAX = 50, 500
# Made once: each request adds its conditions.
ITEMS = Item.objects.order_by("id").values(*FIELDS)


class BadRequestError(Exception):
    """What the request got wrong."""


@dataclass(frozen=True)
class Page:
    """What is asked for."""

    user_id: int
    limit: int
    items: QuerySet[Item, dict[str, Any]]

    @classmethod
    def of(cls, request: HttpRequest) -> "Page":
        asked = request.GET
        user_id = _integer(asked.get("user_id", ""), "user_id")
        limit = _integer(asked.get("limit", str(LIMIT)), "limit")
        if not 1 <= limit <= LIMIT_MAX:
            raise BadRequestError(f"limit must be from 1 to {LIMIT_MAX}")
        items = ITEMS.filter(user_id=user_id)
        if part := asked.get("q"):
            items = items.filter(title__icontains=part)
        if status := asked.get("status"):
            items = items.filter(status=status)
        if cursor := asked.get("cursor"):
            items = items.filter(id__gt=_after(cursor))
        return cls(user_id, limit, items[:limit])


def _integer(text: str, name: str) -> int:
    # No more digits than a database has room for.
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadRequestError(f"{name} must be a whole number")
    return int(text)


def _after(cursor: str) -> int:
    try:
        return _integer(base64.b64decode(cursor, altchars=b"-_", validate=True).decode(), "cursor")
    except (binascii.Error, ValueError) as error:
        raise BadRequestError("cursor is not one of ours") from error


def _next_cursor(last_id: int) -> str:
    return base64.urlsafe_b64encode(str(last_id).encode()).decode()


def _content(page: Page, items: Any, ids: list[int], statuses: list[str]) -> dict[str, Any]:
    return {
        "items": items,
        "next_cursor": _next_cursor(ids[-1]) if len(ids) == page.limit else None,
        "counts": {"open": statuses.count("open"), "closed": statuses.count("closed")},
    }


def _refusal(error: BadRequestError) -> HttpResponse:
    return JsonResponse({"error": str(error)}, status=400)


def items_orm(request: HttpRequest) -> HttpResponse:
    """By the ORM."""
    try:
        page = Page.of(request)
    except BadRequestError as error:
        return _refusal(error)
    items = list(page.items)
    content = _content(
        page, items, [item["id"] for item in items], [item["status"] for item in items]
    )
    return JsonResponse(content)


def _offloaded(page: Page, rows: Rows) -> HttpResponse:
    return OffloadedJsonResponse(_content(page, rows, rows.column("id"), rows.column("status")))


@molt_offload
def items(request: HttpRequest) -> HttpResponse:
    """The same, offloaded."""
    try:
        page = Page.of(request)
    except BadRequestError as error:
        return _refusal(error)
    return _offloaded(page, offload(page.items).fetch())


@molt_offload
async def items_async(request: HttpRequest) -> HttpResponse:
    """The same, offloaded and awaited."""
    try:
        page = Page.of(request)
    except BadRequestError as error:
        return _refusal(error)
    return _offloaded(page, await offload(page.items))
