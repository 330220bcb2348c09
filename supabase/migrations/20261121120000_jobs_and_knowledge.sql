-- COGO jobs_and_knowledge.

-- Jobs: doorbells of edge consumers, and types that may be done in parts.
-- The doorbell of an executor kind whose work Edge Functions do: where to ring, and the last ring. There is no secret: each ring
-- carries a ticket of its own, of which the hash is kept until the function has shown it once, for a minute at most.
create table cogo.doorbells (
  executor     text primary key,
  -- the function to POST to; null: nobody is rung
  url          text,
  -- how many consumers may be at work at once; each is the executor <kind>.edge.<n>
  seats        int not null default 2,
  -- what consumers said they can do; null: not known yet, so anything
  types        text[],
  ticket_hash  bytea,
  rung_at      timestamptz,
  answered_at  timestamptz,
  constraint doorbells_executor_known check (executor in ('cogo-plan', 'cogo-work')),
  constraint doorbells_seats_range check (seats between 1 and 20),
  constraint doorbells_url_form check (url ~ '^https?://[^\s@]+$')
);
alter table cogo.doorbells enable row level security;
revoke all on cogo.doorbells from public, anon, authenticated, service_role;
alter table cogo.job_types add column run_s int, add column steps boolean not null default false;
update cogo.job_types t set run_s = v.run_s, steps = v.steps
  from (values ('code.build.test', 1800, false), ('code.debug', 1800, false), ('index.repo', 3600, false), ('index.file', 60, false),
               ('quality.*', 60, false), ('research.run', 600, true)) as v(pattern, run_s, steps)
 where v.pattern = t.pattern;
drop function cogo_api.cancel(uuid);

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/jobs/010_tables.sql 675ab9aa6aea3862
-- by hand

-- sql/jobs/016_doorbells.sql 2e5211338a4d0333
-- by hand

-- sql/jobs/140_fn_ring.sql 14a054b1e6223a0a
-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20. One message each on agents:{executor_id}; a hint, everyone polls as well. Edge consumers have no ear on Realtime:
-- where the lane's kind has a doorbell, it is rung.
create or replace function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
returns void
language plpgsql
set search_path = ''
as $$
declare
  bell text;
begin
  for bell in
    select e.id
      from cogo.executors e
     where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
       and e.kind = split_part(ring.lane, '/', 1)
       and (e.project_id is null or e.project_id = ring.project_id)
       and not e.draining and e.dead_at is null
       and e.last_seen > clock_timestamp() - interval '60 seconds'
     order by e.last_seen desc
     limit least(20, ring.jobs + 4)
  loop
    perform cogo.broadcast('agents:' || bell, 'wake', jsonb_build_object('lane', ring.lane));
  end loop;
  if ring.pinned_executor_id is null then
    perform cogo.ring_doorbell(split_part(ring.lane, '/', 1));
  end if;
end
$$;

-- sql/jobs/141_fn_free_seat.sql da491ee8a5c8a23e
-- cogo.free_seat: the id of the first edge consumer of an executor kind, of so many, that is not at work; null when all are.
create or replace function cogo.free_seat(executor text, seats int)
returns text
language sql
stable
set search_path = ''
as $$
  select s.id
    from generate_series(1, free_seat.seats) n
   cross join lateral (select free_seat.executor || '.edge.' || n as id) s
    left join cogo.executors e on e.id = s.id
   where e.id is null or e.draining or e.dead_at is not null
      or e.last_seen < clock_timestamp() - make_interval(secs => 3 * coalesce(e.beat_s, 10))
   order by n
   limit 1
$$;

