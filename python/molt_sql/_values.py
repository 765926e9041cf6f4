"""Values that Python has no class for: ranges, and objects that are meant as JSON."""

import json
from typing import Any, Generic, Literal, NoReturn, TypeVar

from ._errors import InvalidQueryError

T = TypeVar("T")

Bounds = Literal["[)", "(]", "[]", "()"]


class Range(Generic[T]):
    """What lies between two values; None as a bound: without end there.

    `bounds` says whether the bounds belong to it: `[` and `]` if so, `(` and `)` if not. A bound
    that is None never does. Immutable.
    """

    __slots__ = ("_bounds", "_isempty", "_lower", "_upper")

    _lower: T | None
    _upper: T | None
    _bounds: str
    _isempty: bool

    def __init__(
        self,
        lower: T | None = None,
        upper: T | None = None,
        bounds: Bounds = "[)",
        empty: bool = False,
    ) -> None:
        if bounds not in ("[)", "(]", "[]", "()"):
            raise InvalidQueryError(f"bounds of a range are [), (], [] or (), got {bounds!r}")
        if empty:
            lower = upper = None
        self._lower = lower
        self._upper = upper
        self._bounds = ("(" if lower is None else bounds[0]) + (")" if upper is None else bounds[1])
        self._isempty = bool(empty)

    @property
    def lower(self) -> T | None:
        """The lower bound; None if there is none."""
        return self._lower

    @property
    def upper(self) -> T | None:
        """The upper bound; None if there is none."""
        return self._upper

    @property
    def bounds(self) -> str:
        """`[)`, `(]`, `[]` or `()`; of the empty range ``."""
        return "" if self._isempty else self._bounds

    @property
    def isempty(self) -> bool:
        """Whether nothing lies in it."""
        return self._isempty

    @property
    def lower_inc(self) -> bool:
        """Whether the lower bound belongs to it."""
        return self.bounds.startswith("[")

    @property
    def upper_inc(self) -> bool:
        """Whether the upper bound belongs to it."""
        return self.bounds.endswith("]")

    @property
    def lower_inf(self) -> bool:
        """Whether it has no lower bound."""
        return self._lower is None and not self._isempty

    @property
    def upper_inf(self) -> bool:
        """Whether it has no upper bound."""
        return self._upper is None and not self._isempty

    def __contains__(self, value: Any) -> bool:
        if self._isempty or value is None:
            return False
        lower: Any = self._lower
        upper: Any = self._upper
        if lower is not None and not (lower <= value if self.lower_inc else lower < value):
            return False
        return upper is None or bool(value <= upper if self.upper_inc else value < upper)

    def __bool__(self) -> bool:
        return not self._isempty

    def _key(self) -> tuple[object, ...]:
        return self._lower, self._upper, self._bounds, self._isempty

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        if self._isempty:
            return "Range(empty=True)"
        return f"Range({self._lower!r}, {self._upper!r}, {self._bounds!r})"

    def __str__(self) -> str:
        if self._isempty:
            return "empty"
        lower = "" if self._lower is None else self._lower
        upper = "" if self._upper is None else self._upper
        return f"{self._bounds[0]}{lower}, {upper}{self._bounds[1]}"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._lower, self._upper, self._bounds, self._isempty)


class Json:
    """Marks any object, a list too, as a JSON value: `Json([1, 2])`. A dict needs no mark."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    @property
    def value(self) -> Any:
        """The object that is written as JSON."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Json):
            return NotImplemented
        return bool(self._value == other._value)

    __hash__ = None  # type: ignore[assignment]  # like the lists and dicts it holds

    def __repr__(self) -> str:
        return f"Json({self._value!r})"


def _refuse(value: object) -> NoReturn:
    raise InvalidQueryError(
        f"a value of type {type(value).__name__} cannot be written as JSON; "
        "make it a str or a number first"
    )


def write_json(value: object) -> str:
    """The JSON text of a parameter. InvalidQueryError if there is none."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, default=_refuse)
    except InvalidQueryError:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        # NaN, keys that are no str, an object within itself.
        raise InvalidQueryError(f"a value cannot be written as JSON: {error}") from None
