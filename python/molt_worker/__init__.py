"""molt_worker: talk to a `molt-worker`, or start one.

import molt_worker

with molt_worker.connect("molt+unix:///run/molt.sock") as client:
    print(client.call("health").result())           # or: await client.call("health")
    reports = client.database("reports")            # a molt_sql.Database
"""

from molt_sql import (
    BusyError,
    CancelledError,
    ClosedError,
    DatabaseError,
    InvalidQueryError,
    MoltError,
    ProtocolError,
    TimeoutError,
    UnsupportedError,
    WorkerUnavailableError,
)

from ._client import Client, connect
from ._pool import MoltPool, PooledCall
from ._replies import Reply, ReplyStream

__all__ = [
    "BusyError",
    "CancelledError",
    "Client",
    "ClosedError",
    "DatabaseError",
    "InvalidQueryError",
    "MoltError",
    "MoltPool",
    "PooledCall",
    "ProtocolError",
    "Reply",
    "ReplyStream",
    "TimeoutError",
    "UnsupportedError",
    "WorkerUnavailableError",
    "connect",
]
