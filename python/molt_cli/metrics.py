"""A worker's metrics: asked over HTTP on a Unix socket, in the text format of Prometheus."""

from __future__ import annotations

import http.client
import math
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .problems import CommandError, os_error

TIMEOUT_S = 5.0
BYTES_MAX = 16 << 20

LINE = re.compile(
    r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+-?\d+)?\s*"
)
LABEL = re.compile(r'\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
ESCAPE = re.compile(r"\\(.)")


class Sample(NamedTuple):
    labels: Mapping[str, str]
    value: float


class Metrics:
    """Samples by name, as one look found them."""

    def __init__(self, samples: Mapping[str, Sequence[Sample]]) -> None:
        self._samples = samples

    def all(self, name: str, **labels: str) -> list[Sample]:
        """Those that have all these labels."""
        wanted = labels.items()
        return [one for one in self._samples.get(name, ()) if wanted <= one.labels.items()]

    def total(self, name: str, **labels: str) -> float | None:
        """Their sum; None if there are none."""
        found = self.all(name, **labels)
        return sum(one.value for one in found) if found else None

    def label(self, name: str, label: str) -> str | None:
        """Of the first sample of this name."""
        found = self.all(name)
        return found[0].labels.get(label) if found else None

    def values(self, name: str, label: str) -> list[str]:
        """What the label says, each once, sorted."""
        return sorted({one.labels[label] for one in self.all(name) if label in one.labels})

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """Upper bound to how many are not above it, of the histogram `name`."""
        counts: dict[float, float] = {}
        for one in self.all(f"{name}_bucket", **labels):
            bound = float(one.labels["le"])
            counts[bound] = counts.get(bound, 0.0) + one.value
        return dict(sorted(counts.items()))


def parse(text: str) -> Metrics:
    """CommandError names the first line that is none of the format."""
    samples: dict[str, list[Sample]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            name, sample = _sample(line.strip())
        except ValueError:
            raise CommandError(
                f"line {number} of the metrics is not in the text format of Prometheus; is this"
                " the metrics socket or file of a molt-worker?"
            ) from None
        samples.setdefault(name, []).append(sample)
    return Metrics(samples)


def _sample(line: str) -> tuple[str, Sample]:
    found = LINE.fullmatch(line)
    if found is None:
        raise ValueError
    labels: dict[str, str] = {}
    rest = found["labels"] or ""
    while rest.strip():
        label = LABEL.match(rest)
        if label is None:
            raise ValueError
        labels[label[1]] = ESCAPE.sub(lambda e: "\n" if e[1] == "n" else e[1], label[2])
        rest = rest[label.end() :]
    if "le" in labels:
        float(labels["le"])
    return found["name"], Sample(labels, float(found["value"]))


def quantile(buckets: Mapping[float, float], q: float) -> float | None:
    """Within its bucket, values are taken to lie evenly; None if there are none.

    Above the last bound nothing is known: then it is that bound.
    """
    count = buckets.get(math.inf, 0.0)
    if count <= 0:
        return None
    rank = q * count
    low = below = 0.0
    for bound, upto in buckets.items():
        if upto >= rank and upto > below:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / (upto - below)
        low, below = bound, upto
    return low


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask_socket(path: Path) -> str:
    """The text that is served there; CommandError if there is none."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        response = connection.getresponse()
        body = response.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise CommandError(
            f'there is no socket "{path}"; start a worker that serves its metrics there'
        ) from None
    except ConnectionRefusedError:
        raise CommandError(f'nobody serves at "{path}"; the worker has ended, start it') from None
    except TimeoutError:
        raise CommandError(f'no answer from "{path}" within {TIMEOUT_S:g} s') from None
    except http.client.HTTPException as error:
        raise CommandError(
            f'what serves at "{path}" does not speak HTTP ({type(error).__name__}); give the'
            " metrics socket, not that of the requests"
        ) from None
    except OSError as error:
        raise CommandError(f'"{path}": {os_error(error)}') from None
    finally:
        connection.close()
    if response.status != 200:
        raise CommandError(f'"{path}" answered GET /metrics with {response.status}')
    return _text(body, path)


def read_file(path: Path) -> str:
    with path.open("rb") as file:
        return _text(file.read(BYTES_MAX + 1), path)


def _text(body: bytes, path: Path) -> str:
    if len(body) > BYTES_MAX:
        raise CommandError(f'"{path}" gives more than {BYTES_MAX >> 20} MiB; these are no metrics')
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise CommandError(f'what "{path}" gives is not UTF-8 text') from None
