-- COGO faster_turns.

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/core/110_fn_schema_version.sql 35293b220cc6914a
-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create or replace function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121180000' $$;

-- sql/jobs/140_fn_ring.sql ec8649a213be4e2e
-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20; one where jobs is 0. One message each on agents:{executor_id}, to those that listen; a hint, everyone polls as well.
-- Edge consumers have no ear on Realtime: where the lane's kind has a doorbell, it is rung.
create or replace function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
returns void
language plpgsql
set search_path = ''
as $$
declare
  worker text := split_part(lane, '/', 1);
  bells  text[];
  door   boolean;
begin
  select array_agg('agents:' || e.id order by e.last_seen desc),
         ring.pinned_executor_id is null and exists (select from cogo.doorbells d where d.executor = worker and d.url is not null)
    into bells, door
    from cogo.executors e
   where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
     and e.kind = worker
     and (e.project_id is null or e.project_id = ring.project_id)
     and not e.draining and e.dead_at is null
     and e.last_seen > clock_timestamp() - interval '60 seconds';
  if bells is not null then
    bells := cogo.heard(bells);
    for i in 1..least(cardinality(bells), case when jobs = 0 then 1 else least(20, jobs + 4) end) loop
      perform cogo.hint(bells[i], 'wake', jsonb_build_object('lane', ring.lane));
    end loop;
  end if;
  if door then
    perform cogo.ring_doorbell(worker);
  end if;
end
$$;

-- sql/jobs/250_fn_lease_jobs.sql 4230f6f1ba576c7f
-- cogo.lease_jobs: gives locked jobs to an executor: running, a new token. Returns what claim answers. steps and children are there
-- where a job has them, which a first attempt has not.
-- The token is the clock's microseconds and two digits that jobs leased in the same one differ by: a claim may be forgotten by a crash
-- (see claim), and the sequence with it, but no later attempt may get its token.
create or replace function cogo.lease_jobs(ids uuid[], executor_id text, lease_s int)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  moment  timestamptz := clock_timestamp();
  heard   boolean;
  answer  jsonb;
begin
  with leased as (
    update cogo.jobs j
       set state = 'running', blocked_on = null, attempt = j.attempt + 1, msg_id = null, executor_id = lease_jobs.executor_id,
           lease_token = (extract(epoch from clock_timestamp()) * 1000000)::bigint * 100 + nextval('cogo.lease_tokens') % 100, lease_s = lease_jobs.lease_s,
           lease_until = moment + make_interval(secs => lease_jobs.lease_s), leased_at = moment,
           started_at = coalesce(j.started_at, moment)
     where j.id = any (ids)
    returning j.id, j.project_id, j.type, j.attempt, j.lease_token, j.trace_id, j.quiet, j.band, j.pinned_executor_id,
              j.cancel_requested_at
  )
  select jsonb_agg(jsonb_build_object(
           'job_id', l.id, 'token', l.lease_token::text, 'attempt', l.attempt, 'type', l.type, 'payload', p.input,
           'checkpoint', p.checkpoint, 'project_id', l.project_id, 'trace_id', l.trace_id, 'lease_s', lease_jobs.lease_s,
           'cancel_requested', l.cancel_requested_at is not null)
           || case when l.attempt = 1 then '{}' else cogo.earlier_work(l.id) end
           order by l.pinned_executor_id is null, l.band, l.id),
         bool_or(not l.quiet or l.trace_id is not null)
    into answer, heard
    from leased l left join cogo.job_payloads p on p.job_id = l.id;
  if heard then
    perform cogo.tell(ids, 'job.started', jsonb_build_object('executor_id', lease_jobs.executor_id));
  end if;
  return answer;
end
$$;

