"""`molt query` on SQLite: forms, parameters, files, errors."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
from pathlib import Path

import pyarrow.ipc
import pyarrow.parquet
import pytest

from cli.tools import MOLT, clean_environment, fails, molt

USERS = "select * from users order by id"
NUMBERS = "select * from numbers order by n"


def rows_of(path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as db:
        found = db.execute(sql).fetchall()
    db.close()
    return found


# -- Forms -----------------------------------------------------------------------------------------


def test_a_table_is_aligned_plain_text(url: str) -> None:
    done = molt("query", url, USERS)
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "id │ email                             │ born       │ rate\n"
        "───┼───────────────────────────────────┼────────────┼─────\n"
        " 1 │ ada@austin.edu                    │ 1990-12-10 │  1.5\n"
        " 2 │ brian@example.com                 │ NULL       │  2.0\n"
        ' 3 │ grace "the" hopper,\\nrear admiral │ 1986-12-09 │ NULL\n'
        "(3 rows)\n"
    )


def test_a_table_shows_wide_letters_and_no_escape_sequences(url: str) -> None:
    sql = "select '猫' as a, char(27) || '[31m' as b union all select 'é', 'x'"
    assert molt("query", url, sql).out == (
        "a  │ b\n───┼───────────\n猫 │ \\u001b[31m\né  │ x\n(2 rows)\n"
    )


def test_a_long_cell_does_not_make_every_line_as_long(url: str) -> None:
    sql = "select case n when 7 then printf('%.5000c', 'x') else 'y' end as t, n from numbers"
    lines = molt("query", url, sql, "--limit", 3000).out.splitlines()
    assert lines[9] == "x" * 5000 + " │   7"
    assert max(map(len, lines[:9] + lines[10:])) < 250


def test_json_is_an_array_of_objects(url: str, shop: Path) -> None:
    for sql in (USERS, NUMBERS):
        found = molt("query", url, sql, "--format", "json").json
        assert [tuple(row.values()) for row in found] == rows_of(shop, sql)
    assert [*found[0]] == ["n", "t"]
    assert molt("query", url, "select 1 as a where 0", "-f", "json").out == "[]\n"


def test_json_lines_are_an_object_a_line(url: str, shop: Path) -> None:
    lines = molt("query", url, NUMBERS, "--format", "jsonl").out.splitlines()
    assert [tuple(json.loads(line).values()) for line in lines] == rows_of(shop, NUMBERS)


def test_csv_has_a_header_and_quotes_where_needed(url: str) -> None:
    out = molt("query", url, USERS, "--format", "csv").out
    assert out.startswith("id,email,born,rate\r\n1,ada@austin.edu,1990-12-10,1.5\r\n2,")
    rows = list(csv.reader(io.StringIO(out, newline="")))
    assert rows[3] == ["3", 'grace "the" hopper,\nrear admiral', "1986-12-09", ""]
    assert molt("query", url, "select 1 as a where 0", "-f", "csv").out == "a\r\n"


@pytest.mark.parametrize("form", ["arrow", "arrow-stream", "parquet"])
@pytest.mark.parametrize("sql", [USERS, NUMBERS, "select * from users where 0"])
def test_arrow_and_parquet_are_read_by_pyarrow(
    url: str, shop: Path, tmp_path: Path, form: str, sql: str
) -> None:
    target = tmp_path / "out"
    assert molt("query", url, sql, "--format", form, "-o", target).code == 0
    if form == "parquet":
        found = pyarrow.parquet.read_table(target)
    else:
        opening = pyarrow.ipc.open_file if form == "arrow" else pyarrow.ipc.open_stream
        with target.open("rb") as file:
            found = opening(file).read_all()
    text = [
        [str(v) if n == "born" and v else v for n, v in row.items()] for row in found.to_pylist()
    ]
    assert [tuple(row) for row in text] == rows_of(shop, sql)
    piped = subprocess.run(
        [*MOLT, "query", url, sql, "--format", form],
        capture_output=True,
        check=True,
        env=clean_environment(),
    )
    assert piped.stdout == target.read_bytes()


def test_a_column_without_a_declared_type_may_begin_with_nulls(url: str, tmp_path: Path) -> None:
    late = "select case when n > 24000 then n end + 0 as v from numbers order by n"
    mixed = "select case when n > 24000 then 'x' else n + 0 end as v from numbers order by n"
    for form in ("jsonl", "csv"):
        assert molt("query", url, mixed, "-f", form).code == 0
    for form in ("arrow", "parquet"):
        target = tmp_path / f"late.{form}"
        assert molt("query", url, late, "-o", target).code == 0
        fails("query", url, mixed, "-o", tmp_path / f"m.{form}", code=1, words='column "v".*cast')
        assert not (tmp_path / f"m.{form}").exists()


def test_two_columns_of_one_name_are_no_json_object(url: str) -> None:
    sql = "select 1 as a, 2 as a"
    fails("query", url, sql, "-f", "jsonl", code=1, words='two columns "a".*AS')
    assert molt("query", url, sql, "-f", "csv").out == "a,a\r\n1,2\r\n"


def test_without_pyarrow_it_says_what_to_install(url: str, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    # Found before the real one, and as missing as a package can be made to look.
    (bare / "sitecustomize.py").write_text(
        "import sys\nimport importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'pyarrow' else find(name, *a)\n"
    )
    for form in ("arrow", "arrow-stream", "parquet"):
        fails(
            "query",
            url,
            USERS,
            "-f",
            form,
            code=2,
            words=r"needs pyarrow; .*pip install 'molt-db\[arrow\]'",
            env={"PYTHONPATH": str(bare)},
        )


# -- Parameters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        ("v=5", "5"),
        ("v=a=b:c", "a=b:c"),
        ("v:text=", ""),
        ("v:int=-9223372036854775808", -(2**63)),
        ("v:float=1e3", 1000.0),
        ("v:bool=true", 1),
        ("v:date=2026-01-31", "2026-01-31"),
        ("v:time=12:30", "12:30:00"),
        ("v:timestamp=2026-01-31T12:30:00", "2026-01-31 12:30:00"),
        ("v:uuid=00010203040506070809000000000001", "00010203-0405-0607-0809-000000000001"),
        ("v:hex=00ff", [0, 255]),
        ("v:decimal=1.5", 1.5),
        ("v:null=", None),
    ],
)
def test_a_parameter_is_bound_with_its_type(url: str, param: str, expected: object) -> None:
    done = molt("query", url, "select {v} as v", "--param", param, "-f", "json")
    assert done.json == [{"v": expected}], done


def test_a_parameter_is_never_part_of_the_sql(url: str) -> None:
    sql = "select id from users where email = {email} or id = {id}"
    evil = "' or 1=1 --"
    assert molt("query", url, sql, "-p", f"email={evil}", "-p", "id:int=2", "-f", "csv").out == (
        "id\r\n2\r\n"
    )


def test_braces_are_plain_without_parameters_and_doubled_with_them(url: str) -> None:
    assert molt("query", url, "select '{1,2}' as a", "-f", "csv").out == 'a\r\n"{1,2}"\r\n'
    sql = "select '{{' || {v} as a"
    assert molt("query", url, sql, "-p", "v=x", "-f", "csv").out == "a\r\n{x\r\n"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (["v"], "NAME=VALUE"),
        (["=5"], "NAME=VALUE"),
        (["two words=5"], "NAME=VALUE"),
        (["v:number=5"], 'unknown type "number"; there are text, int'),
        (["v=1", "v=2"], "given twice"),
        (["v:int=s3cret"], "whole number"),
        (["v:int=9223372036854775808"], "64 bits"),
        (["v:float=s3cret"], "a number"),
        (["v:float=1e999"], "a number"),
        (["v:bool=s3cret"], "true or false"),
        (["v:decimal=s3cret"], "12.50"),
        (["v:date=s3cret"], "2026-01-31"),
        (["v:timestamp=s3cret"], "zone"),
        (["v:uuid=s3cret"], "UUID"),
        (["v:hex=s3cret"], "hexadecimal"),
        (["v:json={s3cret"], "JSON"),
        (["v:null=s3cret"], "nothing"),
    ],
)
def test_a_wrong_parameter_is_named_and_its_value_is_not(
    url: str, params: list[str], words: str
) -> None:
    flags = [flag for param in params for flag in ("--param", param)]
    done = fails("query", url, "select {v}", *flags, code=2, words=words)
    assert "s3cret" not in done.err


def test_a_hole_without_a_value_and_a_value_without_a_hole(url: str) -> None:
    fails("query", url, "select {a}, {b}", "-p", "a=1", code=1, words="hole")
    fails("query", url, "select {a}", "-p", "a=1", "-p", "b=1", code=1, words="b")


def test_sql_comes_from_standard_input(url: str) -> None:
    assert molt("query", url, "-", "-f", "csv", text="select\n 1 as a").out == "a\r\n1\r\n"


# -- Limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 999, 10_001, 25_000, 30_000])
def test_a_limit_ends_the_query(url: str, tmp_path: Path, limit: int) -> None:
    out = molt("query", url, NUMBERS, "-f", "csv", "--limit", limit).out.splitlines()
    assert len(out) == 1 + min(limit, 25_000)
    target = tmp_path / "out.parquet"
    assert molt("query", url, NUMBERS, "-o", target, "--limit", limit).code == 0
    assert pyarrow.parquet.read_metadata(target).num_rows == min(limit, 25_000)


def test_a_query_without_end_is_cut_by_a_limit_and_by_a_timeout(url: str) -> None:
    endless = "with recursive c(n) as (select 1 union all select n + 1 from c) select n from c"
    assert molt("query", url, endless, "-f", "csv", "--limit", 3).out == "n\r\n1\r\n2\r\n3\r\n"
    counted = f"select count(*) from ({endless})"
    fails("query", url, counted, "--timeout", 0.2, code=1, words="timeout passed")


# -- Files -----------------------------------------------------------------------------------------


def test_the_ending_of_the_file_names_the_form(url: str, tmp_path: Path) -> None:
    for name, begins in {
        "a.json": b"[{",
        "a.JSONL": b'{"id"',
        "a.ndjson": b'{"id"',
        "a.csv": b"id,",
        "a.txt": b"id \xe2",
        "a.arrow": b"ARROW1",
        "a.feather": b"ARROW1",
        "a.arrows": b"\xff\xff\xff\xff",
        "a.parquet": b"PAR1",
    }.items():
        target = tmp_path / name
        done = molt("query", url, USERS, "--output", target)
        assert (done.code, done.out, done.err) == (0, "", "")
        assert target.read_bytes().startswith(begins), name
    assert molt("query", url, USERS, "-o", tmp_path / "b.csv", "-f", "json").code == 0
    assert (tmp_path / "b.csv").read_text().startswith("[")
    fails("query", url, USERS, "-o", tmp_path / "b.xls", code=2, words=r'"\.xls".*--format')
    fails("query", url, USERS, "-o", tmp_path / "b", code=2, words="--format")


def test_a_query_that_fails_leaves_the_file_as_it_was(url: str, tmp_path: Path) -> None:
    target = tmp_path / "kept.csv"
    target.write_text("before")
    before = sorted(tmp_path.iterdir())
    late = "select abs(case when n = 24999 then -9223372036854775808 else n end) from numbers"
    for sql in (late, "select nothing from users", "syntax"):
        fails("query", url, sql, "-o", target, code=1, words=".")
        fails("query", url, sql, "-o", tmp_path / "new.csv", code=1, words=".")
        assert target.read_text() == "before"
        assert sorted(tmp_path.iterdir()) == before


def test_a_file_gets_the_usual_rights_and_keeps_those_it_has(url: str, tmp_path: Path) -> None:
    target, kept, link = tmp_path / "new.csv", tmp_path / "kept.csv", tmp_path / "link.csv"
    kept.write_text("")
    kept.chmod(0o640)
    link.symlink_to(kept)
    mask = os.umask(0o022)
    try:
        molt("query", url, USERS, "-o", target)
        molt("query", url, USERS, "-o", link)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert kept.read_text() == target.read_text()


def test_a_device_is_written_to_and_not_replaced(url: str) -> None:
    done = molt("query", url, "select 1 as a", "-f", "csv", "-o", "/dev/stdout")
    assert (done.code, done.out, done.err) == (0, "a\r\n1\r\n", "")
    assert molt("query", url, USERS, "-f", "csv", "-o", "/dev/null").code == 0
    fails("query", url, USERS, "-f", "csv", "-o", "/dev/full", code=1, words="No space left")


def test_a_file_that_cannot_be_written_is_named(url: str, tmp_path: Path) -> None:
    fails("query", url, USERS, "-f", "csv", "-o", tmp_path, code=1, words="is a folder")
    missing = tmp_path / "nowhere" / "a.csv"
    fails("query", url, USERS, "-o", missing, code=1, words="nowhere.*No such file")


# -- Errors ----------------------------------------------------------------------------------------


def test_it_only_reads(url: str, shop: Path) -> None:
    writable = f"sqlite:///{shop}"
    for sql in ("delete from users", "insert into users (id) values (9)", "drop table users"):
        fails("query", writable, sql, code=1, words="writes .*molt query only reads")
    assert len(rows_of(shop, USERS)) == 3


def test_errors_say_what_where_and_what_to_do(url: str, tmp_path: Path) -> None:
    fails("query", url, "select emial from users", code=1, words="emial")
    fails("query", f"sqlite:///{tmp_path}/no.db", "select 1", code=1, words="no file.*molt doctor")
    fails("query", "shop.db", "select 1", code=1, words="starts with its kind")
    secret = "postgresql://ada:s3cret@nowhere.invalid/shop"
    done = fails("query", secret, "select 1", code=1, words='"nowhere.invalid".*molt doctor')
    assert "s3cret" not in done.err


def test_what_is_not_utf8_is_refused_and_other_encodings_are_served(url: str) -> None:
    for args in (["query", url, b"select '\xff'"], ["doctor", b"sqlite:///\xff.db"]):
        done = subprocess.run([*MOLT, *args], capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (2, b"")
        assert b"not UTF-8" in done.stderr
        assert done.stderr.count(b"\n") == 1
    done = subprocess.run(
        [*MOLT, "query", url, "-"], input=b"\xff", capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"not UTF-8" in done.stderr
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    assert molt("query", url, "select 'é' as a", "-f", "csv", env=ascii_only).out == "a\r\né\r\n"
    told = molt("doctor", "sqlite:///é.db", env=ascii_only)
    assert (told.code, told.err) == (2, "")
    assert "\\xe9.db" in told.out


def test_a_mistake_of_its_own_is_one_line_unless_it_is_looked_for(url: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import molt_sql\ndef connect(*a, **k): raise KeyError('s3cret')\nmolt_sql.connect = connect\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    done = fails("query", url, "select 1", code=1, words="KeyError.*MOLT_DEBUG=1", env=env)
    assert "s3cret" not in done.err
    assert "Traceback" in molt("query", url, "select 1", env=env | {"MOLT_DEBUG": "1"}).err


def test_a_reader_that_leaves_ends_it_quietly(url: str) -> None:
    command = [*MOLT, "query", url, NUMBERS, "-f", "jsonl"]
    pipe, env = subprocess.PIPE, clean_environment()
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b'{"n":0,"t":"row 0"}\n'
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141
