"""The examples. The demo prints the source of each of these functions, then what it gives."""

import asyncio
import datetime
import time
from collections.abc import Callable

import polars as pl

from molt_sql import Database, MoltError, Query, ResultSet, connect, fn, table

from .schema import Customer, Lineitem, Nation, Orders, Part


def brass_parts() -> Query:
    return (
        Part.where(Part.p_type.endswith("BRASS"))
        .select(Part.p_partkey, Part.p_name, Part.p_type)
        .limit(5)
    )


def nations_by_turnover() -> Query:
    turnover = Orders.o_totalprice.sum().as_("turnover")
    return (
        Orders.join(Customer, Customer.c_custkey == Orders.o_custkey)
        .join(Nation, Nation.n_nationkey == Customer.c_nationkey)
        .where(Customer.c_mktsegment == "BUILDING")
        .group_by(Nation.n_name)
        .select(Nation.n_name, fn.count().as_("orders"), turnover)
        .having(fn.count() > 10)
        .order_by(turnover.desc())
        .limit(5)
    )


def pricing_summary() -> Query:
    """TPC-H's first query, over all line items."""
    price = Lineitem.l_extendedprice * (1 - Lineitem.l_discount)
    return (
        Lineitem.where(Lineitem.l_shipdate <= datetime.date(1998, 9, 2))
        .group_by(Lineitem.l_returnflag, Lineitem.l_linestatus)
        .select(
            Lineitem.l_returnflag.as_("returned"),
            Lineitem.l_linestatus.as_("status"),
            Lineitem.l_quantity.sum().as_("quantity"),
            price.sum().as_("revenue"),
            (price * (1 + Lineitem.l_tax)).sum().as_("charged"),
            Lineitem.l_discount.avg().as_("mean_discount"),
            fn.count().as_("items"),
        )
        .order_by(Lineitem.l_returnflag, Lineitem.l_linestatus)
    )


async def orders_a_year_in_polars(db: Database) -> None:
    q = Orders.select(Orders.o_orderdate, Orders.o_totalprice)
    frame = (await q.on(db).fetch_arrow()).to_polars()
    price = pl.col("o_totalprice")
    a_year = frame.group_by(year=pl.col("o_orderdate").dt.year())
    print(a_year.agg(orders=price.count(), mean=price.mean().round(2)).sort("year"))


async def cancel_a_runaway(db: Database) -> None:
    a, b, c = (table("lineitem").as_(name) for name in "abc")
    runaway = a.cross_join(b).cross_join(c).select(fn.count())  # would take years
    task = asyncio.ensure_future(runaway.on(db).fetch_value())
    await asyncio.sleep(0.5)
    cancelled = time.perf_counter()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        took = (time.perf_counter() - cancelled) * 1000
        print(f"the query had stopped {took:.1f} ms after cancel()")


async def both_ways(url: str) -> None:
    q = pricing_summary()
    answers: list[ResultSet] = []
    for way, at in (("in this process", url), ("through a worker", f"molt+stdio:{url}")):
        with connect(at) as db:
            begun = time.perf_counter()
            answers.append(await q.on(db).fetch_all())
            print(f"{way}: {(time.perf_counter() - begun) * 1000:.1f} ms")
    print("the same rows" if answers[0] == answers[1] else "other rows!")


async def three_mistakes(db: Database) -> None:
    part, orders = table("part"), table("orders")
    mistakes: tuple[Callable[[], Query], ...] = (
        lambda: part.select(part.p_nmae),
        lambda: part.where(part.p_size > 10 and part.p_size < 20),
        lambda: part.where(orders.o_totalprice > 1000),
    )
    for mistake in mistakes:
        try:
            await mistake().on(db).fetch_all()
        except MoltError as error:
            print(f"{type(error).__name__}: {error}")
