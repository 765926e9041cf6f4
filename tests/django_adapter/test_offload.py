"""offload() and @molt_offload in this process: the same rows, and what happens when Molt cannot."""

import asyncio
import datetime
import json
import logging
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from asked import questions

from servers.worker import Worker


@pytest.fixture(autouse=True)
def _project(project: Path) -> None:
    """All tests here have it."""


@pytest.fixture
def client() -> Any:
    from django.test import Client

    return Client()


@pytest.fixture
def animals() -> Iterator[Any]:
    from zoo.models import Animal, Keeper

    keeper = Keeper.objects.create(name="Ada")
    Animal.objects.create(
        keeper=keeper,
        count=3,
        weight=Decimal("12.500"),
        speed=1 / 3,
        name='\x00\x1f\x7f"\\/é日🚚',
        tame=True,
        born=datetime.date(2020, 2, 29),
        fed=datetime.time(12, 30, 0, 5),
        seen=datetime.datetime(2024, 1, 1, 10, 0, 0, 999_999, tzinfo=datetime.UTC),
        tag=uuid.UUID(int=7),
        nap=datetime.timedelta(minutes=5),
        notes={"a": [1, None]},
    )
    Animal.objects.create(slug="b", weight=Decimal("-0.001"), speed=float("inf"), tame=False)
    Animal.objects.create(slug="c", seen=datetime.datetime(1, 1, 1, tzinfo=datetime.UTC))
    yield Animal.objects.order_by("id")
    Animal.objects.all().delete()
    Keeper.objects.all().delete()


def same(queryset: Any, *, is_offloaded: bool = True) -> None:
    """Rows, types and JSON are those of Django."""
    from django.http import JsonResponse

    from molt_db_adapter.django import offload

    assert (offload(queryset).explain() == "") is is_offloaded
    expected = list(queryset)
    got = offload(queryset).dicts()
    assert got == expected
    assert [[type(value) for value in row.values()] for row in got] == [
        [type(value) for value in row.values()] for row in expected
    ]
    response = offload(queryset).json_response()
    assert response.content == JsonResponse(expected, safe=False).content
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize("in_transaction", [False, True])
def test_columns_and_their_last_values_are_those_of_django(
    animals: Any, in_transaction: bool
) -> None:
    from django.db import transaction

    from molt_db_adapter.django import offload

    names = ["id", "weight", "speed", "tame", "born", "seen", "tag"]
    # In one, Django's own connection gives the rows.
    with transaction.atomic() if in_transaction else nullcontext():
        expected = list(animals.values(*names))
        rows = offload(animals.values(*names)).fetch()
        none = offload(animals.filter(id__lt=0).values("id")).fetch()
    for name in names:
        assert rows.column(name) == [row[name] for row in expected]
        assert rows.last(name) == expected[-1][name]
    for read in (rows.column, rows.last):
        with pytest.raises(KeyError):
            read("nowhere")
    assert none.column("id") == []
    with pytest.raises(IndexError):
        none.last("id")


def test_the_list_is_the_orms_byte_for_byte(client: Any) -> None:
    statuses = set()
    for question in questions(300, seed=1):
        by_orm = client.get(f"/items/orm?{question}")
        offloaded = client.get(f"/items?{question}")
        assert offloaded.content == by_orm.content, question
        assert offloaded.status_code == by_orm.status_code
        assert offloaded.headers == by_orm.headers
        statuses.add(by_orm.status_code)
    assert statuses == {200, 400}


def test_the_awaited_list_is_the_same() -> None:
    from django.test import AsyncClient

    async def ask() -> None:
        client = AsyncClient()
        for question in questions(50, seed=2):
            offloaded = await client.get(f"/items/async?{question}")
            by_orm = await client.get(f"/items/orm?{question}")
            assert offloaded.content == by_orm.content, question

    asyncio.run(ask())


@pytest.mark.parametrize(
    "fields",
    [
        ("id", "count", "keeper", "keeper_id", "keeper__name"),
        ("name", "slug", "tame", "speed"),
        ("born", "seen"),
        ("weight",),
        ("fed", "tag"),
    ],
)
def test_fields_are_djangos(animals: Any, fields: tuple[str, ...]) -> None:
    same(animals.values(*fields))


@pytest.mark.parametrize("field", ["nap", "notes"])
def test_fields_that_are_not_offloaded_are_read_by_django(animals: Any, field: str) -> None:
    same(animals.values("id", field), is_offloaded=False)


def test_expressions_are_djangos(animals: Any) -> None:
    from django.db.models import Avg, Count, F, Max, Q, Sum, Value
    from django.db.models.functions import Concat, Length, Upper

    same(animals.values("keeper").annotate(n=Count("id"), heavy=Sum("weight")).order_by("keeper"))
    same(
        animals.annotate(more=F("count") + 1, up=Upper("slug"), size=Length("name")).values(
            "more", "up", "size"
        )
    )
    same(animals.annotate(last=Max("seen"), mean=Avg("speed")).values("last", "mean"))
    same(animals.annotate(text=Concat("slug", Value("{%s}%"))).values("text"))
    same(animals.filter(Q(slug="a") | Q(name__contains="%")).exclude(count=4).values("id"))
    same(animals.filter(slug__in=["a", "c"]).values("id", "slug")[1:])
    same(animals.none().values("id"))
    same(animals.filter(slug__in=[]).values("id"))


