-- a single plain job goes one short way (enqueue_one), several of one lane another (enqueue_plain), and what has more to it the long way
create function tests.rows_of(job_id uuid) returns jsonb language sql as $$
  select to_jsonb(j) - array['id', 'run_at', 'created_at', 'queued_at', 'msg_id'] || jsonb_build_object('input', p.input,
           'queued', j.queued_at is not null, 'message', j.msg_id is not null,
           'sent', exists (select from pgmq.q_cogo_work_default_0 q where q.msg_id = j.msg_id and q.message ->> 'j' = j.id::text)
                or exists (select from pgmq.q_cogo_plan_default_1 q where q.msg_id = j.msg_id and q.message ->> 'j' = j.id::text))
    from cogo.jobs j join cogo.job_payloads p on p.job_id = j.id where j.id = rows_of.job_id
$$;
select note('p', to_jsonb(project('P')));
select cogo_api.request_begin(jsonb_build_object('trace_id', 't1', 'function', 'jobs', 'principal', 'x', 'project_id', noted_id('p')));
select job(noted_id('p'));
create temp table items as
  select * from (values
    ('{"type": "code.debug", "priority": 0, "payload": {"a": 1}, "trace_id": "t1"}'::jsonb),
    ('{"type": "embed.fill", "max_attempts": 7}'),
    ('{"type": "embed.fill", "executor": "cogo-work", "priority": 0, "payload": null}')) v(item);
select is(
  rows_of((cogo_api.enqueue(noted_id('p'), jsonb_build_array(item)) #>> '{0,job_id}')::uuid),
  rows_of((cogo_api.enqueue(noted_id('p'), jsonb_build_array(item, item)) #>> '{0,job_id}')::uuid), item::text)
  from items;
select is(
  rows_of((cogo_api.enqueue(noted_id('p'), jsonb_build_array(item, item)) #>> '{1,job_id}')::uuid),
  rows_of((cogo_api.enqueue(noted_id('p'), jsonb_build_array(item, item || '{"rate_key": "r"}')) #>> '{1,job_id}')::uuid), item::text)
  from items;
select is((select array_agg(distinct payload - 'job_id') from cogo.bus_events where trace_id = 't1'),
  array['{"type": "code.debug", "attempt": 0}'::jsonb], 'their trace is told the same');
select is((select array_agg(distinct jsonb_build_object('type', j.type, 'by', j.created_by)) from cogo.jobs j),
  (select array_agg(distinct jsonb_build_object('type', t, 'by', 'service')) from unnest(array['code.debug', 'embed.fill']) t));
-- over the project's share: the job waits for its turn, and claims know
select cogo_api.set_job_limit(noted_id('p'), '{"kind":"project","ready_share":2}');
select is((select array_agg(cogo_api.enqueue(noted_id('p'), '[{"type":"index.file"}]') #>> '{0,state}') from generate_series(1, 3)),
  array['queued', 'blocked', 'blocked'], 'one was there');
select is((select blocked_on from cogo.jobs where id = (select max(id::text)::uuid from cogo.jobs)), 'turn');
select is((select backlog from cogo.lanes where name = 'cogo-work/default/1'), true);
select note('q', to_jsonb(project('Q')));
select cogo_api.set_job_limit(noted_id('q'), '{"kind":"project","ready_share":2}');
update cogo.lanes set backlog = false;
select is((select array_agg(e ->> 'state') from jsonb_array_elements(cogo_api.enqueue(noted_id('q'),
  '[{"type":"index.file"},{"type":"code.debug"},{"type":"index.file"}]')) e), array['queued', 'queued', 'blocked'], 'as many as there is room for');
select is((select array_agg(j.max_attempts order by j.id) from cogo.jobs j where j.project_id = noted_id('q')), array[5, 3, 5], 'each as its type says');
select is((select backlog from cogo.lanes where name = 'cogo-work/default/1'), true);
-- refused as ever
select throws_ok($$select cogo_api.enqueue('00000000-0000-4000-8000-000000000000', '[{"type":"code.debug"}]')$$, 'CG003');
select cogo_api.set_job_limit(noted_id('p'), '{"kind":"project","queue_limit":3}');
select throws_ok($$select cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug"}]')$$, 'CG024');
