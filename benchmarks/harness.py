"""Measures ours and its peers in one process, interleaved, and checks that all return the same.

All times are seconds, wall clock, for one operation. A *case* is one question ("a point query by
`.result()`"); its *contestants* answer it: ours, the peers, and parts, which are measured beside
them to explain a figure but are no rivals. In each round every contestant runs one block of
operations; who begins moves on by one each round. A block begins after a full garbage collection,
and the collector stays off while the clock runs, for everyone.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    contextmanager,
)
from dataclasses import dataclass, field
from typing import Any, Literal

Op = Callable[[int], Any]
"""One operation; its argument differs each time, so that values (or structures) may vary."""
AsyncOp = Callable[[int], Awaitable[Any]]
Opener = Callable[[], AbstractContextManager[Op] | AbstractAsyncContextManager[AsyncOp]]
LoopFactory = Callable[[], asyncio.AbstractEventLoop]

BLOCK_OPS_MAX = 1 << 20


@dataclass(frozen=True)
class Options:
    """How long to measure. `quick` is for smoke tests: small data, few rounds, peers may be absent."""

    quick: bool = False
    rounds: int | None = None
    cases: tuple[str, ...] = ()
    """Substrings; a case is run when its name contains one of them. Empty: all."""
    rows: int | None = None
    """Instead of the number of rows that a bench uses. Only the pg ones and ipc_bulk heed it."""
    peers_only: bool = False
    """Leaves ours out, to look at the peers alone. There is no ratio then."""

    def wants(self, case: str) -> bool:
        return not self.cases or any(part in case for part in self.cases)


@dataclass(frozen=True)
class Contestant:
    """`open` yields the operation, with whatever it needs (a connection) open around it.

    `rows` turns the operation's result into what must be equal for all; None for a part that
    returns nothing comparable. An asynchronous context manager yields an asynchronous operation.
    """

    name: str
    open: Opener
    role: Literal["ours", "peer", "part"] = "peer"
    rows: Callable[[Any], object] | None = None
    reset: Callable[[], object] | None = None
    """Run before each block, outside the clock; for operations that leave something behind."""
    timed_itself: bool = False
    """The operation gives its own seconds: a program whose start does not count."""


@dataclass(frozen=True)
class Difference:
    """A peer that cannot be timed alone: `whole` minus `part`, subtracted round by round."""

    name: str
    whole: str
    part: str


@dataclass(frozen=True)
class Goal:
    """A figure to reach. `value` and `limit` are in the unit that `text` names."""

    text: str
    value: float
    sense: Literal["<=", ">="]
    limit: float

    @property
    def reached(self) -> bool:
        return self.value <= self.limit if self.sense == "<=" else self.value >= self.limit

    def __str__(self) -> str:
        verdict = "pass" if self.reached else "SHORT"
        return f"{verdict}: {self.text}: {self.value:.3g} (goal {self.sense} {self.limit:g})"


def ahead(
    medians: Mapping[str, float], ours: str, peers: Sequence[str], limit: float
) -> list[Goal]:
    """A goal per peer that was measured: its median over ours is at least `limit`."""
    return [
        Goal(f"times ahead of {peer}", medians[peer] / medians[ours], ">=", limit)
        for peer in peers
        if peer in medians
    ]


@dataclass(frozen=True)
class Case:
    bench: str
    name: str
    about: str
    contestants: Sequence[Contestant]
    unit: str = "s per query"
    goals: Callable[[Mapping[str, float]], Sequence[Goal]] = lambda _: ()
    """From the median of each contestant, by name, in seconds. Asked only when ours was measured."""
    check: Sequence[int] = (0, 1, 2)
    """Operations run once by everyone before any timing; their rows must be equal."""
    differences: Sequence[Difference] = ()
    loop_factory: LoopFactory | None = None
    one_core: bool = False
    """Whether everyone, with the threads opened for the case, stays on one core."""
    rounds: int = 21
    block_s: float = 0.05
    """Length of a contestant's block. 0: one operation."""
    notes: Callable[[], Mapping[str, str]] = dict
    """More to print, computed after the timing."""


@dataclass
class Result:
    case: Case
    quick: bool = False
    """The figures are no measurement, only a sign of life."""
    samples: dict[str, list[float]] = field(default_factory=dict)
    """Seconds per operation, one per round, for every contestant that could be opened."""
    missing: dict[str, str] = field(default_factory=dict)
    """Contestants whose package could not be imported, with the reason."""
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def medians(self) -> dict[str, float]:
        return {name: statistics.median(times) for name, times in self.samples.items()}

    @property
    def ours(self) -> str | None:
        return next((n for n, role in self.roles().items() if role == "ours"), None)

    @property
    def peers(self) -> list[str]:
        return [name for name, role in self.roles().items() if role == "peer"]

    @property
    def nearest(self) -> str | None:
        """The quickest peer: the ratio is its median over ours."""
        return min(self.peers, key=lambda name: self.medians[name], default=None)

    @property
    def ratio(self) -> float | None:
        if self.ours is None or self.nearest is None:
            return None
        return self.medians[self.nearest] / self.medians[self.ours]

    @property
    def goals(self) -> Sequence[Goal]:
        return () if self.ours is None else self.case.goals(self.medians)

    def roles(self) -> dict[str, str]:
        """Of what was measured, ours first, then peers, then parts."""
        roles = {c.name: c.role for c in self.case.contestants} | {
            d.name: "peer" for d in self.case.differences
        }
        order = ("ours", "peer", "part")
        measured = (name for name in roles if name in self.samples)
        return {name: roles[name] for name in sorted(measured, key=lambda n: order.index(roles[n]))}


