"""What a test of `molt doctor` asserts of each injected problem."""

from __future__ import annotations

from typing import Any

from cli.tools import molt
from servers.postgres import PASSWORD

CODES = {"ok": 0, "warn": 1, "fail": 2}


def diagnosed(
    url: str, check: str, problem: str, words: str, *flags: object, status: str = "fail", **how: Any
) -> dict[str, Any]:
    """The one problem that is found, in this check, with these words in its cause or remedy."""
    done = molt("doctor", url, "--json", "--connect-timeout", 5, *flags, **how)
    assert done.err == ""
    told = done.json
    found = [one for one in told["checks"] if one["status"] in ("warn", "fail")]
    assert [(one["check"], one["status"], one["problem"]) for one in found] == [
        (check, status, problem)
    ], done.out
    (one,) = found
    assert words in one["cause"] + one["remedy"], one
    assert one["remedy"]
    assert told["status"] == status
    assert done.code == CODES[status]
    if status == "fail":
        after = told["checks"][told["checks"].index(one) + 1 :]
        assert {later["status"] for later in after} <= {"skip"}
    assert PASSWORD not in done.out
    assert "s3cret" not in done.out
    return one


def healthy(url: str, **how: Any) -> list[str]:
    """Nothing is found; the checks that were made."""
    done = molt("doctor", url, "--json", **how)
    assert (done.code, done.json["status"]) == (0, "ok"), done
    return [one["check"] for one in done.json["checks"] if one["status"] == "ok"]
