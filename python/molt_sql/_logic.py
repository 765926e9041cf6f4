"""Conditions combined by name, for lists of them: `and_(*conditions)`."""

from ._molt import Expr, _combine


def and_(*conditions: Expr[bool] | bool) -> Expr[bool]:
    """All of the conditions; of none: true."""
    return _combine(True, *conditions)


def or_(*conditions: Expr[bool] | bool) -> Expr[bool]:
    """Any of the conditions; of none: false."""
    return _combine(False, *conditions)


def not_(condition: Expr[bool] | bool) -> Expr[bool]:
    """The opposite of a condition; of NULL: NULL."""
    return ~_combine(True, condition)
