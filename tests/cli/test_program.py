"""The program as a whole: help, usage, completion, and what it does not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.tools import MOLT, clean_environment, fails, molt

COMMANDS = ("query", "doctor", "worker", "top")
# What is too slow to import for a list of flags.
HEAVY = ("molt_sql", "pyarrow", "rich", "pydantic", "sqlite3", "http", "asyncio", "ssl", "numpy")
LOADED = """
import sys
from molt_cli.main import main
code = main(sys.argv[1:])
print("\\n".join(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS if name != "worker")])
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    loaded = set(done.stderr.split())
    assert "molt_cli.app" in loaded
    assert [name for name in HEAVY if name in loaded] == []
    assert "Usage: molt" in done.stdout


def test_help_names_every_command_and_its_exit_codes() -> None:
    listed = molt("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in listed
    for name in ("query", "doctor", "top"):
        assert "Exit codes: 0" in molt(name, "--help").out


def test_the_version_is_printed() -> None:
    done = molt("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("molt")


def test_wrong_usage_is_one_line_and_exit_code_2(url: str) -> None:
    fails(code=2, words="^molt: Missing command; see molt --help")
    fails("no-such", code=2, words="No such command .no-such.")
    fails("query", url, code=2, words="Missing argument 'SQL'; see molt query --help")
    fails("query", url, "select 1", "--format", "xml", code=2, words="'table', 'json'")
    fails("query", url, "select 1", "--limit", "-1", code=2, words="limit")
    fails("query", url, "select 1", "--timeout", "soon", code=2, words="timeout")
    fails("top", code=2, words="--metrics-socket PATH and --metrics-file")


def test_a_url_in_the_wrong_place_is_not_repeated() -> None:
    secret = "postgresql://ada:s3cret@nowhere.invalid/shop"
    for args in (
        ("query", "sqlite:///x.db", "select 1", secret),
        ("query", "sqlite:///x.db", "select 1", "--limit", secret),
        (secret,),
        ("doctor", "x", "host=x password=s3cret"),
        ("query", "sqlite:///x.db", "select 1", f"--format={secret}"),
    ):
        done = fails(*args, code=2, words="see molt")
        assert "s3cret" not in done.err


def test_without_typer_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ImportError('no typer')\n")
    fails(
        "--help", code=2, words=r"pip install 'molt-db\[cli\]'", env={"PYTHONPATH": str(tmp_path)}
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("molt ", {*COMMANDS}),
        ("molt do", {"doctor"}),
        ("molt query --fo", {"--format"}),
        ("molt query --format js", {"json", "jsonl"}),
        ("molt top --metrics", {"--metrics-socket", "--metrics-file"}),
    ],
)
def test_bash_completes_commands_flags_and_formats(words: str, expected: set[str]) -> None:
    done = subprocess.run(
        MOLT,
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(
            _MOLT_COMPLETE="complete_bash",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split(" ")) - 1),
        ),
    )
    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_of_this_program(shell: str) -> None:
    done = subprocess.run(
        MOLT,
        capture_output=True,
        text=True,
        check=False,
        env=clean_environment(_MOLT_COMPLETE=f"source_{shell}"),
    )
    assert f"complete_{shell}" in done.stdout
    assert "_MOLT_COMPLETE" in done.stdout