-- sql/jobs/295_fn_enqueue_one.sql 19a145709bdf3249
-- cogo.enqueue_one: enqueue for a single plain job: of any type, with payload, priority, max_attempts, executor, key and trace_id, and
-- nothing that makes it wait. Returns enqueue's answer, or null where there is more to it (a rate, a key that is taken, anything that
-- may be wrong): then nothing was changed, and the long way does it or says why it can't be. Both ways make the same rows.
create or replace function cogo.enqueue_one(project_id uuid, item jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  who     record := cogo.identity();
  kind    text := item ->> 'type';
  payload jsonb := coalesce(nullif(item -> 'payload', 'null'), '{}');
  name    text := item ->> 'key';
  trace   text := item ->> 'trace_id';
  level   int := 1;
  home    record;
  made_by text;
  message bigint;
  moment  timestamptz := clock_timestamp();
  made    uuid := encode(int8send(((extract(epoch from moment) * 1000)::bigint << 16) | 28673)
                    || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid;
begin
  if jsonb_typeof(item) <> 'object' or item - array['type', 'payload', 'priority', 'max_attempts', 'executor', 'key', 'trace_id'] <> '{}'
     or jsonb_typeof(payload) <> 'object' or pg_column_size(payload) > 21845 or length(name) not between 1 and 255 then
    return null;
  end if;
  if item ? 'priority' or item ? 'max_attempts' then
    if coalesce(item ->> 'priority', '1') !~ '^[012]$' or coalesce(item ->> 'max_attempts', '1') !~ '^([1-9]|[1-4][0-9]|50)$' then
      return null;
    end if;
    level := coalesce(item ->> 'priority', '1');
  end if;
  case who.kind
    when 'service' then made_by := 'service';
    when 'token' then made_by := case who.project_id when enqueue_one.project_id then 'token:' || who.token_id end;
    when 'user' then
      select 'user:' || m.user_id into made_by from cogo.project_members m
       where m.project_id = enqueue_one.project_id and m.user_id = who.user_id and m.role in ('editor', 'admin', 'owner');
    else null;
  end case;
  if made_by is null then
    return null;
  end if;

  -- the project is locked against being deleted; a type or a lane that is not known finds nothing
  select x.*, l.name as lane, l.backlog, q.queue_limit - q.counted as room, q.ready_share into home
    from cogo.projects p
    join cogo.job_quotas q on q.project_id = p.id
   cross join lateral (
     select t.executor, t.max_attempts, t.run_s, t.steps
       from cogo.job_types t
      where t.pattern = kind or (t.pattern like '%.*' and starts_with(kind, left(t.pattern, -1)))
      order by length(t.pattern) desc limit 1) x
    join cogo.lanes l on l.name = coalesce(item ->> 'executor', x.executor) || '/default/' || level
   where p.id = enqueue_one.project_id
     and not exists (select from cogo.job_rates r where r.project_id = p.id)
     for key share of p;
  if not found or home.lane like 'cogo-plan/%' and home.run_s > 90 and not home.steps then
    return null;
  end if;
  if name is not null then
    insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
    -- the hash is that of plan_jobs
    values (enqueue_one.project_id, name, made,
      sha256(convert_to(('{"payload": {}, "priority": 1}' || item - array['key', 'trace_id'])::text, 'UTF8')), moment + interval '7 days')
    on conflict do nothing;
    if not found then
      return null;
    end if;
  end if;
  -- as cogo.check_quota
  if random() * home.room < 10 then
    perform cogo.count_waiting(enqueue_one.project_id, 1);
  end if;

  if not (home.backlog and cogo.has_backlog(home.lane, enqueue_one.project_id)) then
    message := cogo.offer(home.lane, enqueue_one.project_id, made, home.ready_share);
  end if;
  with job as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, run_at, msg_id, queued_at, max_attempts, trace_id, created_by)
    values (made, enqueue_one.project_id, kind, home.lane, level, case when message is null then 'blocked' else 'queued' end,
      case when message is null then 'turn' end, moment, message, case when message is not null then moment end,
      coalesce((item ->> 'max_attempts')::int, home.max_attempts), trace, made_by)
  )
  insert into cogo.job_payloads (job_id, project_id, input) values (made, enqueue_one.project_id, payload);
  if message is null and not home.backlog then
    perform cogo.mark_backlog(array[home.lane]);
  end if;
  if trace is not null then
    perform cogo.tell(array[made], 'job.enqueued', '{}');
  end if;
  perform cogo.ring(enqueue_one.project_id, home.lane, null, 1);
  return jsonb_build_array(jsonb_build_object('job_id', made, 'state', case when message is null then 'blocked' else 'queued' end,
    'duplicate', false));
end
$$;

