-- cogo_api.enqueue: makes jobs in one transaction with whatever else the caller does; returns [{job_id, state, duplicate}] in order.
--
-- jobs: [{type, payload?, priority?, delay_s?, key?, max_attempts?, executor?, pin?, concurrency_key?, parent_id?, trace_id?}], up
-- to 1,000. priority is the band: 0 first, 1 default, 2 last. executor overrides the lane rule of the type. pin: only this executor
-- takes it. concurrency_key: one job of the key at a time. parent_id links to a job of the same project.
-- key: the first job made with it is returned again (duplicate = true) for 7 days, also when that job's row is gone.
-- Needs editor. Errors: as require_role; CG000 not an array; CG004 a field out of range or an unknown type; CG005 a payload over
-- 128 KB (put it in Storage and send the path); CG023 a key used with another input.
create function cogo_api.enqueue(project_id uuid, jobs jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  me      text;
  answer  jsonb;
  batch   record;
  pushed  uuid[] := '{}';
  msgs    bigint[] := '{}';
  sent    record;
  waiting uuid[];
  items   jsonb;
begin
  perform cogo.require_role(enqueue.project_id, 'editor');
  me := cogo.principal();
  items := cogo.plan_jobs(enqueue.project_id, enqueue.jobs);

  -- the slots of the keys in play exist and are locked before any job is
  insert into cogo.job_slots (project_id, key)
  select distinct enqueue.project_id, i ->> 'concurrency_key' from jsonb_array_elements(items) i
   where i ->> 'concurrency_key' is not null and (i ->> 'fresh')::boolean
   order by 2
  on conflict do nothing;
  perform from cogo.job_slots s
    where s.project_id = enqueue.project_id
      and s.key in (select i ->> 'concurrency_key' from jsonb_array_elements(items) i where (i ->> 'fresh')::boolean)
    order by s.key for update;

  -- jobs that are ready right away get their message first, so that each row is written once
  for batch in
    select l.queue_name, array_agg((i.value ->> 'job_id')::uuid order by i.ordinality) as ids
      from jsonb_array_elements(items) with ordinality i
      join cogo.lanes l on l.name = i.value ->> 'lane'
     where (i.value ->> 'fresh')::boolean and (i.value ->> 'ready')::boolean
     group by l.queue_name
     order by l.queue_name
  loop
    execute format('select array_agg(p.job_id) as ids, array_agg(p.msg_id) as msgs from cogo.push_%s($1) p', batch.queue_name)
      into sent using batch.ids;
    pushed := pushed || sent.ids;
    msgs := msgs || sent.msgs;
  end loop;

  with item as (
    select r.* from jsonb_to_recordset(items)
      as r(job_id uuid, fresh boolean, ready boolean, type text, payload jsonb, lane text, band smallint, run_at timestamptz,
           max_attempts int, pin text, concurrency_key text, parent_id uuid, trace_id text)
     where r.fresh
  ),
  message as (
    select m.job_id, m.msg_id from unnest(pushed, msgs) as m(job_id, msg_id)
  ),
  made as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, run_at, msg_id, queued_at, max_attempts, pinned_executor_id,
                           concurrency_key, parent_id, trace_id, created_by)
    select i.job_id, enqueue.project_id, i.type, i.lane, i.band, case when i.ready then 'queued' else 'scheduled' end, i.run_at,
           m.msg_id, case when i.ready then clock_timestamp() end, i.max_attempts, i.pin, i.concurrency_key, i.parent_id, i.trace_id, me
      from item i left join message m on m.job_id = i.job_id
    returning id
  )
  insert into cogo.job_payloads (job_id, project_id, input)
  select i.job_id, enqueue.project_id, coalesce(i.payload, '{}') from item i;

  insert into cogo.job_events (job_id, project_id, kind, data)
  select (i ->> 'job_id')::uuid, enqueue.project_id, 'job.enqueued', jsonb_build_object('type', i ->> 'type')
    from jsonb_array_elements(items) i where (i ->> 'fresh')::boolean;

  waiting := array(
    select (i ->> 'job_id')::uuid from jsonb_array_elements(items) i
     where (i ->> 'fresh')::boolean and not (i ->> 'ready')::boolean and (i ->> 'run_at')::timestamptz <= clock_timestamp());
  perform cogo.admit_jobs(waiting);

  perform cogo.ring(enqueue.project_id, w.lane) from (
    select distinct i ->> 'lane' as lane from jsonb_array_elements(items) i
     where (i ->> 'fresh')::boolean and (i ->> 'ready')::boolean) w;

  select coalesce(jsonb_agg(jsonb_build_object('job_id', i.value ->> 'job_id', 'state', coalesce(j.state, 'forgotten'),
           'duplicate', not (i.value ->> 'fresh')::boolean) order by i.ordinality), '[]')
    into answer
    from jsonb_array_elements(items) with ordinality i
    left join cogo.jobs j on j.id = (i.value ->> 'job_id')::uuid;
  return answer;
end
$$;
revoke all on function cogo_api.enqueue(uuid, jsonb) from public;
grant execute on function cogo_api.enqueue(uuid, jsonb) to anon, authenticated, service_role;
