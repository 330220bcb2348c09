-- cogo.plan_jobs: checks the items of enqueue and finds their lanes. Returns them in order, each with a new job_id and what it waits
-- for: null nothing, time, pin, slot. The hash of an item, which makes two enqueues of one key the same input, covers all of it but
-- its key and trace: jsonb's text form is canonical, with keys sorted and numbers normalised. Errors: those of enqueue.
create function cogo.plan_jobs(project_id uuid, jobs jsonb)
returns cogo.planned_job[]
language plpgsql
set search_path = ''
as $$
declare
  bad    record;
  plan   cogo.planned_job[];
  moment timestamptz := clock_timestamp();
  -- as cogo.new_job_id, spelled out: calling a function that pins its search path costs more than all the rest of an item
  id_prefix bigint := ((extract(epoch from moment) * 1000)::bigint << 16) | 28672;
begin
  if jsonb_typeof(jobs) is distinct from 'array' or jsonb_array_length(jobs) > 1000 then
    perform cogo.fail('CG000', 'jobs must be an array of at most 1,000');
  end if;
  begin
    with asked as materialized (
      select i.ordinality::int as nth, i.value as item, i.value ->> 'type' as type, i.value -> 'payload' as payload,
             coalesce((i.value ->> 'priority')::int, 1) as band, coalesce((i.value ->> 'delay_s')::double precision, 0) as delay_s,
             i.value ->> 'key' as key, (i.value ->> 'max_attempts')::int as max_attempts, i.value ->> 'executor' as executor,
             i.value ->> 'pin' as pin, i.value ->> 'concurrency_key' as concurrency_key, i.value ->> 'rate_key' as rate_key,
             (i.value ->> 'parent_id')::uuid as parent_id, i.value ->> 'trace_id' as trace_id
        from jsonb_array_elements(jobs) with ordinality i
    ),
    rule as materialized (
      select t.type, r.executor, r.max_attempts, r.run_s, r.steps
        from (select distinct a.type from asked a) t
       cross join lateral (
        select x.* from cogo.job_types x
         where x.pattern = t.type or (x.pattern like '%.*' and starts_with(t.type, left(x.pattern, -1)))
         order by length(x.pattern) desc limit 1) r
    )
    select array_agg((a.nth, encode(int8send(id_prefix | a.nth) || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid, true, a.type, case when a.payload is null or a.payload = 'null' then '{}' else a.payload end,
             coalesce(a.executor, r.executor) || '/default/' || a.band, a.band::smallint,
             case when a.delay_s > 0 then moment + make_interval(secs => a.delay_s) else moment end,
             case when a.delay_s > 0 then 'time' when a.concurrency_key is not null then 'slot' when a.pin is not null then 'pin' end,
             coalesce(a.max_attempts, r.max_attempts), a.key, case when a.key is not null then sha256(convert_to((
               '{"payload": {}, "priority": 1}' || a.item - array['key', 'trace_id'])::text, 'UTF8')) end,
             a.pin, a.concurrency_key, coalesce(a.rate_key, a.type), a.parent_id, a.trace_id, null,
             case
               when r.type is null then 'the type is not known'
               when a.payload is not null and jsonb_typeof(a.payload) not in ('object', 'null') then 'payload must be an object'
               when a.band not between 0 and 2 then 'priority must be 0, 1 or 2'
               when a.delay_s not between 0 and 2592000 then 'delay_s must be 0 to 2592000'
               when length(a.key) not between 1 and 255 then 'key must have 1 to 255 characters'
               when length(a.concurrency_key) not between 1 and 255 then 'concurrency_key must have 1 to 255 characters'
               when length(a.rate_key) not between 1 and 255 then 'rate_key must have 1 to 255 characters'
               when a.max_attempts not between 1 and 50 then 'max_attempts must be 1 to 50'
               when a.executor not in ('cogo-plan', 'cogo-work') then 'executor must be cogo-plan or cogo-work'
               when coalesce(a.executor, r.executor) = 'cogo-plan' and r.run_s > 90 and not r.steps
                 then format('%s may run for %s s and has no steps: cogo-plan hands work back after 90 s', a.type, r.run_s)
               when a.pin !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then 'pin must be an executor id'
               when a.parent_id is not null and not exists (
                 select from cogo.jobs p where p.id = a.parent_id and p.project_id = plan_jobs.project_id) then 'parent_id is not a job of this project'
             end)::cogo.planned_job order by a.nth)
      into plan
      from asked a left join rule r on r.type = a.type;
  exception
    when invalid_text_representation or numeric_value_out_of_range or datetime_field_overflow then
      perform cogo.fail('CG000', 'jobs is malformed', jsonb_build_object('reason', sqlerrm));
  end;
  if plan is null then
    return '{}';
  end if;

  -- as text a payload has at most six times the bytes it has as jsonb
  select p.problem, p.type, octet_length(p.payload::text) as bytes, p.nth - 1 as index into bad
    from unnest(plan) p
   where p.problem is not null or pg_column_size(p.payload) > 21845 and octet_length(p.payload::text) > 131072
   order by p.problem is null, p.nth limit 1;
  if bad.problem = 'the type is not known' then
    perform cogo.fail('CG004', format('jobs[%s]: the type %s is not known', bad.index, coalesce(bad.type, 'null')),
      jsonb_build_object('index', bad.index, 'field', 'type', 'known', (select jsonb_agg(t.pattern order by t.pattern) from cogo.job_types t)),
      'Known types: ' || (select string_agg(t.pattern, ', ' order by t.pattern) from cogo.job_types t));
  elsif bad.problem is not null then
    perform cogo.fail('CG004', format('jobs[%s]: %s', bad.index, bad.problem), jsonb_build_object('index', bad.index));
  elsif bad.index is not null then
    perform cogo.fail('CG005', format('jobs[%s]: the payload has %s bytes, at most 131072 are stored', bad.index, bad.bytes),
      jsonb_build_object('index', bad.index, 'bytes', bad.bytes, 'limit', 131072), 'Upload it to Storage and send its path');
  end if;
  return plan;
end
$$;