def test_a_queryset_of_models_gives_dicts_of_all_fields() -> None:
    from shop.models import Item

    from molt_db_adapter.django import offload

    queryset = Item.objects.order_by("id")[:5]
    assert offload(queryset).dicts() == list(queryset.values())


def test_functions_that_django_adds_to_sqlite_are_left_to_it() -> None:
    from django.db.models.functions import TruncDay
    from shop.models import Item

    same(Item.objects.annotate(day=TruncDay("created_at")).values("day")[:3], is_offloaded=False)
    same(Item.objects.filter(title__regex="^off").values("id")[:3], is_offloaded=False)


def test_rows_within_a_transaction_are_visible() -> None:
    from django.db import transaction
    from shop.models import Item

    from molt_db_adapter.django import offload

    with transaction.atomic():
        Item.objects.filter(id=1).update(title="not yet committed")
        question = offload(Item.objects.filter(id=1).values("title"))
        assert "transaction" in question.explain()
        assert question.dicts() == [{"title": "not yet committed"}]
        transaction.set_rollback(True)
    after = offload(Item.objects.filter(id=1).values("title"))
    assert after.explain() == ""
    assert after.dicts() != [{"title": "not yet committed"}]


@contextmanager
def locking(project: Path, worker: Worker | None = None, at: Path | None = None) -> Iterator[None]:
    """Nobody can read the database for now; a worker has opened it before."""
    if worker is not None and at is not None:
        worker.connect(at).close()
    other = sqlite3.connect(project, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    yield
    other.execute("ROLLBACK")
    other.close()


def molt(**changes: Any) -> Any:
    from django.test import override_settings

    return override_settings(MOLT={"default": {"TIMEOUT_MS": 200, "FALLBACK": False, **changes}})


def test_a_timeout_is_504(client: Any, project: Path) -> None:
    assert client.get("/items?user_id=1").status_code == 200  # it is open by now
    with molt(), locking(project):
        response = client.get("/items?user_id=1")
    assert response.status_code == 504
    assert json.loads(response.content) == {"error": "the database did not answer in time"}


def test_a_worker_that_is_not_there_is_503(client: Any, tmp_path: Path) -> None:
    with molt(WORKER=f"unix://{tmp_path}/none.sock"):
        response = client.get("/items?user_id=1")
    assert response.status_code == 503
    assert str(tmp_path) not in response.content.decode()


def test_what_the_database_refuses_is_400_whatever_the_fallback(
    client: Any, tmp_path: Path
) -> None:
    worker = Worker("--socket", tmp_path / "w.sock", env={"MOLT_DB_SQLITE_PATH": tmp_path / "e.db"})
    sqlite3.connect(tmp_path / "e.db").close()
    with worker, molt(WORKER=f"unix://{tmp_path}/w.sock", FALLBACK=True):
        worker.connect(tmp_path / "w.sock").close()
        response = client.get("/items?user_id=1")
    assert response.status_code == 400


def test_django_takes_over_and_says_so_once(
    client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = client.get("/items/orm?user_id=1").content
    with (
        molt(WORKER=f"unix://{tmp_path}/gone.sock", FALLBACK=True),
        caplog.at_level(logging.WARNING, "molt_db_adapter"),
    ):
        first, second = (client.get("/items?user_id=1") for _ in range(2))
    assert first.content == second.content == expected
    told = [record for record in caplog.records if record.name == "molt_db_adapter"]
    assert len(told) <= 1  # once in a process, so perhaps by an earlier test
    assert all("WorkerUnavailableError" in record.getMessage() for record in told)


def test_an_overload_is_429_with_retry_after(client: Any, project: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.sock"
    worker = Worker(
        "--socket", path, "--threads", 1, "--max-queue", 0, env={"MOLT_DB_SQLITE_PATH": project}
    )
    with worker, molt(WORKER=f"unix://{path}", TIMEOUT_MS=3000), locking(project, worker, path):
        answers: list[Any] = []
        threads = [
            threading.Thread(target=lambda: answers.append(client.get("/items?user_id=1")))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [429, 429, 504]
    assert all(a["Retry-After"] == "1" for a in answers if a.status_code == 429)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"DATABSE": "default"}, "unknown key"),
        ({"DATABASE": "other"}, "DATABASES does not have"),
        ({"WORKER": "tcp://host"}, "must be"),
        ({"TIMEOUT_MS": "5"}, "must be int"),
        ({"TIMEOUT_MS": 0}, "positive"),
        ({"FALLBACK": 1}, "must be bool"),
    ],
)
def test_a_wrong_setting_is_told(entry: dict[str, Any], message: str) -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.test import override_settings
    from shop.models import Item

    from molt_db_adapter.django import offload

    with (
        override_settings(MOLT={"default": entry}),
        pytest.raises(ImproperlyConfigured, match=message),
    ):
        offload(Item.objects.values("id"))


def test_the_decorator_keeps_methods_and_names() -> None:
    from django.http import HttpRequest

    from molt_db_adapter.django import molt_offload
    from molt_sql import BusyError

    class Views:
        @molt_offload(timeout_ms=5)
        def get(self, request: HttpRequest) -> Any:
            """Asked for."""
            raise BusyError("too much")

    view: Callable[..., Any] = Views.get
    assert (view.__name__, view.__doc__) == ("get", "Asked for.")
    assert Views().get(HttpRequest()).status_code == 429
