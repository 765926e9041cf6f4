"""The Django example, served by Django's own server, and its two views asked in turn."""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / "django"
VIEWS = {"by the ORM": "/items/orm", "offloaded": "/items"}
ROUNDS = 100
STARTS_WITHIN_S = 30.0


def compare(folder: Path) -> None:
    """Makes its database in `folder` on the first run; prints what either view took."""
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "shop.db"
    env = os.environ | {
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "MOLT_EXAMPLE_DATABASE": str(database),
        "MOLT_EXAMPLE_WORKER": "inprocess",
    }
    if not database.exists():
        _manage(["migrate", "--verbosity=0"], env)
        _manage(["seed"], env)
    port = _free_port()
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    server = subprocess.Popen(
        command, cwd=EXAMPLE, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, server)
        for rows in (50, 500):
            _ask(port, rows)
    finally:
        server.terminate()
        server.wait(10)


def _ask(port: int, rows: int) -> None:
    bodies: dict[str, bytes] = {}
    times: dict[str, list[float]] = {view: [] for view in VIEWS}
    for _ in range(ROUNDS):
        for view, path in VIEWS.items():
            begun = time.perf_counter()
            bodies[view] = _get(port, f"{path}?user_id=3&limit={rows}")
            times[view].append(time.perf_counter() - begun)
    medians = {view: statistics.median(taken) * 1000 for view, taken in times.items()}
    orm, offloaded = medians.values()
    same = "the same bytes" if len(set(bodies.values())) == 1 else "other bytes!"
    print(
        f"{rows} rows: {orm:.2f} ms by the ORM, {offloaded:.2f} ms offloaded"
        f" ({orm / offloaded:.1f} times as fast), {same}"
    )


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise SystemExit(f"{path} was answered {response.status}")
    return body


def _manage(arguments: list[str], env: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=EXAMPLE,
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(
        "the Django example does not start: try manage.py runserver in examples/django"
    )
