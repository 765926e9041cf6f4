"""What people see on a terminal, and only there: rich tables, progress."""

from __future__ import annotations

import signal
from pathlib import Path

from cli.tools import Terminal, plain
from servers.fixtures import PostgresDatabase


def test_a_table_is_drawn_for_the_terminal(url: str) -> None:
    with Terminal("query", url, "select * from users order by id") as terminal:
        code, shown = terminal.wait()
    assert code == 0
    assert "\x1b[" in shown
    lines = [line.rstrip() for line in plain(shown).splitlines()]
    assert lines[0].split() == ["id", "email", "born", "rate"]
    assert lines[2].split() == ["1", "ada@austin.edu", "1990-12-10", "1.5"]
    assert lines[-1] == "(3 rows)"


def test_a_table_fits_the_terminal_and_loses_nothing(url: str) -> None:
    sql = "select n as number, printf('%.60c', 'x') || n as t from numbers where n < 3"
    with Terminal("query", url, sql, columns=30) as terminal:
        code, shown = terminal.wait()
    lines = plain(shown).splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 30
    assert plain(shown).count("x") == 180


def test_pages_of_a_long_table_are_aligned(url: str) -> None:
    with Terminal("query", url, "select * from numbers order by n limit 2500") as terminal:
        code, shown = terminal.wait()
    lines = plain(shown).splitlines()
    rows = [line for line in lines if "row " in line]
    assert (code, len(rows)) == (0, 2500)
    assert len({line.index("row ") for line in rows}) == 1
    assert sum("n" in line and "t" in line for line in lines[:1]) == 1
    assert lines[-1] == "(2500 rows)"


def test_cells_cannot_steer_the_terminal(url: str) -> None:
    sql = "select char(27) || ']0;owned' || char(7) as \"[red]a\", '[bold]b' as b"
    with Terminal("query", url, sql, NO_COLOR="1") as terminal:
        _, shown = terminal.wait()
    assert "\x1b]" not in shown
    assert "\x07" not in shown
    assert "[red]a" in shown
    assert "[bold]b" in shown


def test_no_binary_to_a_terminal(url: str) -> None:
    with Terminal("query", url, "select 1", "-f", "parquet") as terminal:
        code, shown = terminal.wait()
    assert code == 2
    assert "not for a terminal" in shown


def test_a_long_result_shows_its_progress_on_stderr(
    pg_database: PostgresDatabase, tmp_path: Path
) -> None:
    sql = "select generate_series(1, 1e9::int8) n"
    target = tmp_path / "a.jsonl"
    with Terminal("query", pg_database.url(), sql, "-o", target, streams="err") as terminal:
        terminal.read_until("MiB, ")
        assert "rows, " in terminal.seen
        terminal.process.send_signal(signal.SIGINT)
        code, shown = terminal.wait()
    assert code == 130
    assert shown.endswith("\r\x1b[K")
    assert list(tmp_path.iterdir()) == []


def test_a_quick_result_and_a_pipe_show_no_progress(url: str, tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    with Terminal("query", url, "select 1 as a", "-o", target, streams="err") as terminal:
        assert terminal.wait() == (0, "")


def test_the_doctor_colours_its_marks_and_obeys_no_color(url: str) -> None:
    with Terminal("doctor", url) as terminal:
        code, shown = terminal.wait()
    assert (code, shown.count("\x1b[32mok")) == (0, 5)
    with Terminal("doctor", url, NO_COLOR="1") as terminal:
        _, shown = terminal.wait()
    assert "\x1b" not in shown
