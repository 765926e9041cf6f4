"""A SQLite database: its file first, then what SQLite makes of it."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

import molt_sql

from ..problems import one_line
from .findings import Finding, Findings

CHECKS = ("url", "file", "access", "open", "integrity")
HEADER = b"SQLite format 3\0"
READ_VERSION_AT = 19  # in the header: 2 for a database in WAL mode
LOCK_WAIT_S = 2.0
STEPS = 10_000  # of SQLite's programs, between two looks at the clock


def examine_sqlite(url: str, timeout: float) -> Sequence[Finding]:
    found = Findings(CHECKS)
    _examine(url, timeout, found)
    return found.all


def _examine(url: str, timeout: float, found: Findings) -> None:
    location, _, options = url.partition("://")[2].partition("?")
    if not _check_url(url, location, options, found):
        return
    name = unquote(location.removeprefix("/"))
    mode = parse_qs(options).get("mode", ["rw"])[-1]
    if name in ("", ":memory:"):
        found.ok("url", "a database in memory, gone with the program that opened it")
        found.skip_rest("there is no file")
        return
    path = Path(name)
    found.ok("url", f'the file "{path.absolute()}", opened for {_purpose(mode)}')
    if (
        _check_file(path, mode, found)
        and _check_access(path, mode, found)
        and _check_open(url, path, found)
    ):
        _check_integrity(path, timeout, found)


def _purpose(mode: str) -> str:
    return {"ro": "reading", "rwc": "reading and writing, created if missing"}.get(
        mode, "reading and writing"
    )


def _check_url(url: str, location: str, options: str, found: Findings) -> bool:
    # connect() has the last word, on the same options but not the same file, which it could create.
    is_readable = location.startswith("/") and not re.search(r"%(?![0-9a-fA-F]{2})", location)
    probe = f"sqlite:///:memory:?{options}" if is_readable else url
    try:
        molt_sql.connect(probe).close()
    except molt_sql.InvalidQueryError as error:
        problem = "option-unknown" if is_readable else "url-malformed"
        remedy = (
            "a URL is sqlite:///relative.db or sqlite:////absolute.db, with ?mode=ro, rw or rwc"
        )
        found.fail("url", problem, one_line(error), remedy)
        return False
    except molt_sql.MoltError:  # of the database in memory, not of the URL
        return True
    return True


def _check_file(path: Path, mode: str, found: Findings) -> bool:
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return _is_missing(path, mode, found)
    except OSError as error:
        remedy = f'give this user access to the folders of "{path.absolute()}" (chmod a+x)'
        found.fail("file", "file-unreachable", f'"{path}": {error.strerror}', remedy)
        return False
    if stat.S_ISDIR(kind):
        remedy = "give the path of the database in it"
        found.fail("file", "file-is-folder", f'"{path}" is a folder', remedy)
        return False
    if not os.access(path, os.R_OK, effective_ids=True):
        remedy = f'let this user read it: chmod u+r "{path}", or chown it'
        found.fail("file", "file-unreadable", f'"{path}" may not be read by this user', remedy)
        return False
    with path.open("rb") as file:
        head = file.read(len(HEADER))
    if head and head != HEADER:
        cause = f'"{path}" is not a SQLite database: it begins with something else'
        remedy = (
            "give the path of the database; one that is encrypted or compressed has to be undone"
        )
        found.fail("file", "file-not-a-database", cause, remedy)
        return False
    size = path.stat().st_size
    if not head:
        remedy = "if it should have tables, look whether the path is the right one"
        found.warn("file", "file-empty", f'"{path}" is empty: a database without tables', remedy)
    else:
        found.ok("file", f"{size:,} bytes, a SQLite database")
    return True


def _is_missing(path: Path, mode: str, found: Findings) -> bool:
    folder = path.absolute().parent
    if not folder.is_dir():
        remedy = f'make the folder: mkdir -p "{folder}"; or correct the path'
        found.fail("file", "folder-missing", f'there is no folder "{folder}"', remedy)
    elif mode != "rwc":
        remedy = "correct the path, or add ?mode=rwc to the URL to create the database"
        found.fail("file", "file-missing", f'there is no file "{path.absolute()}"', remedy)
    elif not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        remedy = f'let this user write to the folder: chmod u+wx "{folder}", or chown it'
        cause = f'the database is to be created, and "{folder}" may not be written to'
        found.fail("file", "folder-not-writable", cause, remedy)
    else:
        found.ok("file", "it does not exist yet, and will be created")
        found.skip_rest("there is no file yet")
    return False


def _check_access(path: Path, mode: str, found: Findings) -> bool:
    """SQLite makes files beside the database: a journal to write, in WAL mode even to read."""
    folder = path.absolute().parent
    can_write = os.access(path, os.W_OK, effective_ids=True)
    can_create = os.access(folder, os.W_OK | os.X_OK, effective_ids=True)
    with path.open("rb") as file:
        is_wal = file.read(READ_VERSION_AT + 1)[READ_VERSION_AT:] == b"\2"
    journal = "journal mode wal" if is_wal else "a rollback journal"
    beside = [Path(f"{path.absolute()}{end}") for end in ("-wal", "-shm")]
    if is_wal and not can_create and not all(one.exists() for one in beside):
        cause = (
            f'the database is in WAL mode, and "{folder}", where its -wal and -shm files belong,'
            " may not be written to: it cannot even be read"
        )
        remedy = (
            f'let this user write to the folder (chmod u+wx "{folder}"), or leave WAL mode as its'
            f' owner: sqlite3 "{path}" "pragma journal_mode=delete"'
        )
        found.fail("access", "wal-not-writable", cause, remedy)
        return False
    if mode != "ro" and not (can_write and can_create):
        what = f'the folder "{folder}"' if can_write else f'the file "{path}"'
        remedy = f"let this user write to {what}, or say that only reading is meant: ?mode=ro"
        cause = f"{what} may not be written to, so nothing can be written"
        found.warn("access", "file-not-writable", cause, remedy)
        return True
    found.ok("access", f"{journal}; {'may' if can_write else 'need not'} be written to")
    return True


def _check_open(url: str, path: Path, found: Findings) -> bool:
    tables = molt_sql.raw("select count(*) from sqlite_master")
    try:
        with molt_sql.connect(url) as db:
            count = tables.on(db).fetch_value(timeout=LOCK_WAIT_S).result()
            version = molt_sql.raw("select sqlite_version()").on(db).fetch_value().result()
    except molt_sql.BusyError:
        holders = ", ".join(_lock_holders(path)) or "another process"
        remedy = "let it end its transaction, or end it; with journal mode wal readers never wait"
        found.fail("open", "file-locked", f'"{path}" is locked by {holders}', remedy)
        return False
    except molt_sql.MoltError as error:
        code = getattr(error, "code", "")
        is_damaged = code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
        problem = "file-corrupt" if is_damaged else "open-failed"
        remedy = DAMAGED if is_damaged else "see what the message names; try it with sqlite3"
        found.fail("open", problem, one_line(error), remedy)
        return False
    found.ok("open", f"{count} tables, views and indexes; SQLite {version}")
    return True


DAMAGED = (
    "restore a backup; else save what can be read into a new file:"
    " sqlite3 damaged.db .recover | sqlite3 saved.db"
)


def _check_integrity(path: Path, timeout: float, found: Findings) -> None:
    """By Python's own sqlite3, as the package rightly lets no such PRAGMA through."""
    deadline = time.monotonic() + timeout
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT_S)
    try:
        db.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        told = [str(row[0]) for row in db.execute("pragma quick_check(3)")]
    except sqlite3.DatabaseError as error:
        if time.monotonic() > deadline:
            remedy = "give it longer: --timeout"
            cause = f"the file was not read to its end within {timeout:g} s"
            found.warn("integrity", "check-unfinished", cause, remedy)
        else:
            found.fail("integrity", "file-corrupt", one_line(error), DAMAGED)
        return
    finally:
        db.close()
    if told == ["ok"]:
        found.ok("integrity", "every page was read and is well")
    else:
        found.fail("integrity", "file-corrupt", one_line("; ".join(told)), DAMAGED)


def _lock_holders(path: Path) -> list[str]:
    """Linux knows who has locks on a file; of another container it does not tell."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
    pids = {
        fields[4]
        for fields in map(str.split, lines)
        if len(fields) > 5 and fields[5].endswith(f":{inode}") and fields[4].isdigit()
    }
    return [f"process {pid}{_name_of(pid)}" for pid in sorted(pids, key=int) if int(pid) > 0]


def _name_of(pid: str) -> str:
    try:
        return f" ({Path(f'/proc/{pid}/comm').read_text().strip()})"
    except OSError:
        return ""
