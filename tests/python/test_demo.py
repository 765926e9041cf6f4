"""The demo at a small scale, as `make demo` runs it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import molt_sql

ROOT = Path(__file__).parents[2]


def run_demo(database: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "examples/demo/demo.py", "--scale=0.01", f"--database={database}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo.db"


@pytest.fixture(scope="module")
def first_run(database: Path) -> str:
    done = run_demo(database)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_first_run_makes_and_loads_the_data(first_run: str, database: Path) -> None:
    assert "  lineitem: 60,175 rows in " in first_run
    with molt_sql.connect(f"sqlite:///{database}?mode=ro") as db:
        assert len(db.table_names()) == 8


def test_every_example_shows_its_code_its_sql_its_rows_and_its_time(first_run: str) -> None:
    scenes = re.split(r"^.+ ─{5,}$", first_run, flags=re.MULTILINE)[1:]
    assert len(scenes) == 8
    for scene in scenes[:7]:
        assert re.search(r"^(async )?def \w+\(", scene, re.MULTILINE)
        assert re.search(r"[\d.]+ ms", scene, re.MULTILINE)
    for scene in scenes[:3]:
        assert re.search(r"^SELECT .+\nFROM ", scene, re.MULTILINE)
        assert re.search(r"^\(\d+ rows\)$", scene, re.MULTILINE)
    assert "│ year ┆" in scenes[3]
    assert re.search(r"stopped [\d.]+ ms after cancel", scenes[4])
    assert len(re.findall(r"^InvalidQueryError: ", scenes[5], re.MULTILINE)) == 3
    assert "through a worker: " in scenes[6]
    assert "the same rows\n" in scenes[6]
    assert scenes[7].count("the same bytes") == 2


def test_output_that_is_no_terminal_gets_plain_lines(first_run: str) -> None:
    assert "\x1b" not in first_run
    assert "\r" not in first_run


def test_second_run_uses_what_the_first_one_made(first_run: str, database: Path) -> None:
    done = run_demo(database)
    assert done.returncode == 0, done.stderr
    assert "Loading" not in done.stdout
    assert "Filter, select, limit" in done.stdout


def test_a_file_that_is_no_tpch_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with molt_sql.connect(f"sqlite:///{path}?mode=rwc") as db:
        molt_sql.raw("create table notes (text text)").on(db).execute().result()
    done = run_demo(path)
    assert done.returncode != 0
    assert f"{path} is no TPC-H database" in done.stderr
