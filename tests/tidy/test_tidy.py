"""Keeps the house as ARCHITECTURE.md draws it: who may know whom, and how long a file may be.

Every check is a function from {path: text} to a list of complaints, so that the tests below can
also show that each one catches what it is for.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Files = Mapping[str, str]

# The allowed arrows, one row per room. Everyone may use itself, base and types.
ARROWS = {
    "base": "",
    "types": "",
    "query": "",
    "sql": "query",
    "codec": "",
    "wire": "codec",
    "db": "",
    "db/postgres": "db",
    "db/sqlite": "db",
    "db/worker": "db client codec",
    "db/adbc": "db",
    "drivers": "db db/postgres db/sqlite db/adbc db/worker client",
    "engine": "query sql db codec",
    "worker": "engine query db codec wire",
    "client": "wire",
    "bindings": "query sql engine codec client db drivers apps",
    "apps": "worker drivers db",
    "examples/cpp": "query sql engine db db/sqlite",
}
# Libraries that only these rooms may include.
LIBRARIES = {
    "sqlite3.h": {"db/sqlite"},
    "libpq-fe.h": {"db/postgres"},
    "openssl/": {"db/postgres", "worker"},
    "pg_query": {"db/postgres"},
    "Python.h": {"bindings"},
    "nanobind/": {"bindings"},
}
# Python packages: what each may import of its siblings.
PACKAGES = {
    "molt_sql": "",
    "molt_cli": "molt_sql",
    "molt_worker": "molt_sql",
    "molt_db_adapter": "molt_sql molt_worker",
}
WEB_FRAMEWORKS = {"django", "flask", "fastapi", "starlette"}

CPP_TOPS = ("src", "bindings", "apps", "examples/cpp")
LINES_WITH_REASON, LINES_MAX, COLUMNS_MAX = 400, 800, 100
LONG_BECAUSE = re.compile(r"^\s*(//|#) Long because: \S", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
MACHINE_PATH = re.compile(r"(?<![\w.}/-])/(home|Users|root|work|opt|mnt)/\w+")
REGISTRY = re.compile(
    r"https?://[\w.-]*(pypi|pythonhosted|npmjs|deb\.debian|anaconda|conan)[\w.-]*"
)


def read(*patterns: str) -> dict[str, str]:
    found = (path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())
    return {str(path.relative_to(ROOT)): path.read_text() for path in found}


def cpp() -> dict[str, str]:
    return read(*(f"{top}/**/*.{end}" for top in CPP_TOPS for end in ("cc", "h")))


def python() -> dict[str, str]:
    return read("python/**/*.py", "tests/**/*.py", "benchmarks/**/*.py", "examples/**/*.py")


def room_of(path: str) -> str:
    """The room a source, or an include below src/, lies in; empty when it is none of ours."""
    path = path.removeprefix("src/").removeprefix("molt/")
    matches = (room for room in ARROWS if path.startswith(room + "/"))
    return max(matches, key=len, default="")


def forbidden_includes(files: Files) -> list[str]:
    complaints = []
    for path, text in files.items():
        room = room_of(path)
        if not room:
            complaints.append(f"{path} lies in no room of the table in tests/tidy")
            continue
        allowed = {room, "base", *([] if room == "base" else ["types"]), *ARROWS[room].split()}
        for bracket, name in INCLUDE.findall(text):
            for library, rooms in LIBRARIES.items():
                if name.startswith(library) and room not in rooms:
                    complaints.append(f"{path}: only {sorted(rooms)} may include {name}")
            ours = name.startswith(("molt/", "apps/")) or f"src/{name}" in files
            if ours and room_of(name) not in allowed:
                complaints.append(f"{path}: {room} may not know {room_of(name) or name} ({name})")
            elif name.startswith("bindings/") or (bracket == '"' and ".." in name):
                complaints.append(f"{path}: nothing may include {name}")
            elif bracket == '"' and "/" not in name and room != "bindings":
                complaints.append(f"{path}: name it from the root, molt/...: {name}")
    return complaints


def include_cycles(files: Files) -> list[str]:
    graph = {}
    for path, text in files.items():
        names = (f"src/{name}" for _, name in INCLUDE.findall(text))
        graph[path] = {name for name in names if name in files}
    return cycles(graph)


def cycles(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One line for each cycle that a walk of the graph meets."""
    done: set[str] = set()
    complaints = []

    def walk(node: str, way: tuple[str, ...]) -> None:
        if node in way:
            complaints.append("cycle: " + " -> ".join((*way[way.index(node) :], node)))
        elif node not in done:
            for after in sorted(graph.get(node, ())):
                walk(after, (*way, node))
            done.add(node)

    for node in sorted(graph):
        walk(node, ())
    return complaints


