"""What the figures were measured on: one line for people and one string per JSON row."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
from functools import cache
from pathlib import Path

PACKAGES = (
    "molt-db",
    "adbc-driver-postgresql",
    "adbc-driver-sqlite",
    "aiosqlite",
    "asyncpg",
    "connectorx",
    "Django",
    "polars",
    "psycopg",
    "psycopg-pool",
    "pyarrow",
    "PyPika",
    "SQLAlchemy",
    "uvloop",
)


@cache
def environment() -> str:
    """Processor, cores this process may use, kernel, Python, SQLite and the peers' versions."""
    parts = [
        f"{_processor()} ({len(os.sched_getaffinity(0))} cores)",
        f"{platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version} (of Python's sqlite3)",
    ]
    for package in PACKAGES:
        try:
            parts.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            if package == "molt-db":
                parts.append("molt-db of this checkout")
    return ", ".join(parts)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
