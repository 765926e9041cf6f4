"""The entry point: turns whatever ends a command into an exit code and one line on stderr."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from .problems import FAILED, INTERRUPTED, OK, USAGE, guarded, say

NEEDS_TYPER = "the program molt needs typer and rich; install them with: pip install 'molt-db[cli]'"


def main(args: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code."""
    given = list(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # for those who are not on UTF-8
            stream.reconfigure(errors="backslashreplace")
    try:
        if any(not arg.isascii() and not _is_text(arg) for arg in given):
            say("molt", "an argument is not UTF-8; a database's URL takes its bytes as %XX")
            return USAGE
        code = _run(given)
    except KeyboardInterrupt:
        code = INTERRUPTED
    waiting = sys.modules.get(f"{__package__}.waiting")
    return waiting.end(code) if waiting else code


def _run(args: Sequence[str]) -> int:
    if args[:1] == ["worker"]:  # whose arguments are not ours to read
        from .worker import run

        return guarded("molt worker", lambda: run(args[1:]))
    try:
        import typer
    except ImportError:
        say("molt", NEEDS_TYPER)
        return USAGE
    from .app import app

    try:
        code = app(args, prog_name="molt", standalone_mode=False)
    except typer.TyperException as error:  # of flags and arguments
        command = getattr(getattr(error, "ctx", None), "command_path", "molt")
        words = _without_secrets(error.format_message().rstrip("."), args)
        say(command, f"{words}; see {command} --help")
        return error.exit_code
    except typer.Abort:
        return FAILED
    return code if isinstance(code, int) else OK


def _is_text(arg: str) -> bool:
    """Bytes that were none come as surrogates."""
    try:
        arg.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_secrets(words: str, args: Sequence[str]) -> str:
    """A URL that came where it should not may hold a password, and is not repeated."""
    for arg in args:
        for part in (arg, arg.partition("=")[2]):
            if "://" in part or "password" in part:
                words = words.replace(part, "…")
    return words
