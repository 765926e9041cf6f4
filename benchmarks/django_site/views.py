"""The list by model instances, by the database's driver, and by PostgreSQL's own JSON."""

import functools
import sqlite3
import threading
from typing import Any

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from shop.models import Item
from shop.views import FIELDS, _next_cursor

_local = threading.local()
SQL = f"SELECT {', '.join(FIELDS)} FROM items WHERE user_id = {{}} ORDER BY id LIMIT {{}}"


def hello(request: HttpRequest) -> HttpResponse:
    """What a request costs by itself."""
    return JsonResponse({"hello": "world"})


def _asked(request: HttpRequest) -> tuple[int, int]:
    return int(request.GET["user_id"]), int(request.GET["limit"])


def _answer(items: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    statuses = [item["status"] for item in items]
    return {
        "items": items,
        "next_cursor": _next_cursor(items[-1]["id"]) if len(items) == limit else None,
        "counts": {"open": statuses.count("open"), "closed": statuses.count("closed")},
    }


def items_models(request: HttpRequest) -> HttpResponse:
    """By the ORM, with an object for each row."""
    user_id, limit = _asked(request)
    found = Item.objects.filter(user_id=user_id).order_by("id")[:limit]
    return JsonResponse(_answer([{f: getattr(item, f) for f in FIELDS} for item in found], limit))


@functools.cache
def _is_sqlite() -> bool:
    return connection.vendor == "sqlite"


def items_driver(request: HttpRequest) -> HttpResponse:
    """By the driver itself and orjson: what a careful hand writes."""
    user_id, limit = _asked(request)
    rows = _sqlite_rows(user_id, limit) if _is_sqlite() else _psycopg_rows(user_id, limit)
    items = [dict(zip(FIELDS, row, strict=True)) for row in rows]
    return HttpResponse(orjson.dumps(_answer(items, limit)), content_type="application/json")


def _sqlite_rows(user_id: int, limit: int) -> list[tuple[Any, ...]]:
    if not hasattr(_local, "sqlite"):
        name = connection.settings_dict["NAME"]
        _local.sqlite = sqlite3.connect(f"file:{name}?mode=ro", uri=True)
    rows = _local.sqlite.execute(SQL.format("?", "?"), (user_id, limit))
    return [(i, _iso(at), st, ti, sc, bool(un)) for i, at, st, ti, sc, un in rows]


def _iso(text: str) -> str:
    date, _, time = text.partition(" ")
    return f"{date}T{time[:12]}Z"


def _psycopg_rows(user_id: int, limit: int) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    cursor = connection.connection.execute(SQL.format("%s", "%s"), (user_id, limit), prepare=True)
    return [(i, at.isoformat(), *rest) for i, at, *rest in cursor.fetchall()]


JSON_AGG = """
SELECT json_build_object(
  'items', coalesce(json_agg(json_build_object('id', id, 'created_at', created_at, 'status', status,
    'title', title, 'score', score, 'unread', unread) ORDER BY id), '[]'),
  'last', max(id),
  'counts', json_build_object('open', count(*) FILTER (WHERE status = 'open'),
    'closed', count(*) FILTER (WHERE status = 'closed')))::text
FROM (SELECT * FROM items WHERE user_id = %s ORDER BY id LIMIT %s) AS page
"""


def items_json_agg(request: HttpRequest) -> HttpResponse:
    """By PostgreSQL itself."""
    user_id, limit = _asked(request)
    connection.ensure_connection()
    (body,) = connection.connection.execute(JSON_AGG, (user_id, limit), prepare=True).fetchone()
    return HttpResponse(body, content_type="application/json")
