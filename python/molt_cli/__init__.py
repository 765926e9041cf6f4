"""The program `molt`: queries, checks and a live view from the command line.

Modules are imported by the command that needs them, so that `molt --help` stays quick: at import
`app` knows the flags and nothing else (docs/adr/0019-typer-and-rich.md).
"""
