"""TPC-H: what can be written with the builder gives the official answers, on SQLite, on
PostgreSQL and on DuckDB.

DuckDB's tpch extension makes the data and knows the answers. Written as the specification has them:
Q1, Q3, Q5, Q6, Q10, Q19. The CASE of Q12 and Q14 is SQL by hand. Subqueries became joins that mean
the same: in Q4 (EXISTS), Q16 (NOT IN) and Q18 (IN). The others need subqueries in FROM or WHERE, or
the year of a date.
"""

import datetime
import importlib.util
import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from molt_sql import Database, Query, connect, fn, raw, table

SCALE = 0.01

customer = table("customer")
lineitem = table("lineitem")
nation = table("nation")
orders = table("orders")
part = table("part")
partsupp = table("partsupp")
region = table("region")
supplier = table("supplier")

date = datetime.date
price = lineitem.l_extendedprice * (1 - lineitem.l_discount)
revenue = price.sum().as_("revenue")


def q1() -> Query:
    return (
        lineitem.where(lineitem.l_shipdate <= date(1998, 9, 2))
        .group_by(lineitem.l_returnflag, lineitem.l_linestatus)
        .select(
            lineitem.l_returnflag,
            lineitem.l_linestatus,
            lineitem.l_quantity.sum().as_("sum_qty"),
            lineitem.l_extendedprice.sum().as_("sum_base_price"),
            price.sum().as_("sum_disc_price"),
            (price * (1 + lineitem.l_tax)).sum().as_("sum_charge"),
            lineitem.l_quantity.avg().as_("avg_qty"),
            lineitem.l_extendedprice.avg().as_("avg_price"),
            lineitem.l_discount.avg().as_("avg_disc"),
            fn.count().as_("count_order"),
        )
        .order_by(lineitem.l_returnflag, lineitem.l_linestatus)
    )


def q3() -> Query:
    return (
        customer.join(orders, customer.c_custkey == orders.o_custkey)
        .join(lineitem, lineitem.l_orderkey == orders.o_orderkey)
        .where(
            customer.c_mktsegment == "BUILDING",
            orders.o_orderdate < date(1995, 3, 15),
            lineitem.l_shipdate > date(1995, 3, 15),
        )
        .group_by(lineitem.l_orderkey, orders.o_orderdate, orders.o_shippriority)
        .select(lineitem.l_orderkey, revenue, orders.o_orderdate, orders.o_shippriority)
        .order_by(revenue.desc(), orders.o_orderdate)
        .limit(10)
    )


def q4() -> Query:
    return (
        orders.join(lineitem, lineitem.l_orderkey == orders.o_orderkey)
        .where(
            orders.o_orderdate >= date(1993, 7, 1),
            orders.o_orderdate < date(1993, 10, 1),
            lineitem.l_commitdate < lineitem.l_receiptdate,
        )
        .group_by(orders.o_orderpriority)
        .select(orders.o_orderpriority, orders.o_orderkey.count(distinct=True).as_("order_count"))
        .order_by(orders.o_orderpriority)
    )


def q5() -> Query:
    return (
        customer.join(orders, customer.c_custkey == orders.o_custkey)
        .join(lineitem, lineitem.l_orderkey == orders.o_orderkey)
        .join(
            supplier,
            (lineitem.l_suppkey == supplier.s_suppkey)
            & (customer.c_nationkey == supplier.s_nationkey),
        )
        .join(nation, supplier.s_nationkey == nation.n_nationkey)
        .join(region, nation.n_regionkey == region.r_regionkey)
        .where(
            region.r_name == "ASIA",
            orders.o_orderdate >= date(1994, 1, 1),
            orders.o_orderdate < date(1995, 1, 1),
        )
        .group_by(nation.n_name)
        .select(nation.n_name, revenue)
        .order_by(revenue.desc())
    )


def q6() -> Query:
    return lineitem.where(
        lineitem.l_shipdate >= date(1994, 1, 1),
        lineitem.l_shipdate < date(1995, 1, 1),
        lineitem.l_discount.between(Decimal("0.05"), Decimal("0.07")),
        lineitem.l_quantity < 24,
    ).select((lineitem.l_extendedprice * lineitem.l_discount).sum().as_("revenue"))


def q10() -> Query:
    columns = (
        customer.c_custkey,
        customer.c_name,
        customer.c_acctbal,
        nation.n_name,
        customer.c_address,
        customer.c_phone,
        customer.c_comment,
    )
    return (
        customer.join(orders, customer.c_custkey == orders.o_custkey)
        .join(lineitem, lineitem.l_orderkey == orders.o_orderkey)
        .join(nation, customer.c_nationkey == nation.n_nationkey)
        .where(
            orders.o_orderdate >= date(1993, 10, 1),
            orders.o_orderdate < date(1994, 1, 1),
            lineitem.l_returnflag == "R",
        )
        .group_by(*columns)
        .select(*columns[:2], revenue, *columns[2:])
        .order_by(revenue.desc())
        .limit(20)
    )


