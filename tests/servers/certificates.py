"""Certificates for a test server, made with openssl: its own, a client's, a stranger's authority."""

from pathlib import Path

from servers.processes import find_program, give, run

DAYS = "7"


def make_certificates(folder: Path) -> None:
    """Writes, each with its key beside it:

    - ca.crt: the authority that signed the server's and the client's certificate;
    - server.crt: for localhost and 127.0.0.1;
    - client.crt: of the role molt_cert;
    - wrong_ca.crt: an authority that signed neither.
    """
    authority = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    _make(folder, "ca", "molt test authority", *authority)
    _make(folder, "wrong_ca", "another authority", *authority)
    signed = ["-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key"]
    leaf = [*signed, "-addext", "basicConstraints=critical,CA:FALSE"]
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    _make(folder, "server", "localhost", *leaf, "-addext", names)
    _make(folder, "client", "molt_cert", *leaf)
    give(folder / "server.key")


def _make(folder: Path, name: str, common_name: str, *more: str) -> None:
    openssl = find_program("openssl", "openssl")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    out = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"]
    subject = ["-days", DAYS, "-subj", f"/CN={common_name}"]
    # As ourselves: a client's key must belong to who uses it.
    run([openssl, "req", "-x509", *key, *out, *subject, *more], as_self=True)
    (folder / f"{name}.key").chmod(0o600)
