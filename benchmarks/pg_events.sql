-- What the PostgreSQL benchmarks read: 9 mixed columns, one of them numeric(12, 2), and a tenth of
-- `note` NULL. pg_server.py fills in {table} and {rows}. random() is seeded, so the rows are the
-- same each time; `score` is never negative, on which the benchmarks with a parameter rely.
select setseed(0.42);

create table {table} as
select
  i as id,
  (i * 7919 % 100000)::integer as user_id,
  (array['open', 'closed', 'pending', 'archived'])[1 + i % 4] as status,
  format('Title number %s for the item', i) as title,
  random() * 1000 as score,
  (random() * 10000)::numeric(12, 2) as amount,
  timestamptz '2024-01-01 00:00:00+00' + i * interval '1 second' as created_at,
  i % 3 = 0 as unread,
  case when i % 10 <> 0 then format('note %s', i) end as note
from generate_series(1::bigint, {rows}) as i;

alter table {table} add primary key (id);
create index on {table} (user_id, created_at desc);
