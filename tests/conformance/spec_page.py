"""The named blocks of the contract's page, as data."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "spec" / "0915_MOLT_DB_IPC_CONTRACT.md"
HEX = re.compile(
    r'^```hex name="(?P<name>[\w-]+)"(?: answered_by="(?P<answer>[\w-]+)")?\n(?P<hex>.*?)^```\n'
    r"\n```json\n(?P<json>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)
TABLE = re.compile(
    r'^```jsonl name="(?P<name>[\w-]+)"\n(?P<rows>.*?)^```\n', re.MULTILINE | re.DOTALL
)
INFO = re.compile(r"^```(\S.*)$", re.MULTILINE)


class Example(NamedTuple):
    name: str
    data: bytes
    """What travels: one or more frames."""
    frames: list[dict[str, Any]]
    """What it decodes to, by the page."""
    answered_by: str | None


@cache
def examples() -> dict[str, Example]:
    found: dict[str, Example] = {}
    for match in HEX.finditer(PAGE.read_text()):
        digits = re.sub(r";.*", "", match["hex"])
        data = bytes.fromhex("".join(digits.split()))
        name = match["name"]
        assert name not in found, f"two examples are named {name}"
        found[name] = Example(name, data, json.loads(match["json"]), match["answer"])
    return found


@cache
def table(name: str) -> list[dict[str, Any]]:
    (rows,) = (found["rows"] for found in TABLE.finditer(PAGE.read_text()) if found["name"] == name)
    return [json.loads(line) for line in rows.splitlines()]


def table_names() -> list[str]:
    return [found["name"] for found in TABLE.finditer(PAGE.read_text())]


def fences() -> list[str]:
    """What stands behind the three ticks of each block."""
    return INFO.findall(PAGE.read_text())