def module_of(path: str) -> str:
    parts = Path(path).with_suffix("").parts[1:]  # without python/
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: str, tree: ast.AST) -> set[str]:
    """The full names that a module imports; `from x import y` gives both x and x.y."""
    package = module_of(path).split(".")
    if not path.endswith("__init__.py"):
        package = package[:-1]
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return names


def forbidden_imports(files: Files) -> list[str]:
    complaints = []
    for path, text in files.items():
        package = module_of(path).split(".")[0]
        if package not in PACKAGES:
            complaints.append(f"{path} lies in no package of the table in tests/tidy")
            continue
        allowed = {package, *PACKAGES[package].split()}
        for name in sorted(imports(path, ast.parse(text))):
            top = name.split(".")[0]
            if top in PACKAGES and top not in allowed:
                complaints.append(f"{path}: {package} may not import {name}")
            if top in WEB_FRAMEWORKS and (
                package in ("molt_sql", "molt_cli")
                or module_of(path).startswith("molt_db_adapter.core")
            ):
                complaints.append(f"{path}: no web framework here ({name})")
    return complaints


def import_cycles(files: Files) -> list[str]:
    """Cycles between modules when they are loaded: imports inside functions and for types pass."""
    modules = {module_of(path) for path in files}
    graph = {}
    for path, text in files.items():
        tree = ast.parse(text)
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        own = module_of(path)
        # Taking a name from one's own package is no arrow to the package's __init__.
        parents = {own.rsplit(".", depth)[0] for depth in range(own.count(".") + 1)}
        graph[own] = (imports(path, tree) & modules) - parents
    return cycles(graph)


def too_long(files: Files) -> list[str]:
    complaints = []
    for path, text in files.items():
        lines = text.splitlines()
        if len(lines) > LINES_MAX:
            complaints.append(f"{path} has {len(lines)} lines: split it ({LINES_MAX} at most)")
        elif len(lines) > LINES_WITH_REASON and not LONG_BECAUSE.search(text):
            complaints.append(f"{path} has {len(lines)} lines and no line 'Long because: ...'")
        if path.endswith((".cc", ".h")):
            wide = [n for n, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX]
            complaints += [f"{path}:{n} is wider than {COLUMNS_MAX} columns" for n in wide]
    return complaints


def machine_bound(files: Files) -> list[str]:
    """Paths and hosts that hold on one machine only."""
    return [
        f"{path}: {found.group()}"
        for path, text in files.items()
        for pattern in (MACHINE_PATH, REGISTRY)
        for found in pattern.finditer(text)
    ]


def test_rooms_include_only_what_the_arrows_allow() -> None:
    assert forbidden_includes(cpp()) == []


def test_arrows_and_includes_have_no_cycle() -> None:
    assert cycles({room: ARROWS[room].split() for room in ARROWS}) == []
    assert include_cycles(cpp()) == []


def test_python_packages_import_only_what_the_arrows_allow() -> None:
    files = read("python/**/*.py")
    assert forbidden_imports(files) == []
    assert import_cycles(files) == []