-- sql/jobs/142_fn_needs_ring.sql 2180abf1d64da867
-- cogo.needs_ring: whether jobs of an executor kind wait that an edge consumer could do, and no live executor of a server or a
-- developer has a slot free for them. Cheap when nothing waits: the lanes' own look, one statement.
create or replace function cogo.needs_ring(executor text, types text[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  lanes    text[] := array(select o.name from cogo.open_lanes(needs_ring.executor) o);
  exact    text[];
  prefixes text[];
  idle     cogo.executors[];
begin
  if cardinality(lanes) = 0 then
    return false;
  end if;
  idle := array(
    select e from cogo.executors e
     where e.kind = needs_ring.executor and not e.draining and e.dead_at is null and e.id not like '%.edge.%'
       and e.last_seen > clock_timestamp() - make_interval(secs => 3 * coalesce(e.beat_s, 10))
       and (select count(*) from cogo.jobs j where j.state = 'running' and j.executor_id = e.id)
           < coalesce((e.info ->> 'slots')::numeric, 1));
  if types is not null then
    exact := array(select t from unnest(types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(types) t where t like '%.*');
  end if;
  return exists (
    select from cogo.jobs j
     where j.lane = any (lanes)
       and (j.state = 'queued' and j.pinned_executor_id is null or j.state = 'blocked' and j.blocked_on = 'turn')
       and (types is null or j.type = any (exact) or j.type like any (prefixes))
       and not exists (
         select from unnest(idle) e
          where (e.project_id is null or e.project_id = j.project_id)
            and (coalesce(jsonb_typeof(e.info -> 'types'), 'null') <> 'array' or exists (
              select from jsonb_array_elements_text(e.info -> 'types') t
               where t = j.type or t like '%.*' and starts_with(j.type, left(t, -1))))));
end
$$;

-- sql/jobs/144_fn_ring_doorbell.sql b17abde483bf825d
-- cogo.ring_doorbell: wakes one edge consumer of an executor kind over pg_net, where jobs wait for it (needs_ring) and a seat is free;
-- returns whether it rang. At most one ring a second; while a ring is unanswered, one in five. Called by pg_cron every second, by
-- whatever makes jobs ready, and by a consumer that leaves work behind. The request goes out when the caller's transaction commits.
-- Two at once: one rings, the other returns at once.
create or replace function cogo.ring_doorbell(executor text default 'cogo-plan')
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  bell   cogo.doorbells;
  ticket text;
begin
  select d.* into bell from cogo.doorbells d
   where d.executor = ring_doorbell.executor and d.url is not null
     and (d.rung_at is null or d.rung_at < clock_timestamp() - make_interval(secs => case when d.ticket_hash is null then 1 else 5 end));
  if not found or to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null then
    return false;
  end if;
  if not cogo.needs_ring(bell.executor, bell.types) or cogo.free_seat(bell.executor, bell.seats) is null then
    return false;
  end if;
  -- the same again under the lock; who holds it rings
  select d.* into bell from cogo.doorbells d
   where d.executor = bell.executor and d.url is not null and d.rung_at is not distinct from bell.rung_at
     for update skip locked;
  if not found then
    return false;
  end if;
  ticket := cogo.new_secret();
  update cogo.doorbells d set rung_at = clock_timestamp(), ticket_hash = sha256(convert_to(ticket, 'UTF8')) where d.executor = bell.executor;
  perform net.http_post(url := bell.url, body := jsonb_build_object('ticket', ticket), timeout_milliseconds := 5000);
  return true;
end
$$;

-- sql/jobs/202_fn_lock_children.sql 6694356fd1c86c52
-- cogo.lock_children: takes what making the children of a worker's call will need before anything of the jobs themselves is locked:
-- idempotency keys, rates, then slots in one pass with the jobs' own and their parents'. So finish and release keep the order of
-- enqueue (key -> rate -> slot -> job) and can not meet it in a circle. items: as fenced, with children.
-- A key is locked by inserting and deleting its row: whoever inserts the same one waits for this transaction, as it would for a real one.
create or replace function cogo.lock_children(items jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  wanted jsonb;
begin
  if jsonb_typeof(items) is distinct from 'array' or not jsonb_path_exists(items, '$[*].children[0]') then
    return;
  end if;
  begin
    select jsonb_agg(jsonb_build_object('p', j.project_id, 'key', c ->> 'key', 'rate', coalesce(c ->> 'rate_key', c ->> 'type'),
             'slot', c ->> 'concurrency_key'))
      into wanted
      from jsonb_array_elements(items) i
      join cogo.jobs j on j.id = (i ->> 'job_id')::uuid and j.lease_token = (i ->> 'token')::bigint
     cross join lateral jsonb_array_elements(case jsonb_typeof(i -> 'children') when 'array' then i -> 'children' else '[]' end) c
     where jsonb_typeof(c) = 'object';
  exception
    when invalid_text_representation or numeric_value_out_of_range then
      return;  -- fenced says what is wrong
  end;
  if wanted is null then
    return;
  end if;
  if jsonb_path_exists(wanted, '$[*] ? (@.key != null)') then
    insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
    select distinct (w ->> 'p')::uuid, w ->> 'key', nobody, ''::bytea, '-infinity'::timestamptz
      from jsonb_array_elements(wanted) w where w ->> 'key' is not null order by 1, 2
    on conflict do nothing;
    delete from cogo.job_keys k
     where (k.project_id, k.key) in (select (w ->> 'p')::uuid, w ->> 'key' from jsonb_array_elements(wanted) w) and k.job_id = nobody;
  end if;
  perform from cogo.job_rates r
    where (r.project_id, r.key) in (select (w ->> 'p')::uuid, w ->> 'rate' from jsonb_array_elements(wanted) w)
    order by r.project_id, r.key for update;
  if jsonb_path_exists(wanted, '$[*] ? (@.slot != null)') then
    insert into cogo.job_slots (project_id, key)
    select distinct (w ->> 'p')::uuid, w ->> 'slot' from jsonb_array_elements(wanted) w where w ->> 'slot' is not null order by 1, 2
    on conflict do nothing;
    perform from cogo.job_slots s
      where (s.project_id, s.key) in (
        select (w ->> 'p')::uuid, w ->> 'slot' from jsonb_array_elements(wanted) w
         union all
        select j.project_id, j.concurrency_key
          from cogo.jobs j
         where j.concurrency_key is not null
           and j.id in (select x.id from jsonb_array_elements(items) i join cogo.jobs x on x.id = (i ->> 'job_id')::uuid
                         union all
                        select x.parent_id from jsonb_array_elements(items) i join cogo.jobs x on x.id = (i ->> 'job_id')::uuid))
      order by s.project_id, s.key for update;
  end if;
end
$$;

-- sql/jobs/230_fn_plan_jobs.sql 726aed0c7c165c92
-- cogo.plan_jobs: checks the items of enqueue and finds their lanes. Returns them in order, each with a new job_id and what it waits
-- for: null nothing, time, pin, slot. The hash of an item, which makes two enqueues of one key the same input, covers all of it but
-- its key and trace: jsonb's text form is canonical, with keys sorted and numbers normalised. Errors: those of enqueue.
create or replace function cogo.plan_jobs(project_id uuid, jobs jsonb)
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
               when r.type is null then 'type is not known'
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

  select p.problem, p.nth - 1 as index into bad from unnest(plan) p where p.problem is not null limit 1;
  if found then
    perform cogo.fail('CG004', format('jobs[%s]: %s', bad.index, bad.problem), jsonb_build_object('index', bad.index));
  end if;
  -- as text a payload has at most six times the bytes it has as jsonb
  select octet_length(p.payload::text) as bytes, p.nth - 1 as index into bad
    from unnest(plan) p where pg_column_size(p.payload) > 21845 and octet_length(p.payload::text) > 131072 limit 1;
  if found then
    perform cogo.fail('CG005', format('jobs[%s]: the payload has %s bytes, at most 131072 are stored', bad.index, bad.bytes),
      jsonb_build_object('index', bad.index, 'bytes', bad.bytes, 'limit', 131072), 'Upload it to Storage and send its path');
  end if;
  return plan;
end
$$;

-- sql/jobs/270_fn_job_json.sql 85736ed537d25464
-- cogo.job_json: a job's own row as the API shows it. outcome: what the result of a job that ran to its end says of itself (a build
-- that ran and found failing tests has a result of state failed).
create or replace function cogo.job_json(j cogo.jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('job_id', j.id, 'project_id', j.project_id, 'type', j.type, 'state', j.state, 'lane', j.lane,
    'attempt', j.attempt, 'failures', j.failures, 'lease_losses', j.lease_losses, 'releases', j.releases,
    'max_attempts', j.max_attempts, 'created_at', j.created_at, 'run_at', j.run_at, 'started_at', j.started_at,
    'finished_at', j.finished_at, 'trace_id', j.trace_id, 'executor_id', j.executor_id,
    'pinned_executor_id', j.pinned_executor_id, 'concurrency_key', j.concurrency_key, 'parent_id', j.parent_id,
    'blocked_on', j.blocked_on, 'pending_children', j.pending_children, 'batch_id', j.batch_id, 'redriven_from', j.redriven_from,
    'cancel_requested', j.cancel_requested_at is not null, 'priority', j.band,
    'outcome', case when jsonb_typeof(j.result -> 'state') = 'string' then j.result ->> 'state' end)
$$;

-- sql/jobs/327_fn_spawn_children.sql d27f1cb2c24c3af8
-- cogo.spawn_children: makes the children and events held items of finish or release carry, in the same transaction. children: items of
-- enqueue, which get the job as parent, unless it was cancelled meanwhile; events: [{kind, data}], recorded on the job as job.<kind>.
-- Errors: as enqueue's items; CG000 malformed.
create or replace function cogo.spawn_children(items cogo.fenced_item[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  item record;
  plan cogo.planned_job[];
begin
  for item in
    select i.job_id, i.body, i.cancel_requested, j.project_id, j.trace_id, j.created_by, j.batch_id
      from unnest(items) i join cogo.jobs j on j.id = i.job_id
     where i.held and (i.body ? 'children' or i.body ? 'events')
     order by i.job_id
  loop
    if jsonb_typeof(item.body -> 'children') = 'array' and not item.cancel_requested then
      plan := cogo.plan_jobs(item.project_id, coalesce((
        select jsonb_agg(jsonb_build_object('trace_id', item.trace_id) || c.value || jsonb_build_object('parent_id', item.job_id) order by c.ordinality)
          from jsonb_array_elements(item.body -> 'children') with ordinality c where jsonb_typeof(c.value) = 'object'), '[]'));
      if exists (select from unnest(plan) p where p.key is not null) then
        plan := cogo.claim_job_keys(item.project_id, plan);
      end if;
      perform cogo.check_quota(item.project_id, cardinality(plan));
      plan := cogo.apply_rates(item.project_id, plan);
      perform cogo.make_jobs(item.project_id, plan, item.created_by, item.batch_id);
    end if;
    if jsonb_typeof(item.body -> 'events') = 'array' then
      if exists (select from jsonb_array_elements(item.body -> 'events') e where coalesce(e ->> 'kind', '') !~ '^[a-z_]{1,40}$') then
        perform cogo.fail('CG000', 'events must be [{kind, data}], kind of lower-case letters and _', jsonb_build_object('field', 'events'));
      end if;
      insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
      select item.job_id, item.project_id, 'job.' || (e.value ->> 'kind'), coalesce(e.value -> 'data', '{}'), item.trace_id
        from jsonb_array_elements(item.body -> 'events') with ordinality e order by e.ordinality limit 100;
    end if;
  end loop;
end
$$;

-- sql/jobs/330_fn_finish.sql ca3bc0f9a3953f5a
-- cogo_api.finish: records results; returns [{job_id, verdict, state}] by job id.
-- results: [{job_id, token, result, children?, events?, await?, checkpoint?}]. ok: the job succeeded. cancelled: somebody had asked for
-- that; the result is kept all the same. lost: the token is stale and nothing was changed.
-- children: jobs (as in enqueue) made in the same transaction, with this one as parent. await: the job is not over: it is blocked
-- until its children are, then claimed again with their results (state blocked, verdict ok); its checkpoint is kept.
-- Writes of the same transaction stand or fall with the verdict.
-- Errors: CG001/CG002/CG000 as fenced; as spawn_children.
create or replace function cogo_api.finish(results jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  items     cogo.fenced_item[];
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  perform cogo.lock_children(results);
  items := cogo.fenced(results);
  select coalesce(bool_or(i.body ?| array['children', 'events', 'await']), false),
         coalesce(array_agg(i.job_id) filter (where i.cancel_requested), '{}'),
         coalesce(array_agg(i.job_id) filter (where not i.cancel_requested and i.body -> 'await' = 'true'), '{}')
    into special, cancelled, awaiting
    from unnest(items) i where i.held;
  if special then
    perform cogo.spawn_children(items);
  end if;
  if cardinality(cancelled) > 0 then
    perform cogo.close_attempts(cancelled, 'cancelled');
    perform cogo.settle_cancelled(cancelled);
    update cogo.jobs j set result = i.body -> 'result' from unnest(items) i where j.id = i.job_id and i.job_id = any (cancelled);
  end if;
  for i in 1..cardinality(awaiting) loop
    perform cogo.await_children(awaiting[i], (select x.body -> 'checkpoint' from unnest(items) x where x.job_id = awaiting[i]));
  end loop;

  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
           result = i.body -> 'result'
      from unnest(items) i
     where j.id = i.job_id and i.held and not i.cancel_requested and not (i.job_id = any (awaiting))
    returning j.id, j.project_id, j.attempt, j.trace_id, j.quiet
  )
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select d.id, d.project_id, 'job.done', jsonb_build_object('state', 'succeeded', 'attempt', d.attempt), d.trace_id, d.quiet from done d;

  -- most jobs have neither a key nor a parent
  select array_agg(i.job_id) into ended
    from unnest(items) i where i.held and (i.keyed or i.parented) and not (i.job_id = any (awaiting));
  if ended is not null then
    perform cogo.jobs_over(ended, ended);
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', i.job_id,
             'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
             'state', case when not i.held then null when i.cancel_requested then 'cancelled'
                           when i.job_id = any (awaiting) then (select j.state from cogo.jobs j where j.id = i.job_id)
                           else 'succeeded' end) order by i.job_id)
      from unnest(items) i), '[]');
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;

-- sql/jobs/350_fn_release.sql 6f328a157727b01a
-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?, steps?, children?, await?}]; returns [{job_id, verdict, state}] by job id. The job is queued
-- again at once and its next claim gets the checkpoint; with await it is blocked until its children are over.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  items     cogo.fenced_item[];
  item      record;
  again     uuid[] := '{}';
  cancelled uuid[] := '{}';
