-- COGO jobs_and_knowledge.

-- built from sql/ by scripts/migrations/build.ts: change the files there

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

-- sql/jobs/290_fn_reconcile_lanes.sql 02d1e2714bc29df3
-- cogo.reconcile_lanes: moves low watermarks up to where the queues begin, and takes back the mark of a backlog that is gone. Once in
-- 15 s a lane it re-sends queued jobs whose message is gone (a purge, a lost queue table) or lies below the watermark (a slow
-- transaction took its id long before it committed). Returns how many were re-sent.
create or replace function cogo.reconcile_lanes(lim int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  slack constant bigint := 500;
  lane   record;
  head   record;
  lost   uuid[];
  oldest timestamptz;
  made   int := 0;
begin
  for lane in
    select l.name, l.queue_name, l.backlog, l.reconciled_at < clock_timestamp() - interval '15 seconds' as due
      from cogo.lanes l order by l.name
  loop
    if lane.backlog and not cogo.has_backlog(lane.name) then
      -- whoever adds to it now has marked it already and would lose the mark, so only where that holds still under the lock
      update cogo.lanes l set backlog = false
       where l.name in (select x.name from cogo.lanes x where x.name = lane.name for update skip locked)
         and not cogo.has_backlog(lane.name);
    elsif not lane.backlog and cogo.has_backlog(lane.name) then
      perform cogo.mark_backlog(array[lane.name]);
    end if;
    if lane.backlog then
      -- the oldest of each project and type, found without the watermark; where there are too many to look at all, no watermark
      select case when count(*) < 1000 then min(w.run_at) else to_timestamp(3) end into oldest
        from cogo.waiting_turns(lane.name) w;
      perform setval(format('cogo.turn_%s', lane.queue_name),
        greatest(1, (extract(epoch from coalesce(oldest, clock_timestamp()) - interval '2 seconds') * 1000000)::bigint));
    end if;
    perform cogo.ensure_queue(lane.queue_name);
    execute format('select h.oldest, h.newest from cogo.head_%s() h', lane.queue_name) into head;
    if coalesce(head.oldest, head.newest) - slack > cogo.low(lane.name) then
      perform setval(format('cogo.low_%s', lane.queue_name), coalesce(head.oldest, head.newest) - slack);
    end if;
    continue when not lane.due;
    execute format('select cogo.lost_%s($1)', lane.queue_name) into lost using lim;
    if cardinality(lost) > 0 then
      perform cogo.push_jobs(lost);
      made := made + cardinality(lost);
    end if;
    update cogo.lanes l set reconciled_at = clock_timestamp() where l.name = lane.name;
  end loop;
  return made;
end
$$;

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

-- sql/jobs/900_schedules.sql f37a092aa42b1886
-- by hand

-- sql/jobs/910_grants.sql 5f6407c67647e365
-- Nothing in cogo is for the API roles but the two functions that policies on realtime.messages call.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;

-- end of what is built

-- proof: the sweep comes every second instead of every 5, so that with a lease of 30 s a lost job is handed on within 32
do $$
begin
  if to_regprocedure('cron.schedule(text,text,text)') is not null then
    perform cron.schedule('cogo-sweep', '1 seconds', 'select cogo_api.sweep()');
  end if;
end
$$;
