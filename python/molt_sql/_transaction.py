"""Transactions and savepoints as context managers, for `with` and `async with` alike."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ._errors import InvalidQueryError, MoltError
from ._molt import _Transaction

if TYPE_CHECKING:
    from types import TracebackType

    from ._molt import Database, ExecuteResult, Pending, Query, Raw


class Transaction(_Transaction):
    """From `db.transaction()`. Queries run in it by `.on(tx)`; one at a time."""

    def __init__(
        self,
        database: Database,
        isolation: str | None = None,
        readonly: bool = False,
        timeout: float | None = None,
    ) -> None:
        super().__init__(database)
        self._isolation = isolation
        self._readonly = readonly
        self._timeout = timeout
        self._depth = 0

    def execute(self, statement: Query | Raw) -> Pending[ExecuteResult]:
        """Runs a statement that writes."""
        return statement.on(self).execute()

    def transaction(self) -> Savepoint:
        """A part that can fail by itself: rolled back alone if its block raises."""
        return Savepoint(self)

    async def __aenter__(self) -> Transaction:
        await self._begin(self._isolation, self._readonly, self._timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            await self._commit()
            return
        # What the block raised is what matters; a connection that cannot roll back is closed.
        with contextlib.suppress(MoltError):
            await self._rollback()

    def __enter__(self) -> Transaction:
        self._begin(self._isolation, self._readonly, self._timeout).result()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._commit().result()
            return
        with contextlib.suppress(MoltError):
            self._rollback().result()


class Savepoint:
    """From `tx.transaction()`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._depth = 0

    def _enter(self) -> Pending[None]:
        if self._depth:
            raise InvalidQueryError("this savepoint was used before; make another one")
        self._transaction._depth += 1
        self._depth = self._transaction._depth
        return self._transaction._savepoint(self._depth)

    def _leave(self, failed: bool) -> Pending[None]:
        self._transaction._depth = self._depth - 1
        if failed:
            return self._transaction._rollback_to(self._depth)
        return self._transaction._release(self._depth)

    async def __aenter__(self) -> Transaction:
        await self._enter()
        return self._transaction

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            await self._leave(failed=False)
            return
        with contextlib.suppress(MoltError):
            await self._leave(failed=True)

    def __enter__(self) -> Transaction:
        self._enter().result()
        return self._transaction

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._leave(failed=False).result()
            return
        with contextlib.suppress(MoltError):
            self._leave(failed=True).result()
