"""Chooses the checks by the URL, and prints what they found."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import molt_sql

from ..problems import one_line
from .findings import Finding, worst
from .postgres import examine_postgres
from .sqlite import examine_sqlite

EXIT_CODES = {"ok": 0, "warn": 1, "fail": 2}
URL_REMEDY = (
    "write it like sqlite:///app.db (relative), sqlite:////srv/app.db (absolute) or"
    " postgresql://user@host:5432/database?sslmode=verify-full"
)


def run(url: str, as_json: bool, connect_timeout: float, timeout: float) -> int:
    findings = examine(url, connect_timeout, timeout)
    status = worst(findings)
    if as_json:
        told = {"status": status, "checks": [finding.as_dict() for finding in findings]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print(findings)
    return EXIT_CODES[status]


def examine(url: str, connect_timeout: float, timeout: float) -> Sequence[Finding]:
    scheme, separator, _ = url.partition("://")
    if separator and scheme.lower() == "sqlite":
        return examine_sqlite(url, timeout)
    if (separator and scheme.lower() in ("postgresql", "postgres")) or (
        not separator and "=" in url
    ):
        return examine_postgres(url, connect_timeout, timeout)
    try:  # for its words: it is no driver's
        molt_sql.connect(url).close()
    except molt_sql.UnsupportedError as error:
        return [Finding("url", "fail", one_line(error), URL_REMEDY, "scheme-unknown")]
    except molt_sql.MoltError as error:
        return [Finding("url", "fail", one_line(error), URL_REMEDY, "url-malformed")]
    return [Finding("url", "ok", "a kind of database that there are no checks for")]


def _print(findings: Sequence[Finding]) -> None:
    marks = {"ok": "32", "warn": "33", "fail": "31", "skip": "2"} if _colours() else {}
    wide = max(len(finding.check) for finding in findings)
    skipped = [finding for finding in findings if finding.status == "skip"]
    for finding in findings:
        if finding in skipped[1:]:
            continue
        mark = f"{finding.status:4}"
        if colour := marks.get(finding.status):
            mark = f"\x1b[{colour}m{mark}\x1b[0m"
        print(f"{mark}  {finding.check:{wide}}  {one_line(finding.cause)}")
        if finding.status == "skip" and len(skipped) > 1:
            print(f"{'':{wide + 8}}also: {', '.join(one.check for one in skipped[1:])}")
        if finding.remedy:
            print(f"      {'':{wide}}  -> {one_line(finding.remedy)}")


def _colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