begin
  perform cogo.lock_children(releases);
  items := cogo.fenced(releases);
  perform cogo.store_steps(items);
  perform cogo.spawn_children(items);
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    if item.cancel_requested then
      cancelled := cancelled || item.job_id;
    elsif item.body -> 'await' = 'true' then
      perform cogo.await_children(item.job_id, item.body -> 'checkpoint');
    else
      again := again || item.job_id;
    end if;
  end loop;
  perform cogo.close_attempts(cancelled, 'cancelled');
  perform cogo.settle_cancelled(cancelled);
  perform cogo.close_attempts(again, 'released');
  update cogo.job_payloads p set checkpoint = i.body -> 'checkpoint'
    from unnest(items) i
   where p.job_id = i.job_id and i.job_id = any (again) and jsonb_typeof(i.body -> 'checkpoint') <> 'null';
  update cogo.jobs j set releases = j.releases + 1 where j.id = any (again);
  perform cogo.tell(again, 'job.released', '{}');
  -- a released job keeps its slot: it is runnable now
  perform cogo.push_jobs(again);
  perform cogo.jobs_over(cancelled, cancelled);
  return cogo.verdicts(items);
end
$$;
revoke all on function cogo_api.release(jsonb) from public;
grant execute on function cogo_api.release(jsonb) to anon, authenticated, service_role;

