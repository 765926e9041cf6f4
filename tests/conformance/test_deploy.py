"""The units in deploy/: what systemd itself has to say, and that they fit the worker."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from conformance.test_cli import run

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = ["molt-worker.service", "molt-worker.socket"]
INSTALLED_AT = "/usr/local/bin/molt-worker"


def settings(unit: str, section: str) -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / unit)
    return dict(parser[section])


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd is not installed")
    for unit in UNITS:
        # The program itself must be there, which it is not before it is installed.
        text = (DEPLOY / unit).read_text().replace(INSTALLED_AT, "/bin/true")
        (tmp_path / unit).write_text(text)
    done = subprocess.run(
        [analyze, "verify", *(str(tmp_path / unit) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_worker_has_the_flags_that_the_service_uses() -> None:
    command = settings("molt-worker.service", "Service")["ExecStart"].split()
    assert command[0] == INSTALLED_AT
    _, help_text, _ = run("--help")
    flags = [word for word in command if word.startswith("--")]
    assert flags
    for flag in flags:
        assert flag in help_text


def test_socket_and_service_agree_on_the_user() -> None:
    service = settings("molt-worker.service", "Service")
    socket = settings("molt-worker.socket", "Socket")
    assert service["User"] == socket["SocketUser"]
    assert socket["SocketMode"] == "0600"
    assert service["Type"] == "notify"
