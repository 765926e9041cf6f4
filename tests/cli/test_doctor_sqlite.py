"""`molt doctor` on SQLite files, each with a problem of its own."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.diagnosis import diagnosed, healthy
from cli.tools import clean_environment, molt
from servers.processes import unprivileged

# Root may read and write everything, so these tests become somebody else; modules are loaded
# before, as that one may not be allowed to.
AS_ANOTHER = """
import contextlib, io, os, sys
from molt_cli.main import main
good, user, group, *args = sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()):
    assert main(["doctor", good, "--json"]) == 0
    assert main(["query", good, "select 1", "-f", "table", "-o", os.devnull]) == 0
if int(user):
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))
sys.exit(main(args))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="molt-doctor-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    for path in made.rglob("*"):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(made)


def as_another(url: str, *args: str) -> subprocess.CompletedProcess[str]:
    user = unprivileged()
    with tempfile.TemporaryDirectory() as own:
        good = Path(own) / "good.db"
        make(good)
        who = (str(user.get("user", 0)), str(user.get("group", 0)))
        command = [sys.executable, "-c", AS_ANOTHER, f"sqlite:///{good}", *who]
        return subprocess.run(
            [*command, args[0], url, *args[1:]],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
            cwd="/",
        )


def found_by_another(url: str, code: int) -> dict[str, Any]:
    done = as_another(url, "doctor", "--json")
    assert done.returncode == code, done
    (one,) = (one for one in json.loads(done.stdout)["checks"] if one["problem"])
    assert isinstance(one, dict)
    return one


def make(path: Path, journal: str = "delete") -> None:
    db = sqlite3.connect(path)
    db.execute(f"pragma journal_mode={journal}")
    db.execute("create table t (n integer primary key, text)")
    db.executemany("insert into t values (?, ?)", [(n, f"row {n}" * 20) for n in range(2000)])
    db.commit()
    db.close()


def test_a_good_file_passes_every_check(folder: Path) -> None:
    every = ["url", "file", "access", "open", "integrity"]
    for journal in ("delete", "wal"):
        path = folder / f"{journal} odd?name#%.db"
        make(path, journal)
        name = str(path).replace("%", "%25").replace("?", "%3F").replace("#", "%23")
        for mode in ("", "?mode=ro", "?mode=rw", "?mode=rwc"):
            assert healthy(f"sqlite:///{name}{mode}") == every
    assert healthy("sqlite:///:memory:") == ["url"]


def test_a_file_that_is_to_be_created_is_not_created_by_the_doctor(folder: Path) -> None:
    assert healthy(f"sqlite:///{folder}/new.db?mode=rwc") == ["url", "file"]
    assert list(folder.iterdir()) == []


def test_missing_files_and_folders(folder: Path) -> None:
    diagnosed(f"sqlite:///{folder}/no.db", "file", "file-missing", "mode=rwc")
    diagnosed(f"sqlite:///{folder}/no.db?mode=ro", "file", "file-missing", f"{folder}/no.db")
    diagnosed(f"sqlite:///{folder}/a/no.db?mode=rwc", "file", "folder-missing", "mkdir")


def test_a_folder_in_place_of_a_file(folder: Path) -> None:
    diagnosed(f"sqlite:///{folder}", "file", "file-is-folder", "is a folder")


@pytest.mark.parametrize("content", [b"id,email\n1,ada\n" * 100, b"x", b"\0" * 4096])
def test_a_file_that_is_no_database(folder: Path, content: bytes) -> None:
    (folder / "a.db").write_bytes(content)
    diagnosed(f"sqlite:///{folder}/a.db", "file", "file-not-a-database", "begins with something")


def test_an_empty_file(folder: Path) -> None:
    (folder / "a.db").touch()
    diagnosed(f"sqlite:///{folder}/a.db", "file", "file-empty", "empty", status="warn")


def test_damaged_pages(folder: Path) -> None:
    path = folder / "a.db"
    make(path)
    noise = random.Random(7)
    with path.open("r+b") as file:
        for page in (20, 40):  # of 4096 bytes; those before are well
            file.seek(page * 4096)
            file.write(noise.randbytes(4096))
    diagnosed(f"sqlite:///{path}", "integrity", "file-corrupt", ".recover")


def test_a_file_that_was_cut_off(folder: Path) -> None:
    path = folder / "a.db"
    make(path)
    os.truncate(path, 3 * 4096)
    done = molt("doctor", f"sqlite:///{path}", "--json")
    assert done.code == 2
    assert "file-corrupt" in [one["problem"] for one in done.json["checks"]]


def test_a_damaged_schema(folder: Path) -> None:
    path = folder / "a.db"
    make(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 1000)
    diagnosed(f"sqlite:///{path}", "open", "file-corrupt", ".recover")