-- sql/jobs/353_fn_family.sql 933bb29ba5c23f71
-- cogo.family: a job and all below it that are not over, the job first.
create or replace function cogo.family(job_id uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
  with recursive below as (
    select family.job_id as id, 0 as depth
    union all
    select j.id, b.depth + 1
      from below b join cogo.jobs j on j.parent_id = b.id
     where j.state not in ('succeeded', 'cancelled', 'dead')
  )
  select array(select b.id from below b order by b.depth, b.id)
$$;

-- sql/jobs/355_fn_lock_family.sql 894102ab045b5bf6
-- cogo.lock_family: locks a job as lock_jobs does, with all below it that are not over where below is said; returns their ids, the job's
-- first. A child that was made while this waited for a lock would be locked out of order, so then all is let go and begun anew: once
-- a job is locked, no more children of it can be made.
create or replace function cogo.lock_family(job_id uuid, below boolean)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  ids uuid[];
begin
  loop
    ids := case when below then cogo.family(job_id) else array[job_id] end;
    begin
      perform cogo.lock_jobs(ids);
      if not below or cogo.family(job_id) <@ ids then
        return ids;
      end if;
      raise exception using errcode = 'CG0LF';
    exception when sqlstate 'CG0LF' then
      null;
    end;
  end loop;
end
$$;

-- sql/jobs/360_fn_cancel.sql 5bb87fd8cfb3c179
-- cogo_api.cancel: cancels a job, and unless children is false what is below it and not over; returns {job_id, state,
-- cancel_requested, children}. Those that do not run are cancelled at once; running ones are asked to stop (by their next beat, and by
-- the doorbell) and count as cancelled when their worker reports or loses the lease. children: how many below it this call cancelled
-- or asked to stop. Again on a cancelled job is harmless. Needs editor.
-- Errors: CG003 as readable_job; CG022 the job succeeded or is dead.
create or replace function cogo_api.cancel(job_id uuid, children boolean default true)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  job    cogo.jobs := cogo.readable_job(cancel.job_id, 'editor');
  ids    uuid[] := cogo.lock_family(job.id, coalesce(children, true));
  asked  uuid[];
  ended  uuid[];
  queued uuid[];
  item   record;
begin
  select j.* into job from cogo.jobs j where j.id = job.id;
  if not found then
    job := cogo.readable_job(cancel.job_id, 'editor');
  end if;
  if job.state in ('succeeded', 'dead') then
    perform cogo.fail('CG022', format('the job is %s already', job.state), jsonb_build_object('state', job.state));
  end if;
  select coalesce(array_agg(j.id) filter (where j.state = 'running'), '{}'),
         coalesce(array_agg(j.id) filter (where j.state in ('scheduled', 'blocked', 'queued')), '{}'),
         coalesce(array_agg(j.id) filter (where j.state = 'queued'), '{}')
    into asked, ended, queued
    from cogo.jobs j
   where j.id = any (ids) and j.state not in ('succeeded', 'dead', 'cancelled') and (j.state <> 'running' or j.cancel_requested_at is null);
  update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = any (asked || ended);
  for item in select j.id, j.executor_id from cogo.jobs j where j.id = any (asked) order by j.id loop
    perform cogo.tell(array[item.id], 'job.cancel_requested', jsonb_build_object('executor_id', item.executor_id));
    perform cogo.broadcast('agents:' || item.executor_id, 'cancel', jsonb_build_object('job_id', item.id));
  end loop;
  for item in
    select j.lane, array_agg(j.msg_id order by j.msg_id) as messages
      from cogo.jobs j where j.id = any (queued) and j.msg_id is not null group by j.lane order by j.lane
  loop
    perform cogo.drop_messages(item.lane, item.messages);
  end loop;
  perform cogo.settle_cancelled(ended);
  perform cogo.jobs_over(ended, queued);
  job := cogo.readable_job(cancel.job_id, 'editor');
  return jsonb_build_object('job_id', job.id, 'state', job.state, 'cancel_requested', job.cancel_requested_at is not null,
    'children', cardinality(array_remove(asked || ended, job.id)));
end
$$;
revoke all on function cogo_api.cancel(uuid, boolean) from public;
grant execute on function cogo_api.cancel(uuid, boolean) to anon, authenticated, service_role;

-- sql/jobs/395_fn_job_detail.sql fc84430f85787d5c
-- cogo_api.job_detail: what job_status leaves out: {attempts:[{attempt, executor_id, started_at, ended_at, outcome, error}],
-- steps:[{name, attempt, at}], children:[{job_id, type, state}]}; attempts in order, the running one without ended_at and outcome;
-- at most 1,000 steps and children, oldest first. Needs viewer. Error: CG003.
create or replace function cogo_api.job_detail(job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(job_detail.job_id, 'viewer');
begin
  return jsonb_build_object(
    'attempts', coalesce((
      select jsonb_agg(jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id, 'started_at', a.started_at,
               'ended_at', a.ended_at, 'outcome', a.outcome, 'error', a.error) order by a.attempt)
        from cogo.attempts a where a.job_id = job.id), '[]'),
    'steps', coalesce((
      select jsonb_agg(jsonb_build_object('name', s.name, 'attempt', s.attempt, 'at', s.at) order by s.at, s.name)
        from (select x.* from cogo.job_steps x where x.job_id = job.id order by x.at, x.name limit 1000) s), '[]'),
    'children', coalesce((
      select jsonb_agg(jsonb_build_object('job_id', c.id, 'type', c.type, 'state', c.state) order by c.id)
        from (select j.id, j.type, j.state from cogo.jobs j where j.parent_id = job.id
              union all
              select h.id, h.type, h.state from cogo.jobs_history h where h.parent_id = job.id
               order by 1 limit 1000) c), '[]'));
end
$$;
revoke all on function cogo_api.job_detail(uuid) from public;
grant execute on function cogo_api.job_detail(uuid) to anon, authenticated, service_role;

-- sql/jobs/410_fn_list_jobs.sql 12d847bd66ecd663
-- cogo_api.list_jobs: the newest jobs of a project, of one state where given, at most 500, also those of the history; a dead one with
-- its reason. Needs viewer.
create or replace function cogo_api.list_jobs(project_id uuid, state text default null, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  most int := least(greatest(coalesce(lim, 50), 1), 500);
begin
  perform cogo.require_role(list_jobs.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(x.body order by x.id desc)
      from (select * from (
              (select j.id, cogo.job_json(j) || case when j.state = 'dead' then jsonb_build_object('reason',
                        (select d.reason from cogo.job_dead d where d.job_id = j.id)) else '{}' end as body
                 from cogo.job_payloads p join cogo.jobs j on j.id = p.job_id
                where p.project_id = list_jobs.project_id and (list_jobs.state is null or j.state = list_jobs.state)
                order by p.job_id desc limit most)
              union all
              (select h.id, cogo.job_json(j) as body
                 from cogo.jobs_history h cross join lateral cogo.past_job(h.id) j
                where h.project_id = list_jobs.project_id and (list_jobs.state is null or h.state = list_jobs.state)
                order by h.id desc limit most)) both_of order by id desc limit most) x), '[]');
end
$$;
revoke all on function cogo_api.list_jobs(uuid, text, int) from public;
grant execute on function cogo_api.list_jobs(uuid, text, int) to anon, authenticated, service_role;

-- sql/jobs/412_fn_list_dead.sql 49608275e908823c
-- cogo_api.list_dead: the dead letters of a project, newest first, of one reason or type where given, at most 500: [{job_id, type,
-- reason, error, at, attempt, failures, lease_losses, executor_id, redriven_to}]. redriven_to: the job that redrive made of it.
-- Needs viewer. Error: CG003.
create or replace function cogo_api.list_dead(project_id uuid, reason text default null, type text default null, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(list_dead.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', d.job_id, 'type', d.type, 'reason', d.reason, 'error', d.error, 'at', d.at,
             'attempt', d.attempt, 'failures', d.failures, 'lease_losses', d.lease_losses, 'executor_id', d.executor_id,
             'redriven_to', d.redriven_to) order by d.at desc, d.job_id desc)
      from (select x.job_id, j.type, x.reason, x.error, x.at, j.attempt, j.failures, j.lease_losses, j.executor_id, x.redriven_to
              from cogo.job_dead x join cogo.jobs j on j.id = x.job_id
             where x.project_id = list_dead.project_id
               and (list_dead.reason is null or x.reason = list_dead.reason)
               and (list_dead.type is null or j.type = list_dead.type)
             order by x.at desc, x.job_id desc
             limit least(greatest(coalesce(lim, 50), 1), 500)) d), '[]');
