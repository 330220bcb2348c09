-- The oldest pgmq there is (hosted Supabase) has no more than this; what newer ones added must not be needed.
-- To run everything on it: COGO_PGMQ=<folder of its files> scripts/postgres17 start, then COGO_TEST_DB=… npm test -- sql/
select is(
  (select array_agg(distinct m.name[1]) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    cross join lateral regexp_matches(p.prosrc, 'pgmq\.([a-z_]+)', 'g') as m(name)
    where n.nspname in ('cogo', 'cogo_api') and m.name[1] !~ '^q_'),
  array['create'], 'the only function of pgmq that is called');
select has_function('pgmq', 'create', array['text']);
select is((select array_agg(a.attname || ' ' || format_type(a.atttypid, null) order by a.attname)
             from pg_attribute a where a.attrelid = 'pgmq.q_cogo_work_default_1'::regclass and a.attname in ('msg_id', 'vt', 'message')),
  array['message jsonb', 'msg_id bigint', 'vt timestamp with time zone'], 'the only columns that are named');
select is((select array_agg(a.attname::text order by a.attname) from pg_attribute a
            where a.attrelid = 'pgmq.q_cogo_work_default_1'::regclass and a.attnum > 0 and a.attnotnull and not a.atthasdef and a.attidentity = ''),
  array['vt'], 'a message needs no other column');
select is(to_regclass('pgmq.q_cogo_work_default_1_msg_id_seq') is not null, true, 'the sequence of its ids is found by this name');
select note('p', to_jsonb(project('P')));
select job(noted_id('p'));
select is((select count(*) from pgmq.q_cogo_work_default_1 q where q.vt > clock_timestamp()), 0::bigint, 'delays are never given to pgmq');
