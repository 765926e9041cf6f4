"""The setting MOLT, checked."""

import typing
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test.signals import setting_changed

IN_PROCESS = "inprocess"
STDIO = "stdio"
_UNIX = "unix://"


@dataclass(frozen=True, slots=True)
class MoltSettings:
    """One entry of MOLT."""

    database: str = "default"
    """An alias of DATABASES."""
    worker: str = IN_PROCESS
    """"inprocess", "stdio" or "unix:///path/of.sock"."""
    worker_alias: str = "default"
    """What the worker at a socket calls the database."""
    timeout_ms: int | None = 2000
    fallback: bool = True
    """Whether Django's own connection takes over when Molt cannot."""
    allow_superuser: bool = False


_KEYS: dict[str, tuple[str, tuple[type, ...]]] = {
    "DATABASE": ("database", (str,)),
    "WORKER": ("worker", (str,)),
    "WORKER_ALIAS": ("worker_alias", (str,)),
    "TIMEOUT_MS": ("timeout_ms", (int, type(None))),
    "FALLBACK": ("fallback", (bool,)),
    "ALLOW_SUPERUSER": ("allow_superuser", (bool,)),
}

_read: dict[str, MoltSettings] = {}


def molt_settings(name: str = "default") -> MoltSettings:
    """ImproperlyConfigured for an entry that is wrong, or not there."""
    found = _read.get(name)
    if found is None:
        found = _read[name] = _parse(name)
    return found


def _parse(name: str) -> MoltSettings:
    molt: typing.Any = getattr(settings, "MOLT", None) or {"default": {}}
    if not isinstance(molt, dict) or name not in molt:
        raise ImproperlyConfigured(f'MOLT has no entry "{name}": MOLT = {{"{name}": {{…}}}}')
    given = typing.cast("dict[str, typing.Any]", molt[name])
    values: dict[str, typing.Any] = {}
    for key, value in given.items():
        if key not in _KEYS:
            raise ImproperlyConfigured(
                f'MOLT["{name}"] has an unknown key "{key}"; there are {", ".join(_KEYS)}'
            )
        field, kinds = _KEYS[key]
        # A bool is an int as well.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise ImproperlyConfigured(f'MOLT["{name}"]["{key}"] must be {expected}')
        values[field] = value
    parsed = MoltSettings(**values)
    if parsed.worker not in (IN_PROCESS, STDIO) and not parsed.worker.startswith(_UNIX + "/"):
        raise ImproperlyConfigured(
            f'MOLT["{name}"]["WORKER"] must be "{IN_PROCESS}", "{STDIO}" or "{_UNIX}/path/of.sock"'
        )
    if parsed.timeout_ms is not None and parsed.timeout_ms < 1:
        raise ImproperlyConfigured(f'MOLT["{name}"]["TIMEOUT_MS"] must be positive, or None')
    if parsed.database not in settings.DATABASES:
        raise ImproperlyConfigured(
            f'MOLT["{name}"]["DATABASE"] is "{parsed.database}", which DATABASES does not have'
        )
    return parsed


def _forget(*, setting: str, **_: object) -> None:
    if setting in ("MOLT", "DATABASES"):
        _read.clear()


setting_changed.connect(_forget, dispatch_uid="molt_db_adapter.django")
