"""Words that must not be told, and all the places where they could be.

They are looked for whole and in part: in capitals, cut off, within longer words.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from molt_sql import MoltError

# No two are alike in five letters, so that a part that leaks is found as well.
CANARY = "zqwx" + "jvkp"
NUMBER = 918_273_645
PARTS = (CANARY[:5], CANARY[-5:], str(NUMBER))

FRAMES_OF = str(Path(sys.modules["molt_sql"].__file__ or "").parent)


def everything_about(error: BaseException, variables: bool = True) -> str:
    """All that whoever reports an error could show, also the variables of our own frames."""
    told = []
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        told += [str(one), repr(one), repr(one.args), repr(getattr(one, "__notes__", []))]
        told += [repr(vars(one))]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if variables and frame.f_code.co_filename.startswith(FRAMES_OF):
                told += [f"{name} = {value!r}" for name, value in frame.f_locals.items()]
        told += traceback.format_exception(one)
        todo += [one.__cause__, one.__context__]
    return "\n".join(told)


def leaks(text: str, *secrets: str) -> list[str]:
    lower = text.lower()
    return [part for part in (*PARTS, *secrets) if part.lower() in lower]


@contextmanager
def silent(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], *secrets: str
) -> Iterator[None]:
    """Nothing secret is logged, warned of or written."""
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        yield
    written = "".join(capfd.readouterr())
    told = [written, *(str(w.message) for w in warned), caplog.text]
    assert leaks("\n".join(told), *secrets) == []


def failure(run: Callable[[], Any]) -> MoltError:
    with pytest.raises(MoltError) as caught:
        run()
    return caught.value


TABLES = """
create type mood as enum ('glad', 'sad');
create domain short as text check (length(value) < 3);
create table secrets (
    id integer primary key, email text unique, age integer check (age > 0), name text not null,
    m mood, ref integer references secrets, small varchar(3), span int4range,
    exclude using gist (span with &&));
create table parted (a text) partition by list (a);
create view checked as select * from secrets where age < 100 with check option;
create table guarded (a text); alter table guarded enable row level security, force row level security;
create function raises(text) returns int language plpgsql as
    $$ begin raise exception 'bad value %', $1 using detail = $1, hint = 'not ' || $1; end $$;
create function raises_within(text) returns int language plpgsql as
    $$ begin raise exception 'no user_%_here', $1; end $$;
create function raises_data(text) returns int language plpgsql as
    $$ begin raise exception 'bad value %', $1 using errcode = '22000'; end $$;
create function raises_state(text) returns int language plpgsql as
    $$ begin raise exception 'bad value "%"', $1 using errcode = '42704', column = $1; end $$;
create function warns(text) returns int language plpgsql as
    $$ begin raise warning 'bad value %', $1; raise log 'bad value %', $1; return 1; end $$;
create function runs(text) returns int language plpgsql as
    $$ begin execute 'select ' || $1; return 1; end $$;
"""

KNOWN = "insert into secrets (id, email, age, name, span) values (1, 'known', 1, 'x', '[1,5)')"
