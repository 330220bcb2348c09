-- cogo.plan_jobs: checks the items of enqueue, finds their lanes and claims their keys. Returns the items in order, each with job_id,
-- fresh (false: the key had a job already), ready (can be queued without waiting), lane, band, run_at, max_attempts.
-- Errors: those of enqueue.
create function cogo.plan_jobs(project_id uuid, jobs jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  bad   record;
  plan  jsonb;
begin
  if jsonb_typeof(jobs) is distinct from 'array' or jsonb_array_length(jobs) > 1000 then
    perform cogo.fail('CG000', 'jobs must be an array of at most 1,000');
  end if;

  with asked as (
    select i.ordinality as nth, gen_random_uuid() as job_id, r.*, octet_length(r.payload::text) as payload_bytes,
           coalesce(r.executor, rule.executor) as kind, coalesce(r.max_attempts, rule.max_attempts) as attempts,
           rule.pattern, coalesce(r.priority, 1) as band
      from jsonb_array_elements(jobs) with ordinality i
     cross join lateral jsonb_to_record(i.value)
        as r(type text, payload jsonb, priority int, delay_s double precision, key text, max_attempts int, executor text, pin text,
             concurrency_key text, parent_id uuid, trace_id text)
      left join lateral (
        select t.* from cogo.job_types t
         where t.pattern = r.type or (t.pattern like '%.*' and starts_with(r.type, left(t.pattern, -1)))
         order by length(t.pattern) desc limit 1) rule on true
  )
  select jsonb_agg(to_jsonb(a) - 'executor' - 'pattern' - 'kind' - 'attempts' || jsonb_build_object(
           'lane', format('%s/default/%s', a.kind, a.band), 'max_attempts', a.attempts, 'fresh', true,
           'run_at', clock_timestamp() + make_interval(secs => coalesce(a.delay_s, 0)),
           'ready', coalesce(a.delay_s, 0) = 0 and a.pin is null and a.concurrency_key is null,
           'problem', case
             when a.pattern is null then 'type is not known'
             when a.payload is not null and jsonb_typeof(a.payload) <> 'object' then 'payload must be an object'
             when a.band not between 0 and 2 then 'priority must be 0, 1 or 2'
             when a.delay_s < 0 or a.delay_s > 2592000 then 'delay_s must be 0 to 2592000'
             when length(a.key) not between 1 and 255 then 'key must have 1 to 255 characters'
             when length(a.concurrency_key) not between 1 and 255 then 'concurrency_key must have 1 to 255 characters'
             when a.attempts not between 1 and 50 then 'max_attempts must be 1 to 50'
             when a.kind not in ('cogo-plan', 'cogo-work') then 'executor must be cogo-plan or cogo-work'
             when a.pin !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then 'pin must be an executor id'
             when a.parent_id is not null and not exists (
               select from cogo.jobs p where p.id = a.parent_id and p.project_id = plan_jobs.project_id) then 'parent_id is not a job of this project'
           end) order by a.nth)
    into plan from asked a;
  if plan is null then
    return '[]';
  end if;

  select i.value ->> 'problem' as problem, (i.value ->> 'nth')::int - 1 as index into bad
    from jsonb_array_elements(plan) i where i.value ->> 'problem' is not null limit 1;
  if found then
    perform cogo.fail('CG004', format('jobs[%s]: %s', bad.index, bad.problem), jsonb_build_object('index', bad.index));
  end if;
  select (i.value ->> 'payload_bytes')::int as bytes, (i.value ->> 'nth')::int - 1 as index into bad
    from jsonb_array_elements(plan) i where (i.value ->> 'payload_bytes')::int > 131072 limit 1;
  if found then
    perform cogo.fail('CG005', format('jobs[%s]: the payload has %s bytes, at most 131072 are stored', bad.index, bad.bytes),
      jsonb_build_object('index', bad.index, 'bytes', bad.bytes, 'limit', 131072), 'Upload it to Storage and send its path');
  end if;
  if exists (select from jsonb_array_elements(plan) i where i ->> 'key' is not null) then
    plan := cogo.claim_job_keys(plan_jobs.project_id, plan);
  end if;
  return plan;
exception
  when invalid_text_representation or numeric_value_out_of_range or datetime_field_overflow then
    perform cogo.fail('CG000', 'jobs is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