end
$$;
revoke all on function cogo_api.list_dead(uuid, text, text, int) from public;
grant execute on function cogo_api.list_dead(uuid, text, text, int) to anon, authenticated, service_role;

-- sql/jobs/470_fn_housekeeping.sql 8627fd3d4ad80080
-- cogo.housekeeping: deletes what nobody needs any more, hourly, in bounded bites: expired idempotency keys, full rate buckets, traces and
-- their events after 30 days, job keys after their 7 days, job events after 14 days, dead jobs after 30, the history of jobs after 13 weeks, executors unseen for 30
-- days, and the run log
-- of pg_cron, which never cleans itself (a job every second writes 86,400 rows a day).
create or replace function cogo.housekeeping()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  moment timestamptz := clock_timestamp();
  ids    uuid[];
begin
  perform cogo.require_service();
  delete from cogo.idempotency_keys k
   where (k.principal, k.function, k.key) in (
     select x.principal, x.function, x.key from cogo.idempotency_keys x where x.expires_at < moment limit 10000);
  delete from cogo.rate_buckets b where b.bucket in (select x.bucket from cogo.rate_buckets x where x.full_at < moment - interval '1 hour' limit 10000);
  delete from cogo.bus_events e where e.id in (select x.id from cogo.bus_events x where x.created_at < moment - interval '30 days' limit 20000);
  delete from cogo.traces t where t.trace_id in (select x.trace_id from cogo.traces x where x.created_at < moment - interval '30 days' limit 10000);
  delete from cogo.job_keys k where (k.project_id, k.key) in (
    select x.project_id, x.key from cogo.job_keys x where x.expires_at < moment limit 10000);
  perform cogo.keep_partitions();
  perform cogo.move_to_history(20000);
  ids := array(select j.id from cogo.job_dead d join cogo.jobs j on j.id = d.job_id where d.at < moment - interval '30 days' limit 5000);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p where p.job_id = any (ids);
  delete from cogo.jobs j where j.id = any (ids);
  delete from cogo.job_batches b where b.id in (select x.id from cogo.job_batches x where x.created_at < moment - interval '91 days' limit 5000);
  delete from cogo.executors e where e.last_seen < moment - interval '30 days';
  if to_regclass('cron.job_run_details') is not null then
    begin
      delete from cron.job_run_details d where d.end_time < moment - interval '1 day';
      delete from cron.job_run_details d
       where d.end_time < moment - interval '10 minutes' and d.status = 'succeeded' and d.jobid in (select j.jobid from cron.job j where j.jobname = 'cogo-doorbell');
    exception when insufficient_privilege or undefined_column then
      null;
    end;
  end if;
