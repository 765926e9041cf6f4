"""molt_sql: queries as data, compiled and run by a C++ core.

from molt_sql import table

User = table("users")
q = User.where(User.email.endswith("@austin.edu")).select(User.id, User.email).limit(100)
rows = await q.fetch_all()      # or q.fetch_all().result()
"""

from . import fn
from ._config import configure, connect
from ._errors import (
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
from ._logic import and_, not_, or_
from ._molt import (
    Column,
    CompiledSql,
    Database,
    ExecuteResult,
    Expr,
    Ordering,
    Pending,
    Query,
    Raw,
    ResultSet,
    Row,
    TableRef,
    raw,
)
from ._stream import Stream
from ._tables import Table, table
from ._transaction import Transaction
from ._values import Json, Range

__all__ = [
    "BusyError",
    "CancelledError",
    "ClosedError",
    "Column",
    "CompiledSql",
    "Database",
    "DatabaseError",
    "ExecuteResult",
    "Expr",
    "InvalidQueryError",
    "Json",
    "MoltError",
    "Ordering",
    "Pending",
    "ProtocolError",
    "Query",
    "Range",
    "Raw",
    "ResultSet",
    "Row",
    "Stream",
    "Table",
    "TableRef",
    "TimeoutError",
    "Transaction",
    "UnsupportedError",
    "WorkerUnavailableError",
    "and_",
    "configure",
    "connect",
    "fn",
    "not_",
    "or_",
    "raw",
    "table",
]
