"""The main job on real data: TPC-H, queried through molt_sql. `make demo` runs it on SQLite,
`make demo PG=postgresql://…` on PostgreSQL.

The first run makes and loads the data; later ones find it in build/demo, or in a schema of the
PostgreSQL database that is called molt_demo_….
"""

import argparse
import asyncio
import inspect
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

# The demo is run by its path, so the checkout must be on sys.path before these.
from examples.demo import queries, web  # noqa: E402 (after sys.path)
from examples.demo.load import make_database, make_postgres  # noqa: E402 (after sys.path)

from molt_sql import Database, Query, connect  # noqa: E402 (after sys.path)

QUERIES: dict[str, Callable[[], Query]] = {
    "Filter, select, limit": queries.brass_parts,
    "A join with aggregation": queries.nations_by_turnover,
    "A report: TPC-H's Q1": queries.pricing_summary,
}
SCENES: dict[str, Callable[[Database], Awaitable[None]]] = {
    "Results into polars": queries.orders_a_year_in_polars,
    "A runaway query, cancelled": queries.cancel_a_runaway,
    "Three mistakes and their errors": queries.three_mistakes,
}


async def show_query(make: Callable[[], Query], db: Database) -> None:
    print(inspect.getsource(make))
    query = make().on(db)
    print(query.pretty(), end="\n\n")
    start = time.perf_counter()
    rows = await query.fetch_all()
    seconds = time.perf_counter() - start
    print(rows)
    print(f"{seconds * 1000:.1f} ms from query to rows\n")


async def show_scene(play: Callable[[Database], Awaitable[None]], db: Database) -> None:
    print(inspect.getsource(play))
    start = time.perf_counter()
    await play(db)
    print(f"{(time.perf_counter() - start) * 1000:.1f} ms\n")


async def run(db: Database, console: Console) -> None:
    for title, make in QUERIES.items():
        console.rule(f"[bold]{title}", align="left")
        await show_query(make, db)
    for title, play in SCENES.items():
        console.rule(f"[bold]{title}", align="left")
        await show_scene(play, db)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scale", default="0.1", help="TPC-H's scale factor (default 0.1: 866,602 rows)"
    )
    parser.add_argument(
        "--database", type=Path, help="the SQLite file (default build/demo/tpch-SCALE.db)"
    )
    parser.add_argument("--postgres", metavar="URL", help="a PostgreSQL database, instead")
    options = parser.parse_args()
    folder = ROOT / "build" / "demo"
    console = Console(soft_wrap=True)
    if options.postgres:
        folder.mkdir(parents=True, exist_ok=True)
        url = make_postgres(options.scale, options.postgres, folder, console)
    else:
        path = options.database or folder / f"tpch-{options.scale}.db"
        url = make_database(options.scale, path.resolve(), console)
    with connect(url) as db:
        asyncio.run(run(db, console))
    console.rule("[bold]The same query, both ways", align="left")
    print(inspect.getsource(queries.both_ways))
    asyncio.run(queries.both_ways(url))
    console.rule("[bold]A Django view, both ways", align="left")
    web.compare(folder)


if __name__ == "__main__":
    main()