end
$$;

-- sql/jobs/475_fn_set_doorbell.sql cfc85ad38c47900b
-- cogo_api.set_doorbell: says where the edge consumer of an executor kind is and how many may work at once (1 to 20; as before where
-- null); url null silences it, and with the last one the schedule of every second ends. Returns {executor, url, seats}. Forgets what the consumers said they can do: another one may stand there.
-- Errors: CG002 not the server; CG004 url is not http(s) or holds a user, seats out of range, unknown executor.
create or replace function cogo_api.set_doorbell(url text, executor text default 'cogo-plan', seats int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  bell cogo.doorbells;
begin
  perform cogo.require_service();
  insert into cogo.doorbells as d (executor, url, seats)
  values (set_doorbell.executor, set_doorbell.url, coalesce(set_doorbell.seats, 2))
  on conflict on constraint doorbells_pkey do update
    set url = excluded.url, seats = coalesce(set_doorbell.seats, d.seats), types = null, ticket_hash = null, rung_at = null
  returning d.* into bell;
  -- looked at every second only where there is something to ring
  if to_regprocedure('cron.schedule(text,text,text)') is not null then
    if exists (select from cogo.doorbells d where d.url is not null) then
      perform cron.schedule('cogo-doorbell', '1 second', 'select cogo.ring_doorbell(d.executor) from cogo.doorbells d');
    elsif exists (select from cron.job j where j.jobname = 'cogo-doorbell') then
      perform cron.unschedule('cogo-doorbell');
    end if;
  end if;
  return jsonb_build_object('executor', bell.executor, 'url', bell.url, 'seats', bell.seats);
exception when check_violation or not_null_violation then
  perform cogo.fail('CG004', 'url must be http(s) without a user, seats 1 to 20, executor cogo-plan or cogo-work', jsonb_build_object('reason', sqlerrm));
  return null;
end
$$;
revoke all on function cogo_api.set_doorbell(text, text, int) from public;
grant execute on function cogo_api.set_doorbell(text, text, int) to service_role;

-- sql/jobs/476_fn_answer_doorbell.sql bed9b91e07ec6550
-- cogo_api.answer_doorbell: a consumer that was rung shows the ticket it got and becomes one of the bell's executors; returns
-- {executor_id, kind, project_id, epoch} as register_executor. info: as there, with types (what it can do) and instance.
-- A ticket is good once, for a minute. No free seat: {executor_id: null}, and the ring counts as answered.
-- Errors: CG002 not the server; CG001 the ticket is unknown, used or old.
create or replace function cogo_api.answer_doorbell(ticket text, info jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  bell cogo.doorbells;
  seat text;
begin
  perform cogo.require_service();
  update cogo.doorbells d
     set ticket_hash = null, answered_at = clock_timestamp(),
         types = case when jsonb_typeof(info -> 'types') = 'array' then array(select jsonb_array_elements_text(info -> 'types')) end
   where d.ticket_hash = sha256(convert_to(ticket, 'UTF8')) and d.rung_at > clock_timestamp() - interval '1 minute'
  returning d.* into bell;
  if not found then
    perform cogo.fail('CG001', 'the ticket of this ring is unknown, used or old', null, 'Only the doorbell wakes a consumer');
  end if;
  seat := cogo.free_seat(bell.executor, bell.seats);
  if seat is null then
    return jsonb_build_object('executor_id', null, 'kind', bell.executor);
  end if;
  return cogo_api.register_executor(seat, info || jsonb_build_object('kind', bell.executor));
end
$$;
revoke all on function cogo_api.answer_doorbell(text, jsonb) from public;
grant execute on function cogo_api.answer_doorbell(text, jsonb) to service_role;

-- sql/jobs/477_fn_ring_doorbell.sql bd1ea41f6995a5f7
-- cogo_api.ring_doorbell: cogo.ring_doorbell for the server: a consumer that leaves work behind has it rung once more. Error: CG002.
create or replace function cogo_api.ring_doorbell(executor text default 'cogo-plan')
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_service();
  return cogo.ring_doorbell(ring_doorbell.executor);
end
$$;
revoke all on function cogo_api.ring_doorbell(text) from public;
grant execute on function cogo_api.ring_doorbell(text) to service_role;

-- sql/jobs/910_grants.sql 5f6407c67647e365
-- Nothing in cogo is for the API roles but the two functions that policies on realtime.messages call.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;

-- end of what is built