-- sql/jobs/310_fn_claim.sql 7b819b751db12e31
-- cogo_api.claim: leases up to qty ready jobs to an executor; returns [{job_id, token, attempt, type, payload, checkpoint, project_id,
-- trace_id, lease_s, cancel_requested, steps?, children?}]. token (a string: it is a bigint) goes with every later call for the
-- attempt. steps: outputs earlier attempts stored; children: the jobs it awaited, with their results.
--
-- Jobs pinned to the executor first, then its lanes by band, each roughly first in, first out, and no project more than its share
-- while others wait. A worker token gets jobs of its project only. include_types: exact types or prefixes ending in '.*'. epoch: as
-- register_executor gave it, so that a process another one of the same id has replaced gets nothing.
-- The lease ends lease_s after the last beat, by the database's clock: count it on a monotonic clock and stop at 80 %.
-- An empty answer is normal; nothing ever waits for a lock here.
--
-- A claim alone in its transaction does not wait until its lease is on disk: after a crash of the server the job is ready again, at
-- most as if it had not been claimed, and its worker is told so by the next beat or result. Where something was written before in the
-- same transaction (turn with results), the commit waits as ever; write nothing after a claim that must not be lost.
--
-- As all calls of workers it keeps its plans, and keeps off scans of whole tables: a session that planned while cogo.jobs was almost
-- empty, and not analyzed, would walk the table in every later call. seq_page_cost says so; much more of it would have plans compiled.
-- Errors: CG001/CG002/CG004 as executor_scope; CG004 qty not 1 to 1000, lease_s not 5 to 3600; CG025 the executor is draining, or its
-- epoch is over.
create or replace function cogo_api.claim(
  executor_id text, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  scope    record;
  chosen   uuid[];
  lane     record;
  exact    text[];
  prefixes text[];
begin
  if pg_current_xact_id_if_assigned() is null then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  if coalesce(qty, 0) not between 1 and 1000 then
    perform cogo.fail('CG004', 'qty must be 1 to 1000', jsonb_build_object('field', 'qty'));
  end if;
  if coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'lease_s must be 5 to 3600', jsonb_build_object('field', 'lease_s'));
  end if;
  scope := cogo.executor_scope(claim.executor_id, claim.epoch, false);
  if not scope.current then
    perform cogo.fail('CG025', 'a newer process runs as this executor', jsonb_build_object('epoch', claim.epoch), 'Stop this one');
  elsif scope.draining then
    perform cogo.fail('CG025', 'this executor is draining', null, 'Register it again to take jobs');
  end if;
  if include_types is not null then
    exact := array(select t from unnest(include_types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(include_types) t where t like '%.*');
  end if;

  chosen := array(
    select j.id from cogo.jobs j
     where j.pinned_executor_id = claim.executor_id and j.state = 'queued'
       and (scope.project_id is null or j.project_id = scope.project_id)
       and (include_types is null or j.type = any (exact) or j.type like any (prefixes))
     order by j.band, j.queued_at
     limit qty
       for update skip locked);

  for lane in
    select l.name, l.backlog, l.ready from cogo.open_lanes(scope.kind) l
  loop
    exit when cardinality(chosen) >= qty;
    if not lane.ready then
      null;
    elsif scope.project_id is null and include_types is null then
      chosen := chosen || cogo.pop(lane.name, qty - cardinality(chosen));
    else
      chosen := chosen || cogo.pick_jobs(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
    -- the short way knows a project's first type only; now and then the long one gives the others their turn
    if lane.backlog and qty = 1 and include_types is null and cardinality(chosen) = 0 and random() < 0.9 then
      chosen := cogo.take_turn(lane.name, scope.project_id);
    elsif lane.backlog and cardinality(chosen) < qty then
      chosen := chosen
        || cogo.take_turns(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
  end loop;
  if cardinality(chosen) = 0 then
    return '[]';
  end if;
  return cogo.lease_jobs(chosen, claim.executor_id, lease_s);
end
$$;
revoke all on function cogo_api.claim(text, int, int, text[], int) from public;
grant execute on function cogo_api.claim(text, int, int, text[], int) to anon, authenticated, service_role;

-- sql/jobs/360_fn_cancel.sql 0be8d846762f6c74
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
set seq_page_cost = 40
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
    perform cogo.hint('agents:' || item.executor_id, 'cancel', jsonb_build_object('job_id', item.id));
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

-- sql/jobs/370_fn_redrive.sql f212447e4dd2a8ee
-- cogo_api.redrive: makes a new job from a dead one and links the two; returns {job_id, state, duplicate, redriven_from}. Again on
-- the same dead job returns the job made then (duplicate = true). Needs editor.
-- Errors: CG003 as readable_job; CG022 the job is not dead.
create or replace function cogo_api.redrive(job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job    cogo.jobs := cogo.readable_job(redrive.job_id, 'editor');
  letter cogo.job_dead;
  made   uuid := cogo.new_job_id(clock_timestamp());
begin
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = redrive.job_id;
  if not found then
    job := cogo.readable_job(redrive.job_id, 'editor');
  end if;
  select d.* into letter from cogo.job_dead d where d.job_id = redrive.job_id;
  if job.state <> 'dead' or letter.job_id is null then
    perform cogo.fail('CG022', format('only a dead job is redriven, this one is %s', job.state), jsonb_build_object('state', job.state));
  end if;
  if letter.redriven_to is not null then
    return jsonb_build_object('job_id', letter.redriven_to, 'duplicate', true, 'redriven_from', job.id,
      'state', coalesce((select j.state from cogo.jobs j where j.id = letter.redriven_to), 'forgotten'));
  end if;
  insert into cogo.jobs (id, project_id, type, lane, band, state, max_attempts, pinned_executor_id, concurrency_key, parent_id,
                         batch_id, trace_id, redriven_from, created_by)
  values (made, job.project_id, job.type, job.lane, job.band, 'scheduled', job.max_attempts, job.pinned_executor_id,
    job.concurrency_key, job.parent_id, job.batch_id, job.trace_id, job.id, cogo.principal());
  insert into cogo.job_payloads (job_id, project_id, input, checkpoint)
  select made, p.project_id, p.input, p.checkpoint from cogo.job_payloads p where p.job_id = job.id;
  if job.parent_id is not null then
    update cogo.jobs p set pending_children = p.pending_children + 1 where p.id = job.parent_id;
  end if;
  perform cogo.tell(array[made], 'job.enqueued', jsonb_build_object('type', job.type, 'redriven_from', job.id));
  update cogo.job_dead d set redriven_to = made where d.job_id = job.id;
  perform cogo.admit_jobs(array[made]);
  return jsonb_build_object('job_id', made, 'duplicate', false, 'redriven_from', job.id,
    'state', (select j.state from cogo.jobs j where j.id = made));
end
$$;
revoke all on function cogo_api.redrive(uuid) from public;
grant execute on function cogo_api.redrive(uuid) to anon, authenticated, service_role;

-- sql/jobs/380_fn_pin.sql 281bcfc517c49689
-- cogo_api.pin: binds a job that does not run to one executor, or frees it (executor_id null); returns {job_id, state,
-- pinned_executor_id}. Needs editor.
-- Errors: CG003 as readable_job; CG004 malformed id; CG022 the job runs or is over.
create or replace function cogo_api.pin(job_id uuid, executor_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job cogo.jobs := cogo.readable_job(pin.job_id, 'editor');
begin
  if pin.executor_id !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
    perform cogo.fail('CG004', 'executor_id is malformed', jsonb_build_object('field', 'executor_id'));
  end if;
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = pin.job_id;
  if not found then
    job := cogo.readable_job(pin.job_id, 'editor');
  end if;
  if job.state not in ('scheduled', 'blocked', 'queued') then
    perform cogo.fail('CG022', format('a job that is %s cannot be pinned', job.state), jsonb_build_object('state', job.state));
  end if;
  if job.state = 'queued' then
    if job.msg_id is not null then
      perform cogo.drop_messages(job.lane, array[job.msg_id]);
    end if;
    -- out of queued for a moment: queued, pin and message change together
    update cogo.jobs j set state = 'scheduled', msg_id = null, pinned_executor_id = pin.executor_id where j.id = job.id;
    perform cogo.push_jobs(array[job.id]);
  else
    update cogo.jobs j set pinned_executor_id = pin.executor_id where j.id = job.id;
    -- a pinned job has no turn to wait for
    if job.blocked_on = 'turn' and pin.executor_id is not null then
      perform cogo.push_jobs(array[job.id]);
    end if;
  end if;
  return (select jsonb_build_object('job_id', j.id, 'state', j.state, 'pinned_executor_id', j.pinned_executor_id)
            from cogo.jobs j where j.id = pin.job_id);
end
$$;
revoke all on function cogo_api.pin(uuid, text) from public;
grant execute on function cogo_api.pin(uuid, text) to anon, authenticated, service_role;

-- sql/jobs/910_grants.sql 296bad55219eb37c
-- Nothing in cogo is for the API roles but the functions that policies on realtime.messages and storage.objects
-- call. Every migration that adds functions runs this again.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text), cogo.can_read_artifact(text),
  cogo.can_write_artifact(text) to anon, authenticated, service_role;

-- sql/jobs/920_artifacts.sql 86579971438d63be
-- by hand

-- end of what is built
