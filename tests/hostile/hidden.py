"""Functions, views, types and policies that write, and reads in whose text that does not show."""

import re

LOG = "insert into log values (current_user)"


def plpgsql(name: str, body: str, more: str = "volatile") -> str:
    return (
        f"create function {name} returns integer {more} language plpgsql"
        f" as $body$ begin {body}; return 1; end $body$"
    )


def runs(name: str, statement: str) -> str:
    """A function that runs a statement which PL/pgSQL does not have itself."""
    return plpgsql(name, f"execute $run$ {statement} $run$")


SETUP = [
    "create table log (who text)",
    plpgsql("writes()", LOG),
    plpgsql("says_stable()", f"execute '{LOG}'", "stable parallel safe"),
    plpgsql("says_immutable()", f"execute '{LOG}'", "immutable parallel safe"),
    plpgsql("catches()", f"begin {LOG}; exception when others then null; end"),
    f"create function in_sql() returns text language sql as '{LOG} returning who'",
    f"create function atomic() returns text begin atomic {LOG} returning who; end",
    plpgsql("with_default(a integer default writes())", "null"),
    f"create function rows_of() returns setof text language sql as '{LOG} returning who'",
    plpgsql("takes(a integer)", LOG),
    plpgsql("joins(a integer, b integer)", LOG),
    "create aggregate sums(integer) (sfunc = joins, stype = integer, initcond = '0')",
    "create operator ### (leftarg = integer, rightarg = integer, function = joins)",
    "create type pair as (a integer, b integer)",
    plpgsql("unpairs(a pair)", LOG),
    "create cast (pair as integer) with function unpairs(pair)",
    "create domain checked as integer check (takes(value) = 1)",
    "create type checked_pair as (a checked)",
    "create view view_writes as select writes() from t",
    "create view view_counts as select nextval('s') as n from t",
    "create view view_locks as select a from t for update",
    "create table guarded (a integer); insert into guarded select generate_series(1, 9)",
    "alter table guarded enable row level security, force row level security",
    "create policy guard on guarded using (writes() = 1)",
    plpgsql("counts()", "perform nextval('s')"),
    plpgsql("sets_sequence()", "perform setval('s', 77)"),
    plpgsql("changes_rows()", "update t set b = 'changed'"),
    plpgsql("truncates()", "truncate t"),
    plpgsql("creates()", "create table w (a integer)"),
    plpgsql("creates_temp()", "create temp table w (a integer)"),
    plpgsql("selects_into()", "create table w as select * from t"),
    plpgsql("drops()", "drop view v"),
    plpgsql("comments()", "comment on table t is 'x'"),
    plpgsql("grants()", "grant all on t to public"),
    plpgsql("refreshes()", "refresh materialized view m"),
    plpgsql("locks_rows()", "perform 1 from t for update"),
    plpgsql("locks_table()", "lock table t in access share mode"),
    plpgsql("locks_table_for_good()", "lock table t in access exclusive mode"),
    runs("vacuums()", "vacuum t"),
    runs("analyzes()", "analyze t"),
    runs("reindexes()", "reindex table t"),
    runs("does()", "do $do$ begin delete from t; end $do$"),
    "create procedure commits() language plpgsql as 'begin commit; delete from t; commit; end'",
    plpgsql("calls()", "call commits()"),
    plpgsql("calls_p()", "call p()"),
    runs("commits_itself()", "commit"),
    runs("begins()", "begin read write"),
    plpgsql("becomes_writer()", f"perform set_config('transaction_read_only', 'off', true); {LOG}"),
    runs("becomes_writer_by_set()", "set transaction read write"),
    runs("becomes_writer_later()", "set session characteristics as transaction read write"),
    plpgsql("sets()", "perform set_config('work_mem', '999MB', false)"),
    plpgsql("sets_own()", "perform set_config('own.setting', 'x', false)"),
    plpgsql("sets_path()", "perform set_config('search_path', 'pg_temp', false)"),
    plpgsql("sets_strings()", "perform set_config('standard_conforming_strings', 'off', false)"),
    plpgsql("sets_encoding()", "perform set_config('client_encoding', 'LATIN1', false)"),
    plpgsql("sets_zone()", "perform set_config('TimeZone', 'Asia/Tokyo', false)"),
    runs("sets_role()", "set role other"),
    runs("sets_user()", "set session authorization molt"),
    runs("resets()", "reset all"),
    runs("discards()", "discard all"),
    runs("discards_plans()", "discard plans"),
    plpgsql("notifies()", "perform pg_notify('c', 'x')"),
    runs("notifies_itself()", "notify c, 'y'"),
    runs("listens()", "listen c"),
    runs("declares()", "declare kept cursor for select * from t"),
    runs("declares_with_hold()", "declare held cursor with hold for select * from t"),
    "create function opens() returns refcursor language plpgsql as"
    " $$ declare c refcursor := 'opened'; begin open c for select * from t; return c; end $$",
    plpgsql("makes_large_object()", "perform lo_from_bytea(0, 'x')"),
    plpgsql("changes_large_object()", "perform lo_put(1, 0, 'changed')"),
    plpgsql("unlinks_large_object()", "perform lo_unlink(1)"),
    plpgsql("opens_large_object()", "perform lowrite(lo_open(1, 131072), 'changed')"),
    plpgsql("takes_lock()", "perform pg_advisory_xact_lock(1)"),
    plpgsql("uses_transaction_id()", "perform pg_current_xact_id()"),
    plpgsql("exports()", "perform pg_export_snapshot()"),
    plpgsql("runs_xml()", f"perform query_to_xml('{LOG} returning who', true, true, '')"),
    plpgsql("copies()", "copy t from '/etc/hostname'"),
    plpgsql("creates_role()", "create role made"),
    plpgsql("alters_role()", "alter role molt set work_mem = '999MB'"),
    plpgsql("imports_collations()", "perform pg_import_system_collations('public')"),
]
# Of a role that may do what the reader may not.
OTHERS = [
    "create table kept (a integer)",
    plpgsql("definer()", "insert into kept values (1)", "security definer"),
    plpgsql("definer_role()", "create role made", "security definer"),
    plpgsql("definer_user()", "update pg_authid set rolsuper = true", "security definer"),
]
READS = [
    *(
        f"select {call}"
        for call in re.findall(r"create function (\w+\(\))", "\n".join(SETUP + OTHERS))
    ),
    "select with_default()",
    "select * from rows_of()",
    "select a from t where writes() = 1",
    "select a from t order by writes()",
    "select a from t group by a having takes(a) = 1",
    "select a from t limit writes()",
    "select a from t join lateral takes(a) x on true",
    "select takes(a) over_it, sum(a) over (order by takes(a)) from t",
    "with x as materialized (select writes()) select * from x",
    "select case when writes() = 1 then 1 end",
    "select coalesce(null, writes())",
    "select sums(a) from t",
    "select sums(a) over () from t",
    "select 1 ### 2",
    "select row(1, 2)::pair::integer",
    "select 1::checked",
    "select '1'::checked",
    # These call the function while the statement is parsed, not when it runs.
    "select '{1}'::checked[]",
    "select '(1)'::checked_pair",
    "select checked_pair '(1)', a from t",
    "select domain_in('1', 'checked'::regtype, -1)",
    "select json_populate_record(null::checked_pair, '{\"a\": 1}')",
    "select * from json_to_record('{\"a\": 1}') as x(a checked)",
    "select xmlelement(name x, writes())",
    "select * from view_writes",
    "select * from view_counts",
    "select * from view_locks",
    "select * from guarded",
    "select count(*) from guarded",
    "explain analyze select writes()",
    "explain select says_immutable()",
    "explain (analyze) select * from view_counts",
    "values (writes())",
    "table view_writes",
]
