"""SQL that is compiled once for querysets of one shape is what Django's compiler makes of each."""

import datetime
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

Step = Callable[[random.Random, Any], Any]


@pytest.fixture(autouse=True)
def _project(project: Path) -> None:
    """All tests here have it."""


COMPARED = ("exact", "gt", "gte", "lt", "lte")


def conditions(chance: random.Random) -> Any:
    from django.db.models import Exists, F, OuterRef, Q
    from zoo.models import Animal, Keeper

    number = chance.randrange(5)
    of_ada = Keeper.objects.filter(name=chance.choice(["Ada", "Bob"]))
    return chance.choice(
        [
            Q(count=number),
            Q(count=None),
            Q(count__gt=number) | Q(count__isnull=chance.random() < 0.5),
            ~Q(slug="abc"[number % 3]),
            Q(slug__in=["a", "b", "c", "%s"][: number % 4 + 1]),
            Q(slug__in=[]),
            ~Q(slug__in=[]),
            Q(name__icontains=chance.choice(["%", "_", "é", "{p0}", "%s"])),
            Q(keeper__name=chance.choice(["Ada", "Bob"])),
            ~Q(keeper__name="Ada"),
            Q(keeper=number),
            Q(keeper__isnull=True),
            Q(keeper__in=of_ada),
            Q(keeper__in=of_ada.order_by("id")[: number + 1]),
            Q(Exists(of_ada.filter(id=OuterRef("keeper_id")))),
            Q(count__lt=F("keeper_id") + number),
            Q(pk__in=Animal.objects.filter(count__gte=number).values("pk")),
            Q(weight__gte=Decimal(number)),
            Q(born__range=(datetime.date(2000, 1, 1), datetime.date(2020 + number, 1, 1))),
            Q(tame=chance.random() < 0.5),
            Q(count=number, slug="b"),
            Q(count__gte=number + 0.5),
            Q(slug__gt="b", slug__lte="c"),
            Q(born__lt=datetime.date(2000 + number, 1, 1)),
            # More than the column can hold: always, or never.
            Q(**{f"count__{chance.choice(COMPARED)}": chance.choice((2**70, -(2**70)))}),
        ]
    )


ORDERS = (
    (),
    ("id",),
    ("-id",),
    ("slug", "-count"),
    ("keeper__name",),
    ("-keeper__name", "id"),
    ("keeper",),
    ("pk",),
)
FIELDS = (
    ("id",),
    ("slug", "id"),
    ("id", "slug"),
    ("keeper__name", "count"),
    ("keeper", "keeper_id"),
    ("weight", "born", "tame"),
)


def ordered(chance: random.Random, queryset: Any) -> Any:
    from django.db.models import F

    if chance.random() < 0.1:
        return queryset.order_by(F("count").desc(nulls_last=True), "id")
    queryset = queryset.order_by(*chance.choice(ORDERS))
    return queryset.reverse() if chance.random() < 0.2 else queryset


def annotated(chance: random.Random, queryset: Any) -> Any:
    from django.db.models import Count, F, Value
    from django.db.models.functions import Concat

    return chance.choice(
        [
            lambda: queryset.annotate(n=Count("keeper")),
            lambda: queryset.annotate(n=F("count") + chance.randrange(3)),
            lambda: queryset.annotate(n=Concat("slug", Value(chance.choice("ab")))),
        ]
    )()


def any_queryset(chance: random.Random) -> Any:
    from zoo.models import Animal

    queryset = Animal.objects.all()
    steps: list[Step] = [
        lambda chance, made: made.filter(conditions(chance)),
        lambda chance, made: made.exclude(conditions(chance)),
        lambda chance, made: made.filter(conditions(chance) & conditions(chance)),
        lambda _, made: made.distinct(),
        ordered,
    ]
    for step in chance.choices(steps, weights=(4, 2, 1, 1, 2), k=chance.randrange(5)):
        queryset = step(chance, queryset)
    if chance.random() < 0.15:
        queryset = annotated(chance, queryset)
    queryset = queryset.values(*chance.choice(FIELDS))
    if chance.random() < 0.3:
        queryset = queryset.filter(conditions(chance))
    if chance.random() < 0.3:
        first = chance.randrange(3)
        queryset = queryset[first : chance.choice((3, 50))]
    return queryset


