"""A server of metrics on a Unix socket, as a molt-worker is one."""

from __future__ import annotations

import http.server
import socketserver
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

BOUNDS = (0.001, 0.01, 0.1, 1.0)


def exposition(requests: int = 100, **changes: object) -> str:
    """The text of a worker that has answered so many requests, one in ten with Busy.

    Nine in ten took up to 10 ms, the others up to 100 ms.
    """
    values: dict[str, object] = {
        "start": time.time() - 100,
        "in_flight": 3,
        "depth": 2,
        "cpu": 50.0,
        "alias": "default",
        "version": "0.1.0",
    }
    values |= changes
    busy = requests // 10
    quick = requests - busy
    counts = {0.001: 0, 0.01: quick, 0.1: requests, 1.0: requests}
    buckets = "".join(
        f'molt_request_seconds_bucket{{entry="db_query",le="{bound}"}} {counts[bound]}\n'
        for bound in BOUNDS
    )
    return f"""\
# HELP molt_build_info What runs.
# TYPE molt_build_info gauge
molt_build_info{{version="{values["version"]}"}} 1
# TYPE molt_requests_total counter
molt_requests_total{{entry="db_query",status="Ok"}} {quick}
molt_requests_total{{entry="db_query",status="Busy"}} {busy}
molt_requests_total{{entry="__ping__",status="Ok"}} 7
molt_requests_in_flight {values["in_flight"]}
molt_queue_depth {values["depth"]}
molt_queue_max 64
# TYPE molt_request_seconds histogram
{buckets}molt_request_seconds_bucket{{entry="db_query",le="+Inf"}} {requests}
molt_request_seconds_sum{{entry="db_query"}} {requests * 0.01}
molt_request_seconds_count{{entry="db_query"}} {requests}
molt_clients 5
molt_bytes_in_total {requests * 100}
molt_bytes_out_total {requests * 2048}
molt_pool_connections{{alias="{values["alias"]}",state="in_use"}} 2
molt_pool_connections{{alias="{values["alias"]}",state="idle"}} 6
process_resident_memory_bytes 5.24288e+07
process_cpu_seconds_total {values["cpu"]}
process_open_fds 23
process_start_time_seconds {values["start"]}
"""


class MetricsServer:
    """`text` is asked for what to serve, each time."""

    def __init__(self, text: Callable[[], str], status: int = 200) -> None:
        # Short: the name of a socket has 107 bytes at most.
        self._folder = tempfile.TemporaryDirectory(prefix="molt-top-", dir="/tmp")
        self.path = Path(self._folder.name) / "metrics.sock"
        self.paths: list[str] = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.paths.append(self.path)
                body = text().encode()
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "unix"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = socketserver.ThreadingUnixStreamServer(str(self.path), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """As a worker that ends: its socket is gone."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.path.unlink(missing_ok=True)

    def __exit__(self, *exc_info: object) -> None:
        if self.path.exists():
            self.close()
        self._folder.cleanup()
