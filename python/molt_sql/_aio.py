"""Awaiting a Pending under asyncio (uvloop too) and trio.

The event loop watches one file descriptor: that of a port, behind which requests wait for their
sockets on the loop's own thread, and which threads wake when they are done with a request. The port
knows the numbers of finished requests and resolves their futures.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from ._molt import _CompletionPort

if TYPE_CHECKING:
    from ._molt import Pending

R = TypeVar("R")

_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _CompletionPort] = (
    weakref.WeakKeyDictionary()
)


async def ready(value: R) -> R:
    """`value`, as something to await."""
    return value


async def wait(pending: Pending[R]) -> R:
    """Gives the result of `pending`: at once if it takes less time than waiting for it would (see
    engine::Database::TryFetch and db::ExecContext::is_alone)."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        if _in_trio():
            return await _wait_trio(pending)
        raise RuntimeError(
            "a query can be awaited under asyncio or trio; elsewhere call .result()"
        ) from None
    port = _ports.get(loop)
    if port is None:
        port = _open_port(loop)
    number = port.next_number()
    seconds = pending._start(port, number)
    if pending._is_done:
        if port.begin_look(number):
            await _let_others_run(port, number)
        return pending._take()
    future = loop.create_future()
    port.add(number, future)
    timer = None if seconds is None else loop.call_later(seconds, pending._expire)
    try:
        await future
    except asyncio.CancelledError:
        await _stop(pending, port, number, loop)
        raise
    finally:
        if timer is not None:
            timer.cancel()
    return pending._take()


async def _let_others_run(port: _CompletionPort, number: int) -> None:
    """Now and then: what is done without waiting keeps the loop to itself."""
    try:
        await asyncio.sleep(0)
    finally:
        port.end_look(port.next_number() > number + 1)


def _open_port(loop: asyncio.AbstractEventLoop) -> _CompletionPort:
    port = _CompletionPort()
    loop.add_reader(port.fileno(), port.drain)
    _ports[loop] = port
    return port


async def _stop(
    pending: Pending[Any], port: _CompletionPort, number: int, loop: asyncio.AbstractEventLoop
) -> None:
    """Stops the query and waits until it has stopped, so that the caller finds nothing running and
    a write either done or undone. Further cancellations do not end the wait: it is short."""
    pending._cancel()
    while True:
        stopped = loop.create_future()
        if not port.replace(number, stopped):
            return
        try:
            await stopped
            return
        except asyncio.CancelledError:
            continue


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    if trio is None:
        return False
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True


async def _wait_trio(pending: Pending[R]) -> R:
    import trio

    port = _CompletionPort()
    number = port.next_number()
    seconds = pending._start(port, number)
    if pending._is_done:
        await trio.lowlevel.checkpoint()
        return pending._take()
    done = _Flag()
    port.add(number, done)

    async def until_done() -> None:
        while not done.is_set:
            await trio.lowlevel.wait_readable(port.fileno())
            port.drain()

    try:
        if seconds is not None:
            with trio.move_on_after(seconds):
                await until_done()
            if not done.is_set:
                pending._expire()
        await until_done()
    except trio.Cancelled:
        pending._cancel()
        with trio.CancelScope(shield=True):
            await until_done()
        raise
    return pending._take()


class _Flag:
    """What a port needs of a future, where the port itself is awaited."""

    is_set = False

    def done(self) -> bool:
        return self.is_set

    def set_result(self, _: None) -> None:
        self.is_set = True
