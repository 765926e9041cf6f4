"""The benchmark harness runs and writes what it promises. Nothing here judges a time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run_quick(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/run.py", "--quick", f"--out={out}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON row of one case, run quick. Peers that are not installed are left out."""
    out = tmp_path_factory.mktemp("results")
    done = run_quick(out, "sqlite_small", "--case=point_result")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "sqlite_small.md").read_text().startswith("## sqlite_small")
    (found,) = json.loads((out / "sqlite_small.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_row_has_the_documented_shape(row: dict[str, Any]) -> None:
    assert row["bench"] == "sqlite_small"
    assert row["case"] == "point_result"
    assert row["unit"] == "s per query"
    assert row["ours_s"] > 0
    assert "sqlite3" in row["peers"]
    assert all(seconds > 0 for seconds in row["peers"].values())
    assert row["quick"] is True


def test_the_ratio_is_the_nearest_peer_over_ours(row: dict[str, Any]) -> None:
    assert row["nearest"] == min(row["peers"], key=row["peers"].__getitem__)
    assert row["ratio"] == pytest.approx(row["peers"][row["nearest"]] / row["ours_s"])


def test_spread_and_goals_are_reported(row: dict[str, Any]) -> None:
    assert all(low <= high for low, high in row["spread"].values())
    assert {goal["text"] for goal in row["goals"]} == {
        "(.result() - build and compile) / raw sqlite3"
    }
    assert "CPython" in row["environment"]


def test_a_worker_is_asked_over_sockets_and_stdio(tmp_path: Path) -> None:
    done = run_quick(tmp_path, "ipc", "--case=list_items")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "ipc.json").read_text())
    assert row["missing"] == {}
    ways = {
        "socket, 32 in flight",
        "socket, 1 in flight",
        "stdio, 32 in flight",
        "stdio, 1 in flight",
        "socket, 32 connections",
        "socket, 1,000 connections",
    }
    assert ways <= row["spread"].keys()
    assert all("requests/s, p50" in row["notes"][way] for way in ways)
    assert {goal["text"] for goal in row["goals"]} == {
        "requests a second, socket, 32 in flight",
        "µs (p50), socket, 1 in flight",
        "of 32 connections' rate with 1,000",
    }


def test_a_table_is_streamed_through_a_worker(tmp_path: Path) -> None:
    done = run_quick(tmp_path, "ipc_bulk", "--case=sqlite_stream")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = json.loads((tmp_path / "ipc_bulk.json").read_text())
    assert row["ours_s"] > 0
    assert row["parts"].keys() == {"molt_sql in this process"}
    grown = {note for note in row["notes"] if note.startswith("peak memory growth")}
    assert {note.split(",")[1].strip() for note in grown} == {
        "the client",
        "the worker",
        "molt_sql in this process",
    }
    assert not any("not measured" in row["notes"][note] for note in grown)


def test_an_unknown_bench_is_named_with_those_there_are(tmp_path: Path) -> None:
    done = run_quick(tmp_path, "nothing")
    assert done.returncode == 2
    assert "'nothing'; there are builder, sqlite_small, sqlite_bulk" in done.stderr


def test_rows_that_differ_stop_the_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from contextlib import nullcontext

    import harness

    case = harness.Case(
        bench="made up",
        name="differs",
        about="two contestants that do not agree",
        contestants=[
            harness.Contestant("a", lambda: nullcontext(lambda i: [i]), "ours", list),
            harness.Contestant("b", lambda: nullcontext(lambda i: [i + 1]), rows=list),
        ],
    )
    with pytest.raises(harness.RowsDifferError, match="b and a differ"):
        harness.run(case, harness.Options(quick=True))
