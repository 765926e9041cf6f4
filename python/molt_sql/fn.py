"""Aggregates as functions: `fn.count()`, `fn.sum(Order.total)`. The same exist as methods."""

from typing import Any, TypeVar

from ._molt import Expr, _count_all

T = TypeVar("T")

__all__ = [
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "max",
    "min",
    "stddev",
    "string_agg",
    "sum",
    "variance",
]


def count(expr: Expr[Any] | None = None, *, distinct: bool = False) -> Expr[int]:
    """How many rows; with an expression, for how many it is not NULL."""
    return _count_all() if expr is None else expr.count(distinct=distinct)


def sum(expr: Expr[T], *, distinct: bool = False) -> Expr[T]:
    """The sum of the values that are not NULL; NULL when there are none."""
    return expr.sum(distinct=distinct)


def avg(expr: Expr[Any], *, distinct: bool = False) -> Expr[float]:
    """The mean, as a float; NULL when there are no values."""
    return expr.avg(distinct=distinct)


def min(expr: Expr[T]) -> Expr[T]:
    """The smallest value."""
    return expr.min()


def max(expr: Expr[T]) -> Expr[T]:
    """The largest value."""
    return expr.max()


def stddev(expr: Expr[Any], *, distinct: bool = False) -> Expr[float]:
    """The standard deviation of a sample; NULL of fewer than two values."""
    return expr.stddev(distinct=distinct)


def variance(expr: Expr[Any], *, distinct: bool = False) -> Expr[float]:
    """The variance of a sample; NULL of fewer than two values."""
    return expr.variance(distinct=distinct)


def bool_and(expr: Expr[bool]) -> Expr[bool]:
    """Whether the condition holds for all rows."""
    return expr.bool_and()


def bool_or(expr: Expr[bool]) -> Expr[bool]:
    """Whether the condition holds for any row."""
    return expr.bool_or()


def string_agg(expr: Expr[str], separator: str, *, distinct: bool = False) -> Expr[str]:
    """All texts joined with a separator."""
    return expr.string_agg(separator, distinct=distinct)


def array_agg(expr: Expr[T], *, distinct: bool = False) -> Expr[list[T]]:
    """All values as an array."""
    return expr.array_agg(distinct=distinct)
