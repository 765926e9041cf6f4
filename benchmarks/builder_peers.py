"""The peers of the `builder` bench: each builds the two queries and makes SQL and parameters.

`tag` makes a query structurally new: it becomes part of a column's alias. None leaves the
structure as it is, so that whatever the peer caches is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import django_models
from harness import Op

Sql = tuple[str, Sequence[Any]]
Build = Callable[[str, int, int | None], Sql]
"""(suffix, limit, tag) -> SQL and parameters."""

STATUSES = ["open", "pending"]
TOTAL_MIN = 10.5
ORDERS_MIN = 3


def _core_statements() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from sqlalchemy import Column, Float, Integer, MetaData, String, Table, func, select

    meta = MetaData()
    user = Table(
        "users", meta, Column("id", Integer), Column("email", String), Column("age", Integer)
    ).c
    order = Table(
        "orders",
        meta,
        Column("id", Integer),
        Column("user_id", Integer),
        Column("status", String),
        Column("total", Float),
    ).c

    def target(suffix: str, limit: int, tag: int | None) -> Any:
        first = user.id if tag is None else user.id.label(f"id_{tag}")
        ends = user.email.endswith(suffix, autoescape=True)
        return select(first, user.email).where(ends).limit(limit)

    def report(suffix: str, limit: int, tag: int | None) -> Any:
        revenue = func.sum(order.total)
        return (
            select(
                user.age,
                func.count().label("orders"),
                revenue.label("revenue" if tag is None else f"revenue_{tag}"),
                func.avg(order.total).label("mean"),
            )
            .join(order.id.table, order.user_id == user.id)
            .where(
                order.status.in_(STATUSES),
                order.total >= TOTAL_MIN,
                user.email.endswith(suffix, autoescape=True),
            )
            .group_by(user.age)
            .having(func.count() > ORDERS_MIN)
            .order_by(revenue.desc().nulls_last())
            .limit(limit)
        )

    return target, report


def sqlalchemy_core(query: str, dialect_name: str) -> Build:
    """`select()` and `.compile(dialect=…)`, which never uses SQLAlchemy's cache."""
    from sqlalchemy.dialects import postgresql, sqlite

    target, report = _core_statements()
    statement = {"target": target, "report": report}[query]
    dialect = {"sqlite": sqlite, "postgres": postgresql}[dialect_name].dialect()
    # Needed where there is IN, which else stays a placeholder that no database takes.
    kwargs = {"render_postcompile": True} if query == "report" else {}

    def build(suffix: str, limit: int, tag: int | None) -> Sql:
        compiled = statement(suffix, limit, tag).compile(dialect=dialect, compile_kwargs=kwargs)
        params = compiled.params
        if compiled.positiontup is None:
            return compiled.string, list(params.values())
        return compiled.string, [params[name] for name in compiled.positiontup]

    return build


@contextmanager
def core_execute(query: str, values: Callable[[int], tuple[str, int]]) -> Iterator[Op]:
    """Build, then `execute()` on empty tables: the compiled SQL comes from SQLAlchemy's cache."""
    target, report = _core_statements()
    statement = {"target": target, "report": report}[query]
    with _empty_database() as connection:
        yield lambda i: connection.execute(statement(*values(i), None)).close()


@contextmanager
def core_driver_sql(query: str) -> Iterator[Op]:
    """The same SQL as text on the same tables: what `core_execute` spends beside the builder."""
    sql, params = sqlalchemy_core(query, "sqlite")("@austin.edu", 100, None)
    arguments = tuple(params)
    with _empty_database() as connection:
        yield lambda _: connection.exec_driver_sql(sql, arguments).close()


@contextmanager
def _empty_database() -> Iterator[Any]:
    from sqlalchemy import create_engine

    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql("create table users (id integer, email text, age integer)")
        connection.exec_driver_sql(
            "create table orders (id integer, user_id integer, status text, total real)"
        )
        yield connection
    engine.dispose()


def django(query: str) -> Build:
    """A queryset and its compiler's `sql_with_params()`."""
    from django.db.models import Avg, Count, F, Sum

    models = django_models.configure(":memory:")
    users, orders = models.User.objects, models.Order.objects

    def target(suffix: str, limit: int, tag: int | None) -> Sql:
        found = users.filter(email__endswith=suffix)
        if tag is None:
            rows = found.values_list("id", "email")
        else:
            alias = f"id_{tag}"
            rows = found.annotate(**{alias: F("id")}).values_list(alias, "email")
        sql: Sql = rows[:limit].query.sql_with_params()
        return sql

    def report(suffix: str, limit: int, tag: int | None) -> Sql:
        revenue = "revenue" if tag is None else f"revenue_{tag}"
        aggregates = {"orders": Count("*"), revenue: Sum("total"), "mean": Avg("total")}
        rows = (
            orders.filter(status__in=STATUSES, total__gte=TOTAL_MIN, user__email__endswith=suffix)
            .values(age=F("user__age"))
            .annotate(**aggregates)
            .filter(orders__gt=ORDERS_MIN)
            .order_by(F(revenue).desc(nulls_last=True))[:limit]
        )
        sql: Sql = rows.query.sql_with_params()
        return sql

    return {"target": target, "report": report}[query]


def pypika(query: str, dialect_name: str) -> Build:
    """PyPika with parameters. It knows neither escaping in LIKE nor the order of NULLs."""
    from pypika import Order, PostgreSQLQuery, SQLLiteQuery, Table
    from pypika import functions as fn
    from pypika.terms import ListParameter, QmarkParameter

    user, order = Table("users"), Table("orders")
    start = {"sqlite": SQLLiteQuery, "postgres": PostgreSQLQuery}[dialect_name]

    def finish(built: Any) -> Sql:
        parameter: Any
        if dialect_name == "sqlite":
            parameter = QmarkParameter()
        else:
            parameter = ListParameter(lambda number: f"${number + 1}")
        return built.get_sql(parameter=parameter), parameter.get_parameters()

    def target(suffix: str, limit: int, tag: int | None) -> Sql:
        first = user.id if tag is None else user.id.as_(f"id_{tag}")
        rows = start.from_(user).select(first, user.email).where(user.email.like("%" + suffix))
        return finish(rows.limit(limit))

    def report(suffix: str, limit: int, tag: int | None) -> Sql:
        revenue = fn.Sum(order.total)
        rows = (
            start.from_(user)
            .join(order)
            .on(order.user_id == user.id)
            .select(
                user.age,
                fn.Count("*").as_("orders"),
                revenue.as_("revenue" if tag is None else f"revenue_{tag}"),
                fn.Avg(order.total).as_("mean"),
            )
            .where(order.status.isin(STATUSES))
            .where(order.total >= TOTAL_MIN)
            .where(user.email.like("%" + suffix))
            .groupby(user.age)
            .having(fn.Count("*") > ORDERS_MIN)
            .orderby(revenue, order=Order.desc)
            .limit(limit)
        )
        return finish(rows)

    return {"target": target, "report": report}[query]