def q12() -> Query:
    urgent = orders.o_orderpriority.in_(["1-URGENT", "2-HIGH"])
    one_if = "CASE WHEN {condition} THEN 1 ELSE 0 END"
    return (
        orders.join(lineitem, orders.o_orderkey == lineitem.l_orderkey)
        .where(
            lineitem.l_shipmode.in_(["MAIL", "SHIP"]),
            lineitem.l_commitdate < lineitem.l_receiptdate,
            lineitem.l_shipdate < lineitem.l_commitdate,
            lineitem.l_receiptdate >= date(1994, 1, 1),
            lineitem.l_receiptdate < date(1995, 1, 1),
        )
        .group_by(lineitem.l_shipmode)
        .select(
            lineitem.l_shipmode,
            raw(one_if, condition=urgent).sum().as_("high_line_count"),
            raw(one_if, condition=~urgent).sum().as_("low_line_count"),
        )
        .order_by(lineitem.l_shipmode)
    )


def q14() -> Query:
    promo = raw(
        "CASE WHEN {promo} THEN {price} ELSE 0 END",
        promo=part.p_type.startswith("PROMO"),
        price=price,
    )
    return (
        lineitem.join(part, lineitem.l_partkey == part.p_partkey)
        .where(
            lineitem.l_shipdate >= date(1995, 9, 1),
            lineitem.l_shipdate < date(1995, 10, 1),
        )
        .select((100 * promo.sum() / price.sum()).as_("promo_revenue"))
    )


def q16() -> Query:
    suppliers = partsupp.ps_suppkey.count(distinct=True).as_("supplier_cnt")
    return (
        partsupp.join(part, part.p_partkey == partsupp.ps_partkey)
        .join(supplier, supplier.s_suppkey == partsupp.ps_suppkey)
        .where(
            part.p_brand != "Brand#45",
            ~part.p_type.like("MEDIUM POLISHED%"),
            part.p_size.in_([49, 14, 23, 45, 19, 3, 36, 9]),
            ~supplier.s_comment.like("%Customer%Complaints%"),
        )
        .group_by(part.p_brand, part.p_type, part.p_size)
        .select(part.p_brand, part.p_type, part.p_size, suppliers)
        .order_by(suppliers.desc(), part.p_brand, part.p_type, part.p_size)
    )


def q18() -> Query:
    keys = (
        customer.c_name,
        customer.c_custkey,
        orders.o_orderkey,
        orders.o_orderdate,
        orders.o_totalprice,
    )
    return (
        customer.join(orders, customer.c_custkey == orders.o_custkey)
        .join(lineitem, orders.o_orderkey == lineitem.l_orderkey)
        .group_by(*keys)
        .having(lineitem.l_quantity.sum() > 300)
        .select(*keys, lineitem.l_quantity.sum())
        .order_by(orders.o_totalprice.desc(), orders.o_orderdate)
        .limit(100)
    )


def q19() -> Query:
    def kind(brand: str, containers: str, low: int, size: int) -> Any:
        return (
            (part.p_brand == brand)
            & part.p_container.in_(containers.split(", "))
            & lineitem.l_quantity.between(low, low + 10)
            & part.p_size.between(1, size)
        )

    return (
        lineitem.join(part, part.p_partkey == lineitem.l_partkey)
        .where(
            kind("Brand#12", "SM CASE, SM BOX, SM PACK, SM PKG", 1, 5)
            | kind("Brand#23", "MED BAG, MED BOX, MED PKG, MED PACK", 10, 10)
            | kind("Brand#34", "LG CASE, LG BOX, LG PACK, LG PKG", 20, 15),
            lineitem.l_shipmode.in_(["AIR", "AIR REG"]),
            lineitem.l_shipinstruct == "DELIVER IN PERSON",
        )
        .select(revenue)
    )


QUERIES: dict[int, Callable[[], Query]] = {
    int(f.__name__[1:]): f for f in (q1, q3, q4, q5, q6, q10, q12, q14, q16, q18, q19)
}


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    spec = importlib.util.find_spec("duckdb_extension_tpch")
    assert spec is not None
    assert spec.submodule_search_locations
    (extension,) = Path(spec.submodule_search_locations[0]).rglob("*.duckdb_extension")
    with duckdb.connect() as connection:
        connection.load_extension(str(extension))
        connection.execute("CALL dbgen(sf = ?)", [SCALE])
        yield connection


