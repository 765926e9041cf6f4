"""Views whose errors of Molt are answered as HTTP has them."""

import functools
import inspect
import typing
from collections.abc import Callable

from django.http import HttpResponse, JsonResponse

from molt_db_adapter.core import problem_of
from molt_sql import MoltError

from ._offload import Overrides, overrides

View = typing.TypeVar("View", bound=Callable[..., typing.Any])


@typing.overload
def molt_offload(view: View) -> View: ...
@typing.overload
def molt_offload(
    *, timeout_ms: int | None = None, fallback: bool | None = None
) -> Callable[[View], View]: ...
def molt_offload(
    view: Callable[..., typing.Any] | None = None,
    *,
    timeout_ms: int | None = None,
    fallback: bool | None = None,
) -> typing.Any:
    """For a view, sync or async, a function or a method, that uses offload().

    `timeout_ms` and `fallback` are for what it offloads, instead of those of the setting. What Molt
    cannot do is answered: 400 for what is not possible, 429 with Retry-After when it is busy, 504
    when the time is over, 503 when it is gone, 499 when it was cancelled, 500 otherwise.
    """
    if view is None:
        return functools.partial(_decorate, given=Overrides(timeout_ms, fallback))
    return _decorate(view, given=Overrides())


def _decorate(view: Callable[..., typing.Any], given: Overrides) -> Callable[..., typing.Any]:
    if inspect.iscoroutinefunction(view):

        @functools.wraps(view)
        async def answer_async(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
            token = overrides.set(given)
            try:
                return await view(*args, **kwargs)
            except MoltError as error:
                return _answer(error)
            finally:
                overrides.reset(token)

        return answer_async

    @functools.wraps(view)
    def answer(*args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        token = overrides.set(given)
        try:
            return view(*args, **kwargs)
        except MoltError as error:
            return _answer(error)
        finally:
            overrides.reset(token)

    return answer


def _answer(error: MoltError) -> HttpResponse:
    problem = problem_of(error)
    return JsonResponse({"error": problem.message}, status=problem.status, headers=problem.headers)
