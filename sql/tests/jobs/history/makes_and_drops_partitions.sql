select is(cogo.keep_partitions(), '{"made":0,"dropped":0}'::jsonb, 'made with the schema');
select ok(count(*) >= 4, 'today and three days ahead') from pg_inherits where inhparent = 'cogo.job_events'::regclass;
create table cogo.job_events_20200101 partition of cogo.job_events for values from ('2020-01-01') to ('2020-01-02');
select is(cogo.keep_partitions() -> 'dropped', '1'::jsonb);
select is((select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'cogo' and c.relkind = 'r' and not c.relrowsecurity), 0::bigint);