def test_a_file_that_another_process_has_locked(folder: Path) -> None:
    path = folder / "a.db"
    make(path)
    db = sqlite3.connect(path)
    db.execute("begin exclusive")
    one = diagnosed(f"sqlite:///{path}", "open", "file-locked", "journal mode wal")
    assert f"process {os.getpid()} (" in one["cause"]
    db.rollback()
    db.close()
    assert "integrity" in healthy(f"sqlite:///{path}")


def test_a_check_that_takes_too_long_is_given_up(folder: Path) -> None:
    path = folder / "a.db"
    make(path)
    url = f"sqlite:///{path}"
    # Long enough to read the schema, by far too short for every page of a file of 40 MB.
    db = sqlite3.connect(path)
    db.executemany("insert into t values (?, ?)", ((n, "x" * 400) for n in range(9000, 109_000)))
    db.commit()
    db.close()
    one = diagnosed(
        url, "integrity", "check-unfinished", "--timeout", "--timeout", 0.004, status="warn"
    )
    assert "0.004 s" in one["cause"]


def test_a_file_that_may_not_be_read(folder: Path) -> None:
    path = folder / "a.db"
    make(path)
    path.chmod(0)
    one = found_by_another(f"sqlite:///{path}", 2)
    assert (one["check"], one["problem"]) == ("file", "file-unreadable")
    assert as_another(f"sqlite:///{path}", "query", "select * from t").returncode == 1


def test_a_folder_that_may_not_be_entered(folder: Path) -> None:
    inner = folder / "inner"
    inner.mkdir()
    make(inner / "a.db")
    inner.chmod(0)
    one = found_by_another(f"sqlite:///{inner}/a.db", 2)
    assert (one["check"], one["problem"]) == ("file", "file-unreachable")


def test_wal_mode_in_a_folder_that_may_not_be_written(folder: Path) -> None:
    path = folder / "a.db"
    make(path, "wal")
    folder.chmod(0o555)
    path.chmod(0o444)
    for mode in ("", "?mode=ro"):
        url = f"sqlite:///{path}{mode}"
        one = found_by_another(url, 2)
        assert (one["check"], one["problem"]) == ("access", "wal-not-writable")
        assert "journal_mode=delete" in one["remedy"]
        # It is so: the file cannot be read.
        assert as_another(url, "query", "select * from t").returncode == 1


def test_a_database_that_may_only_be_read(folder: Path) -> None:
    path = folder / "a.db"
    make(path)
    folder.chmod(0o555)
    path.chmod(0o444)
    one = found_by_another(f"sqlite:///{path}", 1)
    assert (one["check"], one["problem"]) == ("access", "file-not-writable")
    assert as_another(f"sqlite:///{path}?mode=ro", "doctor").returncode == 0
    assert as_another(f"sqlite:///{path}", "query", "select * from t").returncode == 0
    one = found_by_another(f"sqlite:///{folder}/new.db?mode=rwc", 2)
    assert (one["check"], one["problem"]) == ("file", "folder-not-writable")


@pytest.mark.parametrize(
    ("url", "problem", "words"),
    [
        ("app.db", "url-malformed", "starts with its kind"),
        ("", "url-malformed", "starts with its kind"),
        ("sqlite://app.db", "url-malformed", "three slashes"),
        ("sqlite:///a%zz.db", "url-malformed", "write %25"),
        ("mysql://u:s3cret@host/shop", "scheme-unknown", '"mysql"'),
        ("sqlite:///app.db?cache=shared", "option-unknown", '"cache"'),
        ("sqlite:///app.db?mode=fast", "option-unknown", '"fast"'),
    ],
)
def test_wrong_urls(url: str, problem: str, words: str, tmp_path: Path) -> None:
    diagnosed(url, "url", problem, words, cwd=tmp_path)


def test_people_read_each_check_its_cause_and_what_to_do(folder: Path) -> None:
    done = molt("doctor", "sqlite:///no.db", cwd=folder)
    assert done.code == 2
    assert done.out == (
        f'ok    url        the file "{folder}/no.db", opened for reading and writing\n'
        f'fail  file       there is no file "{folder}/no.db"\n'
        "                 -> correct the path, or add ?mode=rwc to the URL to create the database\n"
        'skip  access     "file" fails\n'
        "                 also: open, integrity\n"
    )


def test_every_problem_is_in_the_guide_and_every_problem_there_exists() -> None:
    root = Path(__file__).parents[2]
    source = "".join(
        path.read_text() for path in (root / "python" / "molt_cli" / "doctor").glob("*.py")
    )
    guide = (root / "docs" / "guide" / "cli.md").read_text()
    named = set(re.findall(r'"([a-z]+(?:-[a-z0-9]+)+)"', source))
    _, _, table = guide.partition("| check | problems |\n| --- | --- |\n")
    rows = [row.split("|")[2] for row in table.partition("\n\n")[0].splitlines()]
    documented = {word for row in rows for word in re.findall(r"`([a-z-]+)`", row)}
    assert len(named) > 30
    assert named - documented == set()
    assert [word for word in documented if f'"{word}"' not in source] == []