def test_files_are_short_enough_to_read() -> None:
    assert too_long({**cpp(), **python()}) == []


def test_no_build_file_names_a_machine_or_a_registry() -> None:
    build_files = ("CMake*", "cmake/**/*", "Makefile", "pyproject.toml", "scripts/*", ".ci/*")
    texts = {path: text for path, text in read(*build_files).items() if ".pyc" not in path}
    assert machine_bound({**texts, **cpp(), **read("python/**/*.py")}) == []


def test_a_forbidden_arrow_is_caught() -> None:
    def complaints(path: str, include: str) -> list[str]:
        return forbidden_includes({path: f"#include {include}\n"})

    assert complaints("src/molt/query/a.cc", '"molt/types/value.h"') == []
    assert complaints("src/molt/query/a.cc", '"molt/sql/compiler.h"')
    assert complaints("src/molt/base/a.cc", '"molt/types/value.h"')
    assert complaints("src/molt/db/pool.cc", '"molt/db/sqlite/driver.h"')
    assert complaints("src/molt/db/sqlite/a.cc", '"molt/db/pool.h"') == []
    assert complaints("src/molt/db/sqlite/a.cc", "<molt/engine/engine.h>")
    assert complaints("src/molt/engine/a.cc", '"bindings/module.h"')
    assert complaints("src/molt/worker/a.cc", '"apps/molt_worker/program.h"')
    assert complaints("bindings/a.cc", '"apps/molt_worker/program.h"') == []
    assert complaints("src/molt/engine/a.cc", "<sqlite3.h>")
    assert complaints("src/molt/engine/a.cc", '"../db/pool.h"')
    assert complaints("src/molt/engine/a.cc", '"engine.h"')
    assert complaints("src/molt/attic/a.cc", "<string>")


def test_a_cycle_is_caught() -> None:
    a = {"src/molt/query/a.h": '#include "molt/query/b.h"\n'}
    assert include_cycles(a) == []
    b = {"src/molt/query/b.h": '#include "molt/query/a.h"\n'}
    assert include_cycles({**a, **b}) == [
        "cycle: src/molt/query/a.h -> src/molt/query/b.h -> src/molt/query/a.h"
    ]
    loop = {
        "python/molt_sql/a.py": "from .b import x",
        "python/molt_sql/b.py": "from molt_sql import a",
    }
    assert import_cycles(loop) == ["cycle: molt_sql.a -> molt_sql.b -> molt_sql.a"]
    assert import_cycles({**loop, "python/molt_sql/b.py": "def f():\n    from . import a"}) == []


def test_a_forbidden_import_is_caught() -> None:
    assert forbidden_imports({"python/molt_sql/a.py": "from . import b\nimport json"}) == []
    assert forbidden_imports({"python/molt_sql/a.py": "import molt_db_adapter.core"})
    assert forbidden_imports({"python/molt_sql/a.py": "def f():\n    import django"})
    assert forbidden_imports({"python/molt_db_adapter/core/a.py": "from flask import request"})
    assert forbidden_imports({"python/other/a.py": ""})


def test_a_long_file_and_a_wide_line_are_caught() -> None:
    assert too_long({"a.cc": "x\n" * 400}) == []
    assert too_long({"a.cc": "x\n" * 401})
    assert too_long({"a.cc": "// Long because: one table\n" + "x\n" * 401}) == []
    assert too_long({"a.py": "# Long because: one table\n" + "x\n" * 801})
    assert too_long({"a.h": "x" * 101}) == ["a.h:1 is wider than 100 columns"]


def test_a_machine_path_and_a_registry_are_caught() -> None:
    home, host = "/ho" + "me/me/molt", "https://py" + "pi.org/simple"
    assert machine_bound(
        {"a": f"cd {home}", "b": f"index = {host}", "c": "#!/usr/bin/env bash"}
    ) == [
        "a: " + "/ho" + "me/me",
        "b: https://py" + "pi.org",
    ]