class RowsDifferError(Exception):
    """Two contestants returned different rows, so their times cannot be compared."""


class _Entrant:
    """A contestant that is open, with the number of operations that make up its block."""

    def __init__(self, contestant: Contestant, runner: asyncio.Runner | None, op: Any) -> None:
        self.name = contestant.name
        self.rows = contestant.rows
        self.reset = contestant.reset or (lambda: None)
        self.timed_itself = contestant.timed_itself
        self.block_ops = 1
        self._runner = runner
        self._op = op
        self._next = 0

    def once(self, index: int) -> Any:
        self.reset()
        if self._runner is None:
            return self._op(index)

        async def ask() -> Any:
            return await self._op(index)

        return self._runner.run(ask())

    def block(self) -> float:
        """Seconds per operation over one block. Indexes never repeat, cold queries rely on it."""
        indexes = range(self._next, self._next + self.block_ops)
        self._next = indexes.stop
        self.reset()
        gc.collect()
        gc.disable()
        try:
            if self.timed_itself:
                seconds = sum(self._op(index) for index in indexes)
            elif self._runner is None:
                seconds = _time(self._op, indexes)
            else:
                seconds = self._runner.run(_time_async(self._op, indexes))
        finally:
            gc.enable()
        return seconds / self.block_ops

    def warm_up(self, block_s: float) -> None:
        """Runs until a block is about `block_s` long and has been run once at that length."""
        while (seconds := self.block() * self.block_ops) < block_s / 2:
            wanted = self.block_ops * min(8.0, block_s / max(seconds, 1e-7))
            self.block_ops = min(BLOCK_OPS_MAX, max(self.block_ops + 1, int(wanted)))
            if self.block_ops == BLOCK_OPS_MAX:
                break


def _time(op: Op, indexes: range) -> float:
    kept = None  # the last result is freed after the clock has stopped
    began = time.perf_counter()
    for index in indexes:
        kept = op(index)
    seconds = time.perf_counter() - began
    del kept
    return seconds


async def _time_async(op: AsyncOp, indexes: range) -> float:
    kept = None
    began = time.perf_counter()
    for index in indexes:
        kept = await op(index)
    seconds = time.perf_counter() - began
    del kept
    return seconds


def run(case: Case, options: Options) -> Result:
    """Opens everyone, compares their rows, warms up, and measures the rounds."""
    result = Result(case, options.quick)
    rounds = options.rounds or (3 if options.quick else case.rounds)
    block_s = min(case.block_s, 0.002) if options.quick else case.block_s
    with ExitStack() as stack:
        if case.one_core:
            stack.enter_context(_one_core())
        contestants = [c for c in case.contestants if c.role != "ours" or not options.peers_only]
        entrants = _open(contestants, case.loop_factory, stack, result.missing)
        _check_same_rows(case, entrants)
        for entrant in entrants:
            entrant.warm_up(block_s)
        samples: dict[str, list[float]] = {entrant.name: [] for entrant in entrants}
        for turn in range(rounds):
            first = turn % max(1, len(entrants))
            for entrant in entrants[first:] + entrants[:first]:
                samples[entrant.name].append(entrant.block())
    for diff in case.differences:
        if diff.whole in samples and diff.part in samples:
            pairs = zip(samples[diff.whole], samples[diff.part], strict=True)
            samples[diff.name] = [whole - part for whole, part in pairs]
    result.samples = samples
    result.notes = dict(case.notes())
    return result


@contextmanager
def _one_core() -> Iterator[None]:
    """Threads started meanwhile inherit it; those that run already keep their cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _open(
    contestants: Sequence[Contestant],
    loop_factory: LoopFactory | None,
    stack: ExitStack,
    missing: dict[str, str],
) -> list[_Entrant]:
    runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory))
    async_stack = AsyncExitStack()
    stack.callback(lambda: runner.run(async_stack.aclose()))
    entrants = []
    for contestant in contestants:
        try:
            manager = contestant.open()
            if isinstance(manager, AbstractContextManager):
                entrants.append(_Entrant(contestant, None, stack.enter_context(manager)))
            else:
                op = runner.run(async_stack.enter_async_context(manager))
                entrants.append(_Entrant(contestant, runner, op))
        except ImportError as error:
            missing[contestant.name] = str(error)
    return entrants


def _check_same_rows(case: Case, entrants: Sequence[_Entrant]) -> None:
    judged = [entrant for entrant in entrants if entrant.rows is not None]
    for index in case.check:
        expected: object = None
        for entrant in judged:
            assert entrant.rows is not None
            rows = entrant.rows(entrant.once(index))
            if entrant is judged[0]:
                expected = rows
                if not rows:
                    raise RowsDifferError(f"{case.name}: operation {index} returns nothing")
            elif rows != expected:
                raise RowsDifferError(
                    f"{case.name}, operation {index}: {entrant.name} and {judged[0].name} differ:\n"
                    f"{str(rows)[:500]}\n{str(expected)[:500]}"
                )
