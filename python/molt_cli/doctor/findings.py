"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True)
class Finding:
    check: str
    status: Status
    cause: str
    """What was found; of a check that was skipped, why."""
    remedy: str = ""
    problem: str = ""
    """A short name of what is wrong, for scripts; it does not change with the words."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Findings:
    """Those of `checks`, in this order. After one that fails, no other is made."""

    def __init__(self, checks: Sequence[str]) -> None:
        self._left = list(checks)
        self.all: list[Finding] = []

    def ok(self, check: str, cause: str) -> None:
        self._add(Finding(check, "ok", cause))

    def warn(self, check: str, problem: str, cause: str, remedy: str) -> None:
        self._add(Finding(check, "warn", cause, remedy, problem))

    def fail(self, check: str, problem: str, cause: str, remedy: str) -> None:
        self._add(Finding(check, "fail", cause, remedy, problem))
        self.skip_rest(f'"{check}" fails')

    def skip_rest(self, why: str) -> None:
        for check in list(self._left):
            self._add(Finding(check, "skip", why))

    def has(self, problem: str) -> bool:
        return any(finding.problem == problem for finding in self.all)

    def _add(self, finding: Finding) -> None:
        self._left.remove(finding.check)
        self.all.append(finding)


def worst(findings: Iterable[Finding]) -> Status:
    found = {finding.status for finding in findings}
    return "fail" if "fail" in found else "warn" if "warn" in found else "ok"