def test_sql_and_values_are_those_of_a_compiler_that_remembers_nothing() -> None:
    from django.core.exceptions import EmptyResultSet

    from molt_db_adapter.django._compile import NotOffloadableError, _templates, compile_queryset

    _templates._forget()
    chance = random.Random(5)
    kinds = {"empty": 0, "remembered": 0, "anew": 0, "refused": 0}
    for _ in range(3000):
        queryset = any_queryset(chance)
        known = sum(len(of) for of in _templates._of.values())
        try:
            statement = compile_queryset(queryset).statement
        except NotOffloadableError:
            kinds["refused"] += 1
            continue
        try:
            sql, params = queryset.query.sql_with_params()
        except EmptyResultSet:
            assert statement is None
            kinds["empty"] += 1
            continue
        assert statement is not None
        compiled = statement.sql("sqlite")
        assert compiled.text == sql.replace("%s", "?").replace("%%", "%")
        assert tuple(compiled.params) == tuple(params)
        is_new = sum(len(of) for of in _templates._of.values()) != known
        kinds["anew" if is_new else "remembered"] += 1
    assert kinds["refused"] < 300, kinds
    assert min(kinds["empty"], kinds["remembered"], kinds["anew"]) > 100, kinds


def test_rows_are_those_of_values_given_now(project: Path) -> None:
    from zoo.models import Keeper

    from molt_db_adapter.django import offload

    assert project.exists()
    made = [Keeper.objects.create(name=name) for name in ("Ada", "Bob", "%s {p0}")]
    try:
        for keeper in made * 2:
            found = offload(Keeper.objects.filter(name=keeper.name).values("id", "name"))
            assert found.dicts() == [{"id": keeper.pk, "name": keeper.name}]
            assert found.explain() == ""
    finally:
        Keeper.objects.all().delete()


def test_a_models_own_order_is_not_that_of_a_query_without_one(project: Path) -> None:
    from zoo.models import Keeper

    from molt_db_adapter.django._compile import compile_queryset

    assert project.exists()
    for _ in range(2):
        for queryset in (Keeper.objects.values("id"), Keeper.objects.order_by().values("id")):
            statement = compile_queryset(queryset).statement
            assert statement is not None
            assert statement.sql("sqlite").text == str(queryset.query)


def test_settings_that_change_are_seen() -> None:
    from django.test import override_settings
    from zoo.models import Animal

    from molt_db_adapter.django import offload

    seen = datetime.datetime(2024, 1, 1, 10, tzinfo=datetime.UTC)
    animal = Animal.objects.create(seen=seen)
    try:
        queryset = Animal.objects.filter(pk=animal.pk).values("seen")
        assert offload(queryset).json_response().content == b'[{"seen": "2024-01-01T10:00:00Z"}]'
        with override_settings(USE_TZ=False):
            assert offload(queryset).json_response().content == b'[{"seen": "2024-01-01T10:00:00"}]'
        assert offload(queryset).json_response().content == b'[{"seen": "2024-01-01T10:00:00Z"}]'
    finally:
        Animal.objects.all().delete()


def test_no_more_shapes_are_kept_than_are_bounded() -> None:
    from zoo.models import Keeper

    from molt_db_adapter.django._compile import _templates, compile_queryset
    from molt_db_adapter.django._shapes import _MAX

    for first in range(3 * _MAX):
        compile_queryset(Keeper.objects.values("id")[first : first + 1])
        assert all(len(of) <= _MAX for of in _templates._of.values())
