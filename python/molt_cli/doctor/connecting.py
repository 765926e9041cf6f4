"""Why a connection to PostgreSQL was not opened: from libpq's and the server's words to a remedy.

libpq is not localized here, so its words are those of its sources; the server's may be, and are
then known by their SQLSTATE.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import NamedTuple

import molt_sql

from ..problems import one_line

# In the order in which they are passed through.
STAGES = ("url", "host", "reach", "protocol", "tls", "login", "slots", "database")


class Rule(NamedTuple):
    stage: str
    problem: str
    words: str
    """A pattern for the message; or, of five characters, for the SQLSTATE as well."""
    remedy: str
    code: str = ""


PG_HBA = "the server's administrator allows it in pg_hba.conf"
RULES = (
    Rule(
        "url",
        "option-unknown",
        r"invalid URI query parameter|invalid connection option|unrecognized configuration param",
        "look at the names after the ? of the URL: host, port, dbname, user, sslmode, options, …",
    ),
    Rule("url", "service-unknown", r"definition of service .* not found|service file .* not found",
         "add the service to ~/.pg_service.conf, or name the file in PGSERVICEFILE"),
    Rule(
        "url",
        "option-invalid",
        r"invalid (port number|integer value|\w+ value)|must be \"?(require|disable)",
        "correct the value: a port is 1 to 65535, sslmode is disable, allow, prefer, require,"
        " verify-ca or verify-full",
    ),
    Rule("host", "host-unknown", r"could not translate host name",
         "correct the host in the URL or PGHOST; look it up with: getent hosts NAME"),
    Rule(
        "reach",
        "connection-refused",
        r"Connection refused",
        "nothing listens there: start the server, or correct host and port (5432 unless said"
        " otherwise); a server may listen on localhost alone (listen_addresses)",
    ),
    Rule(
        "reach",
        "socket-missing",
        r"on socket .* No such file or directory",
        "start the server, or correct the folder (host=…) and the port of its Unix socket; over TCP"
        " name a host, such as localhost",
    ),
    Rule("reach", "socket-forbidden", r"on socket .* Permission denied",
         "this user may not enter the socket's folder: connect over TCP, or be given access"),
    Rule("reach", "unreachable", r"No route to host|Network is unreachable|timed out",
         "look at the network, the VPN and the firewall between here and there"),
    Rule(
        "protocol",
        "not-postgresql",
        r"invalid response to SSL negotiation|expected authentication request|lost synchronization",
        "another kind of server answers at this port: correct the port or the host",
    ),
    Rule(
        "protocol",
        "hung-up",
        r"server closed the connection unexpectedly|Connection reset",
        "it is not PostgreSQL, or one that is being started or stopped, or a proxy without a server"
        " behind it: read its log",
    ),
    Rule("tls", "tls-refused", r"does not support SSL",
         "turn TLS on in the server (ssl = on), or do without on a trusted network: sslmode=disable"),
    Rule(
        "tls",
        "tls-required",
        r"no pg_hba.conf entry .*(no encryption|SSL off)",
        "connect with TLS (sslmode=require, better verify-full); if that is refused as well, " + PG_HBA,
    ),
    Rule("tls", "certificate-host", r"does not match host name",
         "connect by a name that is in the server's certificate, or have it issued for this one"),
    Rule(
        "tls",
        "certificate-untrusted",
        r"certificate verify failed|self.signed certificate",
        "give the certificate of the authority that signed the server's: sslrootcert=FILE",
    ),
    Rule("tls", "certificate-file", r"(certificate|private key) file .*(does not exist|permission|read)",
         "correct sslrootcert, sslcert or sslkey; a key must be readable by its owner alone"),
    Rule("tls", "certificate-missing", r"requires a valid client certificate",
         "give the client's certificate and key: sslcert=FILE, sslkey=FILE"),
    Rule("tls", "tls-failed", r"SSL error|SSL SYSCALL",
         "client and server agree on no TLS: compare their versions and settings"),
    Rule("login", "no-rule", r"no pg_hba.conf entry|rejects connection", PG_HBA),
    Rule("login", "password-missing", r"no password supplied",
         "give the password in PGPASSWORD or ~/.pgpass (chmod 600), or in the URL"),
    Rule(
        "login",
        "password-wrong",
        r"password authentication failed",
        "correct the password or the user; in a URL its special characters are written as %XX."
        " The server does not say which of the two is wrong",
        "28P01",
    ),
    Rule("login", "role-unknown", r"role .* does not exist",
         "correct the user in the URL or PGUSER, or create it: create role NAME login"),
    Rule("login", "role-forbidden", r"not permitted to log in|authentication failed",
         "the role may not log in like this: see pg_hba.conf, and alter role NAME login", "28000"),
    Rule(
        "slots",
        "too-many-connections",
        r"too many (clients|connections)|connection slots are reserved|no more connections",
        "close connections that are idle, use fewer (max_connections= of connect()), put PgBouncer"
        " before the server, or raise its max_connections",
        "53300",
    ),
    Rule("database", "database-unknown", r"database .* does not exist",
         "correct the database in the URL or PGDATABASE, or create it: createdb NAME", "3D000"),
    Rule("database", "database-forbidden", r"not currently accepting|permission denied for database",
         "ask its owner for the right to connect: grant connect on database NAME to ROLE"),
    Rule("database", "not-ready", r"the database system is",
         "wait until the server has started or recovered", "57P03"),
)  # fmt: skip


@dataclass(frozen=True)
class Failure:
    stage: str
    problem: str
    cause: str
    remedy: str


def diagnose(error: molt_sql.MoltError, timeout: float) -> Failure:
    """What an error of connect() means."""
    cause = one_line(str(error).removeprefix("cannot connect: "))
    if isinstance(error, molt_sql.TimeoutError):
        return _silent(cause, timeout)
    for rule in RULES:
        if re.search(rule.words, cause):
            return Failure(rule.stage, rule.problem, cause, rule.remedy)
    code = getattr(error, "code", "53300" if isinstance(error, molt_sql.BusyError) else "")
    for rule in RULES:
        if code and rule.code == code:
            return Failure(rule.stage, rule.problem, cause, rule.remedy)
    if isinstance(error, molt_sql.InvalidQueryError):
        remedy = (
            "write it like postgresql://user@host:5432/database?sslmode=verify-full;"
            " special characters of user and password as %XX"
        )
        return Failure("url", "url-malformed", cause, remedy)
    remedy = "try it with psql, and read the server's log"
    return Failure("database", "connection-failed", cause, remedy)


def _speaks_http(host: str, port: int, timeout: float) -> bool:
    """Such a server waits for the end of a line, which PostgreSQL's protocol does not have."""
    with socket.create_connection((host, port), timeout) as asking:
        try:
            asking.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
            return asking.recv(5) == b"HTTP/"
        except OSError:
            return False


def _silent(cause: str, timeout: float) -> Failure:
    """No answer in time: is somebody there at all?"""
    found = re.search(r"no answer from \[?([^/\s,]+?)\]?:(\d+)/", cause)
    if found is not None:
        host, port = found[1], int(found[2])
        try:
            speaks_http = _speaks_http(host, port, timeout)
        except OSError:
            remedy = "the packets go nowhere: look at host and port, and at the firewall in between"
            return Failure("reach", "unreachable", cause, remedy)
        if speaks_http:
            remedy = "another kind of server answers at this port: correct the port or the host"
            return Failure("protocol", "not-postgresql", f"{host}:{port} speaks HTTP", remedy)
        cause = f"{host}:{port} takes connections and says nothing"
    remedy = (
        "it is not PostgreSQL, or one that hangs (stopped, out of memory, a full disk), or a proxy"
        " whose server is gone; if it is only slow: --connect-timeout"
    )
    return Failure("protocol", "silent", cause, remedy)
