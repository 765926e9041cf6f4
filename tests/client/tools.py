"""Statements that do not end, and a look at the worker."""

from typing import Any

import molt_worker
from molt_sql import Database, raw

ENDLESS = "with recursive c(i) as (select 1 union all select i + 1 from c) select count(*) from c"


def running(client: molt_worker.Client) -> int:
    databases = client.call("health").result()["databases"]
    return int(databases["default"]["running"])


async def endless(database: Database) -> Any:
    return await raw(ENDLESS).on(database).fetch_all()