@pytest.fixture(scope="module")
def sqlite(
    duck: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """The same data, which takes the way of Arrow, in columns declared with DuckDB's types."""
    path = tmp_path_factory.mktemp("tpch") / "tpch.db"
    with connect(f"sqlite:///{path}?mode=rwc") as db:
        for (name,) in duck.execute("SHOW TABLES").fetchall():
            columns = duck.execute(f"DESCRIBE {name}").fetchall()
            declared = ", ".join(f"{column[0]} {column[1]}" for column in columns)
            raw(f"CREATE TABLE {name} ({declared})").on(db).execute().result()
            data = duck.execute(f"FROM {name}").to_arrow_table()
            assert db.insert(name, data).result() == data.num_rows
        yield db


@pytest.fixture(scope="module")
def pg_tpch(duck: duckdb.DuckDBPyConnection, pg_url: str) -> str:
    """The URL of a database with the same data, in columns of the same types."""
    with psycopg.connect(pg_url) as connection:
        for (name,) in duck.execute("SHOW TABLES").fetchall():
            columns = duck.execute(f"DESCRIBE {name}").fetchall()
            declared = ", ".join(f"{column[0]} {column[1]}" for column in columns)
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE TABLE {name} ({declared})")
                with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                    for row in duck.execute(f"FROM {name}").fetchall():
                        copy.write_row(row)
        connection.execute("ANALYZE")
    return pg_url


@pytest.fixture(scope="module")
def postgres(pg_tpch: str) -> Iterator[Database]:
    with connect(pg_tpch) as db:
        yield db


def fits(value: object, text: str) -> bool:
    """Whether a value is what an answer says: a number to the answer's last digit, or to 12 digits
    where the answer has all that a float holds."""
    if not isinstance(value, float | Decimal):
        return str(value) == text
    last_digit = 10.0 ** -len(text.partition(".")[2])
    digits = sum(map(str.isdigit, text.lstrip("0.")))
    rel_tol = 1e-12 if digits >= 15 else 0.0
    return math.isclose(value, float(text), rel_tol=rel_tol, abs_tol=0.51 * last_digit)


def check_answer(
    duck: duckdb.DuckDBPyConnection,
    number: int,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
) -> None:
    found = duck.execute(
        "SELECT answer FROM tpch_answers() WHERE query_nr = ? AND scale_factor = ?",
        [number, SCALE],
    ).fetchone()
    assert found is not None
    header, *lines = found[0].splitlines()
    assert list(columns) == header.split("|")
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        cells = line.split("|")
        assert len(row) == len(cells), line
        assert all(map(fits, row, cells)), f"{tuple(row)} is not {line}"


@pytest.mark.parametrize("number", QUERIES)
def test_sqlite_gives_the_official_answer(
    duck: duckdb.DuckDBPyConnection, sqlite: Database, number: int
) -> None:
    result = QUERIES[number]().on(sqlite).fetch_all().result()
    check_answer(duck, number, result.columns, result)


@pytest.mark.parametrize("number", QUERIES)
def test_duckdb_gives_the_official_answer_to_the_sql_compiled_for_it(
    duck: duckdb.DuckDBPyConnection, number: int
) -> None:
    text, params = QUERIES[number]().sql("duckdb")
    cursor = duck.execute(text, params)
    assert cursor.description is not None
    check_answer(duck, number, [column[0] for column in cursor.description], cursor.fetchall())


@pytest.mark.parametrize("number", QUERIES)
def test_postgres_gives_the_official_answer(
    duck: duckdb.DuckDBPyConnection, postgres: Database, number: int
) -> None:
    result = QUERIES[number]().on(postgres).fetch_all().result()
    check_answer(duck, number, result.columns, result)


@pytest.mark.parametrize("number", QUERIES)
def test_psycopg_gives_the_official_answer_to_the_sql_compiled_for_postgres(
    duck: duckdb.DuckDBPyConnection, pg_tpch: str, number: int
) -> None:
    text, params = QUERIES[number]().sql("postgres")
    with psycopg.connect(pg_tpch) as connection:
        cursor = psycopg.RawCursor(connection)  # the one that takes $1
        cursor.execute(text, params)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        check_answer(duck, number, names, cursor.fetchall())


def test_a_wrong_answer_is_seen() -> None:
    assert fits(3, "3")
    assert fits(380456.0, "380456")
    assert fits(505822441.4861, "505822441.4861")
    assert fits(25.575154611454693, "25.575154611454693")
    assert fits(date(1995, 3, 11), "1995-03-11")
    assert not fits(4, "3")
    assert not fits(505822441.4863, "505822441.4861")
    assert not fits(25.5751546115, "25.575154611454693")
    assert not fits("IRAN", "IRAQ")
