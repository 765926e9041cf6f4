"""Every Python block of the README and the guide runs, and prints what the page says.

The blocks of a page run in order, in one namespace, in a fresh folder; `await` may stand at the top
level, as in a notebook. A ```text block right after a Python block is what it prints; with the
comment `<!-- varies -->` before it, it is an example of that. `pytest --update` writes all of them anew.

In a ```console block each line that begins with `$ ` is run by sh, where `molt` is on PATH and no
terminal is; what follows is what it prints, errors too. `<!-- varies -->` may stand before it.

A page with the comment `<!-- needs: postgresql -->` runs where PG* variables name a database of its
own, with the role molt, so that `connect("postgresql://")` is all it says.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

import molt_sql
from servers.fixtures import PostgresDatabase

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]

BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n"
    r"(?:\n(?P<varies><!-- varies -->\n)?```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)

CONSOLE = re.compile(
    r"^(?P<example><!-- varies -->\n)?```console\n(?P<script>.*?)^```\n", re.MULTILINE | re.DOTALL
)
PART = re.compile(f"{BLOCK.pattern}|{CONSOLE.pattern}", re.MULTILINE | re.DOTALL)

NEEDS_POSTGRESQL = "<!-- needs: postgresql -->"

COMMAND_ENDS_WITHIN_S = 60

# As docs for everyone have promised it, character for character.
TARGET = """\
from molt_sql import table

User = table("users")
q = (User
     .where(User.email.endswith("@austin.edu"))
     .select(User.id, User.email)
     .limit(100))
rows = await q.fetch_all()
"""


class Session:
    """Runs blocks one after the other, as a notebook does, and gives what each prints."""

    def __init__(self) -> None:
        self._names: dict[str, object] = {"__name__": "__main__"}
        self._runner = asyncio.Runner()

    def run(self, code: str, line: int, path: Path) -> str:
        # So that errors show the page's own line.
        code = "\n" * line + code
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compiled = compile(code, str(path), "exec", flags=flags)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if compiled.co_flags & inspect.CO_COROUTINE:
                self._runner.run(self._await(compiled))
            else:
                exec(compiled, self._names)
        return "".join(f"{text.rstrip()}\n" for text in printed.getvalue().splitlines())

    async def _await(self, compiled: object) -> None:
        await eval(compiled, self._names)  # type: ignore[arg-type]

    def close(self) -> None:
        self._runner.close()


def run_console(script: str) -> str:
    """The same commands, each with what it prints now."""
    commands = re.findall(r"^\$ (.*(?:(?<=\\)\n.*)*)", script, re.MULTILINE)
    shown = ""
    for command in commands:
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
            timeout=COMMAND_ENDS_WITHIN_S,
        )
        shown += f"$ {command}\n{done.stdout}"
    return "".join(f"{line.rstrip()}\n" for line in shown.splitlines())


@pytest.fixture
def session(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    monkeypatch.chdir(tmp_path)
    programs = tmp_path_factory.mktemp("programs")
    molt = programs / "molt"
    molt.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m molt_cli "$@"\n')
    molt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "100")
    session = Session()
    yield session
    session.close()
    molt_sql.configure(None)


def run_page(path: Path, text: str, session: Session, *, update: bool = False) -> str:
    """The page with what its blocks print now; what varies is left as it is, save for `update`."""

    def rewrite(block: re.Match[str]) -> str:
        if (script := block["script"]) is not None:
            printed = run_console(script)
            if block["example"] and not update:
                return block[0]
            return block[0].replace(script, printed)
        line = text.count("\n", 0, block.start("code"))
        try:
            printed = session.run(block["code"], line, path)
        except Exception:
            pytest.fail(f"{path.name}:{line + 1} fails\n{traceback.format_exc()}")
        if block["output"] is None:
            assert printed == "", f"{path.name}:{line + 1} prints, and the page does not say what"
            return block[0]
        if block["varies"] and not update:
            printed = block["output"]
        start, end = block.start("output") - block.start(), block.end("output") - block.start()
        return block[0][:start] + printed + block[0][end:]

    return PART.sub(rewrite, text)


@pytest.fixture
def postgresql(
    pg_database: PostgresDatabase, pg_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty schema, to which `postgresql://` leads."""
    for name, value in pg_database.server.parameters(dbname=pg_database.name).items():
        monkeypatch.setenv("PGDATABASE" if name == "dbname" else f"PG{name.upper()}", str(value))
    monkeypatch.setenv("PGOPTIONS", f"-c search_path={pg_schema}")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_page_runs_and_prints_what_it_says(
    path: Path,
    session: Session,
    pytestconfig: pytest.Config,
    request: pytest.FixtureRequest,
) -> None:
    text = path.read_text()
    if NEEDS_POSTGRESQL in text:
        request.getfixturevalue("postgresql")
    assert text.count("```python\n") == len(BLOCK.findall(text))
    assert text.count("```console\n") == len(CONSOLE.findall(text))
    update = pytestconfig.getoption("--update")
    rendered = run_page(path, text, session, update=update)
    if update:
        path.write_text(rendered)
    else:
        assert rendered == text


def test_target_example_stands_in_the_readme_character_for_character() -> None:
    assert f"```python\n{TARGET}" in (ROOT / "README.md").read_text()


def test_a_page_that_says_something_else_is_caught(session: Session) -> None:
    page = "```python\nprint(1)\n```\n\n```text\n2\n```\n"
    assert run_page(ROOT / "page.md", page, session) == page.replace("2", "1")
    varies = page.replace("```text", "<!-- varies -->\n```text")
    assert run_page(ROOT / "page.md", varies, session) == varies
    with pytest.raises(pytest.fail.Exception, match=r"page\.md:2 fails"):
        run_page(ROOT / "page.md", "```python\n1 / 0\n```\n", session)
    console = "```console\n$ echo 1 && \\\necho 2; molt; echo $?\n{}```\n"
    right = console.format("1\n2\nmolt: Missing command; see molt --help\n2\n")
    assert run_page(ROOT / "page.md", console.format("what?\n"), session) == right
    assert run_page(ROOT / "page.md", right, session) == right
    with pytest.raises(AssertionError, match="does not say what"):
        run_page(ROOT / "page.md", "```python\nprint(1)\n```\n", session)
