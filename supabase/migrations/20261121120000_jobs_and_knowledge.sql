-- COGO jobs_and_knowledge.

-- jobs: ids of events are times, so that what is read off a job's row falls in between; identity numbers of older events are smaller.
alter table cogo.job_events alter column id drop identity;
alter table cogo.job_events alter column id set default (extract(epoch from clock_timestamp()) * 1000000)::bigint;
-- jobs: nothing reads queues by vt, and each message would write its index
do $$
declare
  queue text;
begin
  for queue in select l.queue_name from cogo.lanes l loop
    execute format('drop index if exists pgmq.%I', 'q_' || queue || '_vt_idx');
  end loop;
end
$$;

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/jobs/010_tables.sql c4a87c133ac9766b
-- by hand

-- sql/jobs/015_fn_ensure_queue.sql 5bf1def3839fb7e0
-- cogo.ensure_queue: makes the pgmq queue where its table is not there. Queue tables belong to the extension in pgmq 1.5.1, so a
-- logical dump or a branch can come back without them. The index on vt goes: no statement of pgmq or ours reads by it (both walk
-- msg_id), and each message would write it.
create or replace function cogo.ensure_queue(queue text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if to_regclass(format('pgmq.%I', 'q_' || queue)) is not null then
    return false;
  end if;
  perform pgmq.create(queue);
  execute format('drop index if exists pgmq.%I', 'q_' || queue || '_vt_idx');
  return true;
end
$$;

-- sql/jobs/018_fn_create_lane_functions.sql 3892677845ccebb1
-- cogo.create_lane_functions: makes the functions that touch the table of a lane's queue, or makes them again.
-- They are generated so that their SQL is static: pgmq's own functions build SQL on each call and are planned on each call.
-- Only columns of pgmq 1.5.1 are used: msg_id, vt, message. vt is never in the future: delays live in cogo.jobs.run_at.
--   push_<queue>(ids)        adds a message per job; (job_id, msg_id); 'rows 20' keeps the planner from a hash over all jobs
--   pop_<queue>(qty)         takes out the oldest messages and returns their jobs, locked; drops messages whose job moved on; leaves
--                            those whose job is locked by someone else. Waits for nothing.
--   drop_<queue>(msg_ids)    removes messages; one that is being claimed just now is left to its claimer, who finds it stale
--   head_<queue>()           (oldest message or null, newest message ever)
--   lost_<queue>(lim)        queued jobs whose message is gone, or lies below the watermark for 10 s; locked
-- The watermark low_<queue> is a sequence: a hint below which nobody looks, which keeps claims off the dead rows at the queue's head
-- while an old snapshot keeps them from being vacuumed. A sequence has no row versions of its own, so it is cheap under just that.
-- turn_<queue> is the same for jobs that wait for their turn: microseconds of run_at, which sweep moves, also down.
-- It trails the oldest message taken by 500 ids, for transactions that took an id and commit late; sweep re-sends what is later still.
create or replace function cogo.create_lane_functions(lane text, queue text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  execute format($sql$
    create or replace function cogo.push_%1$s(ids uuid[])
    returns table (job_id uuid, msg_id bigint)
    language plpgsql
    rows 20
    set search_path = ''
    as $fn$
    #variable_conflict use_column
    begin
      return query
        insert into pgmq.q_%1$s as q (vt, message)
        select clock_timestamp(), jsonb_build_object('j', i.id)
          from unnest(ids) with ordinality as i(id, nth)
         order by i.nth
        returning (q.message ->> 'j')::uuid, q.msg_id;
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.pop_%1$s(qty int)
    returns uuid[]
    language plpgsql
    set search_path = ''
    as $fn$
    declare
      low      bigint := (select s.last_value from cogo.low_%1$s s);
      places   tid[];
      messages bigint[];
      wanted   uuid[];
      taken    uuid[];
      done     bigint[];
    begin
      select array_agg(p.ctid), array_agg(p.msg_id), array_agg(p.job_id) into places, messages, wanted
        from (select q.ctid, q.msg_id, (q.message ->> 'j')::uuid as job_id
                from pgmq.q_%1$s q
               where q.msg_id >= low
               order by q.msg_id
               limit qty
                 for update skip locked) p;
      if messages is null then
        return '{}';
      end if;
      select array_agg(l.id order by l.msg_id), array_agg(l.msg_id) into taken, done
        from (select j.id, j.msg_id from cogo.jobs j
               where j.id = any (wanted) and j.state = 'queued' and j.msg_id = any (messages)
               order by j.id
                 for update skip locked) l;
      if cardinality(done) = cardinality(messages) then
        delete from pgmq.q_%1$s q where q.ctid = any (places);
      else
        delete from pgmq.q_%1$s q
         where q.msg_id = any (messages)
           and (q.msg_id = any (done)
                or not exists (select from cogo.jobs j
                                where j.id = (q.message ->> 'j')::uuid and j.state = 'queued' and j.msg_id = q.msg_id));
      end if;
      if messages[1] - 500 > low + 100 then
        perform setval('cogo.low_%1$s', messages[1] - 500);
      end if;
      return coalesce(taken, '{}');
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.drop_%1$s(msg_ids bigint[])
    returns void
    language plpgsql
    set search_path = ''
    as $fn$
    begin
      delete from pgmq.q_%1$s q
       where q.msg_id in (select x.msg_id from pgmq.q_%1$s x where x.msg_id = any (msg_ids) order by x.msg_id for update skip locked);
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.head_%1$s(out oldest bigint, out newest bigint)
    language sql
    set search_path = ''
    as $fn$
      select (select q.msg_id from pgmq.q_%1$s q order by q.msg_id limit 1), s.last_value
        from pgmq.q_%1$s_msg_id_seq s
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.lost_%1$s(lim int)
    returns uuid[]
    language sql
    set search_path = ''
    as $fn$
      select array(
        select j.id from cogo.jobs j
         where j.lane = %2$L and j.state = 'queued' and j.pinned_executor_id is null
           and j.queued_at < clock_timestamp() - interval '10 seconds'
           and (j.msg_id < (select s.last_value from cogo.low_%1$s s)
                or not exists (select from pgmq.q_%1$s q where q.msg_id = j.msg_id))
         order by j.id limit lim
           for update skip locked)
    $fn$
  $sql$, queue, lane);
end
$$;

-- sql/jobs/020_fn_create_lane.sql 9265942643b34977
-- cogo.create_lane: makes a lane, its pgmq queue, its watermarks, and the functions that touch the queue's table.
create or replace function cogo.create_lane(executor text, capability text, band smallint)
returns text
language plpgsql
set search_path = ''
as $$
declare
  lane  text := format('%s/%s/%s', executor, capability, band);
  queue text := replace(format('%s_%s_%s', executor, capability, band), '-', '_');
begin
  insert into cogo.lanes (name, executor, capability, band, queue_name)
  values (lane, create_lane.executor, create_lane.capability, create_lane.band, queue);
  perform cogo.ensure_queue(queue);
  execute format('create sequence cogo.low_%s as bigint', queue);
  execute format('create sequence cogo.turn_%s as bigint', queue);

  perform cogo.create_lane_functions(lane, queue);
  return lane;
end
$$;

-- cogo.create_dispatch: makes cogo.push, pop, drop_messages, low and turn, which call the functions of a lane by its name without
-- building SQL. To be called after lanes are made.
create or replace function cogo.create_dispatch()
returns void
language plpgsql
set search_path = ''
as $$
declare
  push  text;
  pop   text;
  gone  text;
  low   text;
  turn  text;
begin
  select string_agg(format('when %L then return query select * from cogo.push_%s(ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return cogo.pop_%s(qty);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then perform cogo.drop_%s(msg_ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.low_%s s);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.turn_%s s);', l.name, l.queue_name), e'\n    ' order by l.name)
    into push, pop, gone, low, turn
    from cogo.lanes l;
  execute format($sql$
    create or replace function cogo.push(lane text, ids uuid[]) returns table (job_id uuid, msg_id bigint)
    language plpgsql rows 20 set search_path = '' as $fn$ #variable_conflict use_column
    begin case lane
    %s
    end case; end $fn$ $sql$, push);
  execute format($sql$
    create or replace function cogo.pop(lane text, qty int) returns uuid[]
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, pop);
  execute format($sql$
    create or replace function cogo.drop_messages(lane text, msg_ids bigint[]) returns void
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, gone);
  execute format($sql$
    create or replace function cogo.low(lane text) returns bigint
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, low);
  execute format($sql$
    create or replace function cogo.turn(lane text) returns bigint
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, turn);
end
$$;

-- sql/jobs/135_fn_tell.sql be2f0bb0561830e0
-- cogo.tell: records one event of each of the jobs, with the same data and the attempt.
--
-- Of quiet jobs the plain turns of a life (enqueued, started, done) are not rows: cogo.job_turns reads them off the job itself, which
-- says all of it. Their trace gets one event a call, with their number. What else happens to a quiet job is a row as with any.
create or replace function cogo.tell(ids uuid[], kind text, data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  plain  constant boolean := kind in ('job.enqueued', 'job.started', 'job.done');
  loud   boolean;
  traced boolean;
begin
  select coalesce(bool_or(not j.quiet), false), coalesce(bool_or(j.quiet and j.trace_id is not null), false) into loud, traced
    from cogo.jobs j where j.id = any (ids);
  if loud or not plain then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select j.id, j.project_id, tell.kind, tell.data || jsonb_build_object('attempt', j.attempt), j.trace_id, j.quiet
      from cogo.jobs j where j.id = any (ids) and not (plain and j.quiet) order by j.id;
  end if;
  if traced and plain then
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select j.trace_id, tell.kind, 'jobs', j.project_id, jsonb_build_object('jobs', count(*))
      from cogo.jobs j where j.id = any (ids) and j.quiet and j.trace_id is not null
     group by j.trace_id, j.project_id;
  end if;
end
$$;

-- sql/jobs/167_fn_mark_backlog.sql c236efe67f7002e2
-- cogo.mark_backlog: notes that jobs of the lanes wait for their turn; written once, sweep takes it back when none do.
create or replace function cogo.mark_backlog(names text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  update cogo.lanes l set backlog = true
   where l.name in (select x.name from cogo.lanes x where x.name = any (names) and not x.backlog order by x.name for update);
end
$$;

-- sql/jobs/202_fn_reporting_scope.sql cda8c6337e74a2ea
-- cogo.reporting_scope: whose jobs the caller may report on: those of project_id (a worker token), or all of them (every, the server).
-- Errors: CG001 anonymous, CG002 not a worker.
create or replace function cogo.reporting_scope(out every boolean, out project_id uuid)
language plpgsql
set search_path = ''
as $$
declare
  who record := cogo.identity();
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers report on jobs', null, 'Use a worker token');
  end if;
  reporting_scope.every := who.kind = 'service';
  reporting_scope.project_id := who.project_id;
end
$$;

-- sql/jobs/203_fn_read_items.sql f22cdc066183c5c3
-- cogo.read_items: [{job_id, token, …}] of a worker's call, by job id. Items without a job_id are left out. Error: CG000 malformed.
create or replace function cogo.read_items(items jsonb, out ids uuid[], out tokens bigint[], out bodies jsonb[])
language plpgsql
immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(items) is distinct from 'array' then
    perform cogo.fail('CG000', 'an array of {job_id, token, …} is needed');
  end if;
  select array_agg(i.id), array_agg(i.token), array_agg(i.body) into ids, tokens, bodies
    from (select (e ->> 'job_id')::uuid as id, (e ->> 'token')::bigint as token, e as body
            from jsonb_array_elements(items) e where e ->> 'job_id' is not null
           order by 1) i;
exception
  -- only the reading is in a block with a handler: row locks of a subtransaction cost the update after it
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'job_id must be a uuid and token a number', jsonb_build_object('reason', sqlerrm));
end
$$;

-- sql/jobs/204_fenced_item.sql baa42479275b50f9
-- by hand

-- sql/jobs/205_fn_fenced.sql 2fb665ff503806ca
-- cogo.fenced: reads [{job_id, token, …}] of a worker's call, locks those jobs in order, and returns each item once with whether its
-- token still holds the lease. Jobs outside the caller's project answer lost, as unknown ones do.
-- Errors: CG001/CG002 not a worker, CG000 malformed.
create or replace function cogo.fenced(items jsonb)
returns cogo.fenced_item[]
language plpgsql
set search_path = ''
as $$
declare
  who    record := cogo.reporting_scope();
  ids    uuid[];
  tokens bigint[];
  bodies jsonb[];
  answer cogo.fenced_item[];
begin
  select r.ids, r.tokens, r.bodies into ids, tokens, bodies from cogo.read_items(fenced.items) r;
  if ids is null then
    return '{}';
  end if;
  perform cogo.lock_jobs(ids);
  -- an id said twice keeps the item with the right token
  select array_agg((f.job_id, f.token, f.body, f.held, f.cancel_requested, f.keyed, f.parented)::cogo.fenced_item order by f.job_id)
    into answer
    from (select distinct on (i.id) i.id as job_id, i.token, i.body,
                 coalesce(j.state = 'running' and j.lease_token = i.token, false) as held,
                 j.cancel_requested_at is not null as cancel_requested,
                 j.concurrency_key is not null as keyed, j.parent_id is not null as parented
            from unnest(ids, tokens, bodies) as i(id, token, body)
            left join cogo.jobs j on j.id = i.id and (who.every or j.project_id = who.project_id)
           order by i.id, (j.lease_token is not distinct from i.token) desc) f;
  return answer;
end
$$;

-- sql/jobs/210_fn_close_attempts.sql e76b4d237c57c397
-- cogo.close_attempts: records the attempts of running, locked jobs as over without having ended the job well. To be called before
-- their state changes.
create or replace function cogo.close_attempts(ids uuid[], outcome text, error jsonb default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into cogo.job_attempts (job_id, attempt, project_id, lease_token, executor_id, started_at, outcome, error)
  select j.id, j.attempt, j.project_id, j.lease_token, j.executor_id, j.leased_at, close_attempts.outcome, close_attempts.error
    from cogo.jobs j where j.id = any (ids) and j.state = 'running' order by j.id;
end
$$;

-- sql/jobs/235_fn_make_jobs.sql 0f6b1150600420e5
-- cogo.make_jobs: makes the fresh jobs of a plan, their messages, slots and events; returns the states [{job_id, state}] of all.
-- The caller has checked who asks, and locked the project against being deleted.
create or replace function cogo.make_jobs(project_id uuid, plan cogo.planned_job[], made_by text, batch_id uuid)
returns table (job_id uuid, state text)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  total   int;
  parents boolean;
  keyed   boolean;
  other   boolean;
  route   record;
  quiet   boolean;
  traced  boolean;
  late    text[] := '{}';
  -- the message of each item, by its place
  msgs    bigint[] := array_fill(null::bigint, array[cardinality(plan)]);
  sent    bigint[];
  room    int;
  states  text[];
begin
  select count(*) filter (where p.fresh), coalesce(bool_or(p.parent_id is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.concurrency_key is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.wait in ('slot', 'pin')) filter (where p.fresh), false)
    into total, parents, keyed, other
    from unnest(plan) p;
  quiet := total > 25;
  -- the slots of the keys in play exist and are locked before any job is
  if keyed then
    insert into cogo.job_slots (project_id, key)
    select distinct make_jobs.project_id, p.concurrency_key from unnest(plan) p
     where p.concurrency_key is not null and p.fresh
     order by 2
    on conflict do nothing;
    perform from cogo.job_slots s
      where s.project_id = make_jobs.project_id and s.key in (select p.concurrency_key from unnest(plan) p where p.fresh)
      order by s.key for update;
  end if;
  if parents then
    perform from cogo.jobs j where j.id in (select p.parent_id from unnest(plan) p where p.fresh) order by j.id for update;
    update cogo.jobs j set pending_children = j.pending_children + c.n
      from (select p.parent_id, count(*)::int as n from unnest(plan) p where p.fresh and p.parent_id is not null group by p.parent_id) c
     where j.id = c.parent_id;
  end if;

  -- jobs that are ready right away get their message first, so that each row is written once; those over their project's share of
  -- the lane wait for their turn
  for route in
    select p.lane, array_agg(p.job_id order by p.nth) as ids, array_agg(p.nth order by p.nth) as places from unnest(plan) p
     where p.fresh and p.wait is null group by p.lane order by p.lane
  loop
    room := greatest(cogo.ready_room(make_jobs.project_id, route.lane), 0);
    if room < cardinality(route.ids) then
      late := late || route.lane;
    end if;
    if room > 0 then
      -- messages are numbered in the order of the ids
      select array_agg(m.msg_id order by m.msg_id) into sent from cogo.push(route.lane, route.ids[:room]) m;
      for i in 1..cardinality(sent) loop
        msgs[route.places[i]] := sent[i];
      end loop;
    end if;
  end loop;
  if cardinality(late) > 0 then
    perform cogo.mark_backlog(late);
  end if;

  with item as materialized (
    select p.*,
           case when p.message is not null then 'queued' when p.wait is null then 'blocked' else 'scheduled' end as begins
      from rows from (unnest(plan), unnest(msgs)) as p(
             nth, job_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin, concurrency_key, rate_key,
             parent_id, trace_id, msg_id, problem, message)
     where p.fresh
  ),
  made as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, quiet, run_at, msg_id, queued_at, max_attempts,
                           pinned_executor_id, concurrency_key, parent_id, batch_id, trace_id, created_by)
    select i.job_id, make_jobs.project_id, i.type, i.lane, i.band, i.begins, case i.begins when 'blocked' then 'turn' end, quiet, i.run_at,
           i.message, case i.begins when 'queued' then clock_timestamp() end, i.max_attempts, i.pin, i.concurrency_key, i.parent_id,
           make_jobs.batch_id, i.trace_id, made_by
      from item i
  ),
  stored as (
    insert into cogo.job_payloads (job_id, project_id, input)
    select i.job_id, make_jobs.project_id, i.payload from item i
  )
  select array_agg(i.begins order by i.nth), coalesce(bool_or(i.trace_id is not null), false) into states, traced from item i;

  if not quiet then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select p.job_id, make_jobs.project_id, 'job.enqueued', jsonb_build_object('type', p.type), p.trace_id
      from unnest(plan) p where p.fresh;
  elsif traced then
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select p.trace_id, 'job.enqueued', 'jobs', make_jobs.project_id, jsonb_build_object('jobs', count(*))
      from unnest(plan) p where p.fresh and p.trace_id is not null group by p.trace_id;
  end if;
  if other then
    perform cogo.admit_jobs(array(select p.job_id from unnest(plan) p where p.fresh and p.wait in ('slot', 'pin')));
  end if;
  perform cogo.ring(make_jobs.project_id, w.lane, null, w.n)
     from (select p.lane, count(*) as n from unnest(plan) p where p.fresh and p.wait is null group by p.lane) w;
  if not other and total = cardinality(plan) then
    return query select p.job_id, p.state from rows from (unnest(plan), unnest(states)) as p(
      nth, job_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin, concurrency_key, rate_key,
      parent_id, trace_id, msg_id, problem, state);
  else
    return query
      select p.job_id, coalesce(j.state, h.state, 'forgotten')
        from unnest(plan) p
        left join cogo.jobs j on j.id = p.job_id
        left join lateral (select x.state from cogo.jobs_history x where x.id = p.job_id and j.id is null limit 1) h on true
       order by p.nth;
  end if;
end
$$;

-- sql/jobs/245_fn_take_turns.sql e263f0cc5e75c7a8
-- cogo.take_turns: jobs that wait for their turn: the projects of the lane one after the other, and in a project its types, each
-- oldest first. Returns the jobs, locked. Waits for nothing. Starts at a random project, looks at no more groups (a type of a project)
-- than it needs, at most at 500; what it costs does not depend on how many jobs wait.
create or replace function cogo.take_turns(lane text, project_id uuid, every_type boolean, exact text[], prefixes text[], qty int)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  low      timestamptz := to_timestamp(cogo.turn(lane) / 1000000.0);
  start    uuid := gen_random_uuid();
  home     uuid := coalesce(take_turns.project_id, start);
  label    text := '';
  wrapped  boolean := take_turns.project_id is not null;
  next     record;
  over     boolean := false;
  projects uuid[] := '{}';
  types    text[] := '{}';
  more     uuid[];
  taken    uuid[] := '{}';
begin
  for looked in 1..500 loop
    select j.project_id, j.type into next
      from cogo.jobs j
     where j.lane = take_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
       and (j.project_id, j.type) > (home, label)
     order by j.project_id, j.type limit 1;
    if found and (take_turns.project_id is null or next.project_id = take_turns.project_id)
       and (not wrapped or take_turns.project_id is not null or next.project_id < start) then
      home := next.project_id;
      label := next.type;
      if every_type or label = any (exact) or label like any (prefixes) then
        projects := projects || home;
        types := types || label;
      end if;
    elsif wrapped then
      over := true;
    else
      wrapped := true;
      home := '00000000-0000-0000-0000-000000000000';
      label := '';
    end if;
    continue when cardinality(types) < qty - cardinality(taken) and not over and looked < 500;
    while cardinality(types) > 0 and cardinality(taken) < qty loop
      select array_agg(x.id order by x.nth, x.run_at, x.id) into more
        from (select j.id, j.run_at, g.nth
                from unnest(projects, types) with ordinality g(project_id, type, nth)
               cross join lateral (
                 select j.id, j.run_at from cogo.jobs j
                  where j.lane = take_turns.lane and j.project_id = g.project_id and j.type = g.type
                    and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low and not (j.id = any (taken))
                  order by j.run_at, j.id
                  limit greatest((qty - cardinality(taken)) / cardinality(types), 1)
                    for update skip locked) j
               limit qty - cardinality(taken)) x;
      exit when more is null;
      taken := taken || more;
      exit when cardinality(types) = 1;
    end loop;
    exit when over or cardinality(taken) >= qty;
    projects := '{}';
    types := '{}';
  end loop;
  return taken;
end
$$;

-- sql/jobs/247_fn_earlier_work.sql 7e941cd5268a29d9
-- cogo.earlier_work: what earlier attempts of a job left: {steps?: {name: output}, children?: [{job_id, type, state, result, error}]}.
create or replace function cogo.earlier_work(job_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select coalesce((select jsonb_build_object('steps', jsonb_object_agg(s.name, s.output))
                       from cogo.job_steps s where s.job_id = earlier_work.job_id having count(*) > 0), '{}')
        || coalesce((select jsonb_build_object('children', jsonb_agg(c.child order by c.id))
                       from (select j.id, jsonb_build_object('job_id', j.id, 'type', j.type, 'state', j.state, 'result', j.result, 'error', p.error) as child
                               from cogo.jobs j left join cogo.job_payloads p on p.job_id = j.id where j.parent_id = earlier_work.job_id
                             union all
                             select h.id, jsonb_build_object('job_id', h.id, 'type', h.type, 'state', h.state, 'result', h.result, 'error', h.error)
                               from cogo.jobs_history h where h.parent_id = earlier_work.job_id) c
                     having count(*) > 0), '{}'));
end
$$;

-- sql/jobs/250_fn_lease_jobs.sql ee41f7f9da5a81cc
-- cogo.lease_jobs: gives locked jobs to an executor: running, a new token. Returns what claim answers. steps and children are there
-- where a job has them, which a first attempt has not.
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
           lease_token = nextval('cogo.lease_tokens'), lease_s = lease_jobs.lease_s,
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

-- sql/jobs/260_fn_verdicts.sql b3ef3cd8cddc7e58
-- cogo.verdicts: the answer of fail and release: [{job_id, verdict, state}] by job id. A lost attempt learns no state: it may be
-- another project's job.
create or replace function cogo.verdicts(items cogo.fenced_item[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('job_id', i.job_id,
             'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
             'state', case when i.held then j.state end) order by i.job_id), '[]')
      from unnest(items) i left join cogo.jobs j on j.id = i.job_id);
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

-- sql/jobs/287_fn_waiting_turns.sql 3360836235aa985f
-- cogo.waiting_turns: the oldest run_at of jobs that wait for their turn, for each project and type of the lane, at most 1,000.
create or replace function cogo.waiting_turns(lane text)
returns table (project_id uuid, type text, run_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with recursive waiting as (
    (select j.project_id, j.type, j.run_at, 1 as n from cogo.jobs j
      where j.lane = waiting_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn'
      order by j.project_id, j.type, j.run_at limit 1)
    union all
    select f.project_id, f.type, f.run_at, w.n + 1
      from waiting w
     cross join lateral (
       select j.project_id, j.type, j.run_at from cogo.jobs j
        where j.lane = waiting_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn'
          and (j.project_id, j.type) > (w.project_id, w.type)
        order by j.project_id, j.type, j.run_at limit 1) f
     where w.n < 1000
  )
  select w.project_id, w.type, w.run_at from waiting w;
end
$$;

-- sql/jobs/300_fn_enqueue.sql 972956f0981c2d47
-- cogo_api.enqueue: makes jobs in one transaction with whatever else the caller does; returns [{job_id, state, duplicate, batch_id?}]
-- in order.
--
-- jobs: [{type, payload?, priority?, delay_s?, key?, max_attempts?, executor?, pin?, concurrency_key?, rate_key?, parent_id?,
-- trace_id?}], up to 1,000. priority is the band: 0 first, 1 default, 2 last. executor overrides the lane rule of the type. pin: only
-- this executor takes it. concurrency_key: as many jobs of the key at a time as its slots (1 unless set_job_limit). rate_key: the rate
-- to keep to, the type's unless said. parent_id links to a job of the same project, which may await it.
-- key: the first job made with it is returned again (duplicate = true) for 7 days, also when that job's row is gone.
-- batch: {} makes a batch of these jobs, {id} adds them to one of the project, {name} names it; see batch_status.
-- More than 25 jobs in a call are quiet: their turns are recorded, but not broadcast one by one.
-- Needs editor. Errors: as require_role; CG000 not an array; CG003 unknown batch; CG004 a field out of range or an unknown type;
-- CG005 a payload over 128 KB (put it in Storage and send the path); CG023 a key used with another input; CG024 the project has as
-- many jobs waiting as it may.
create or replace function cogo_api.enqueue(project_id uuid, jobs jsonb, batch jsonb default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  plan   cogo.planned_job[];
  group_id uuid;
  answer jsonb;
begin
  perform cogo.require_role(enqueue.project_id, 'editor');
  perform from cogo.projects p where p.id = enqueue.project_id for key share;
  plan := cogo.plan_jobs(enqueue.project_id, enqueue.jobs);
  if exists (select from unnest(plan) p where p.key is not null) then
    plan := cogo.claim_job_keys(enqueue.project_id, plan);
  end if;
  perform cogo.check_quota(enqueue.project_id, cardinality(plan));
  plan := cogo.apply_rates(enqueue.project_id, plan);
  if batch is not null then
    group_id := cogo.open_batch(enqueue.project_id, batch, (select count(*)::int from unnest(plan) p where p.fresh));
  end if;
  select coalesce(jsonb_agg(case when group_id is null
             then jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh)
             else jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh, 'batch_id', group_id) end
           order by m.nth), '[]')
    into answer
    -- two lists of one order, laid beside each other: a join of them would be planned for ten rows
    from rows from (cogo.make_jobs(enqueue.project_id, plan, cogo.principal(), group_id), unnest(plan)) as m(
           job_id, state, nth, planned_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin,
           concurrency_key, rate_key, parent_id, trace_id, msg_id, problem);
  return answer;
end
$$;
revoke all on function cogo_api.enqueue(uuid, jsonb, jsonb) from public;
grant execute on function cogo_api.enqueue(uuid, jsonb, jsonb) to anon, authenticated, service_role;

-- sql/jobs/310_fn_claim.sql dec07036f22eb73a
-- cogo_api.claim: leases up to qty ready jobs to an executor; returns [{job_id, token, attempt, type, payload, checkpoint, project_id,
-- trace_id, lease_s, cancel_requested, steps?, children?}]. token (a string: it is a bigint) goes with every later call for the
-- attempt. steps: outputs earlier attempts stored; children: the jobs it awaited, with their results.
--
-- Jobs pinned to the executor first, then its lanes by band, each roughly first in, first out, and no project more than its share
-- while others wait. A worker token gets jobs of its project only. include_types: exact types or prefixes ending in '.*'. epoch: as
-- register_executor gave it, so that a process another one of the same id has replaced gets nothing.
-- The lease ends lease_s after the last beat, by the database's clock: count it on a monotonic clock and stop at 80 %.
-- An empty answer is normal; nothing ever waits for a lock here.
-- Errors: CG001/CG002/CG004 as executor_scope; CG004 qty not 1 to 1000, lease_s not 5 to 3600; CG025 the executor is draining, or its
-- epoch is over.
create or replace function cogo_api.claim(
  executor_id text, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  scope    record;
  chosen   uuid[];
  lane     record;
  exact    text[];
  prefixes text[];
begin
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
    select l.name, l.backlog from cogo.lanes l where scope.kind is null or l.executor = scope.kind order by l.band, l.name
  loop
    exit when cardinality(chosen) >= qty;
    if scope.project_id is null and include_types is null then
      chosen := chosen || cogo.pop(lane.name, qty - cardinality(chosen));
    else
      chosen := chosen || cogo.pick_jobs(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
    if lane.backlog and cardinality(chosen) < qty then
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

-- sql/jobs/320_fn_beat.sql 6270ea3da01c4172
-- cogo_api.beat: keeps leases alive, all of an executor's in one call; returns [{job_id, verdict}].
--   ok      the lease runs lease_s from now
--   cancel  the same, and somebody wants the job cancelled: stop it, then finish or fail it
--   lost    the token is not the job's any more, or the epoch is over: stop at once, nothing of this attempt counts
-- beats: [{job_id, token, progress?, log?, steps?}]; an empty list is presence only. progress replaces the last one; at most two a
-- second become events. log: text or a list of lines, up to 16,384 characters a beat are kept. steps: [{name, output}] done since the
-- last beat, which a later attempt finds in its claim.
-- Errors: CG001/CG002/CG004 as executor_scope; CG000 malformed.
create or replace function cogo_api.beat(executor_id text, beats jsonb, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  scope  record;
  held   cogo.fenced_item[] := '{}';
  moment timestamptz;
begin
  scope := cogo.executor_scope(beat.executor_id, beat.epoch, coalesce(beats, '[]') = '[]');
  if coalesce(beats, '[]') <> '[]' then
    held := cogo.fenced(beats);
  end if;
  moment := clock_timestamp();
  if not scope.current then
    return (select coalesce(jsonb_agg(jsonb_build_object('job_id', f.job_id, 'verdict', 'lost')), '[]') from unnest(held) f);
  end if;
  update cogo.jobs j
     set lease_until = moment + make_interval(secs => j.lease_s)
    from unnest(held) f
   where j.id = f.job_id and f.held;
  perform cogo.store_steps(held);

  if exists (select from unnest(held) f where f.body ? 'progress') then
    with said as (
      select f.job_id, f.body -> 'progress' as progress
        from unnest(held) f
       where f.held and jsonb_typeof(f.body -> 'progress') <> 'null'
    ),
    due as (
      select s.job_id, s.progress, p.project_id from said s join cogo.job_payloads p on p.job_id = s.job_id
       where p.progress_at is null or p.progress_at <= moment - interval '500 milliseconds'
    ),
    kept as (
      update cogo.job_payloads p
         set progress = s.progress,
             progress_at = case when exists (select from due d where d.job_id = s.job_id) then moment else p.progress_at end
        from said s where p.job_id = s.job_id
    )
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select d.job_id, d.project_id, 'job.progress', jsonb_build_object('progress', d.progress), j.trace_id
      from due d join cogo.jobs j on j.id = d.job_id order by d.job_id;
  end if;

  if exists (select from unnest(held) f where f.body ? 'log') then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select f.job_id, j.project_id, 'job.log', jsonb_build_object('log', left(case jsonb_typeof(f.body -> 'log')
             when 'array' then (select string_agg(line, e'\n' order by n)
                                  from jsonb_array_elements_text(f.body -> 'log') with ordinality l(line, n))
             else f.body ->> 'log' end, 16384)), j.trace_id
      from unnest(held) f
      join cogo.jobs j on j.id = f.job_id
     where f.held and jsonb_typeof(f.body -> 'log') in ('string', 'array')
     order by f.job_id;
  end if;

  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', f.job_id,
             'verdict', case when not f.held then 'lost' when f.cancel_requested then 'cancel' else 'ok' end) order by f.job_id)
      from unnest(held) f), '[]');
end
$$;
revoke all on function cogo_api.beat(text, jsonb, int) from public;
grant execute on function cogo_api.beat(text, jsonb, int) to anon, authenticated, service_role;

-- sql/jobs/328_fn_finish_plain.sql e1a08e81dd25cae5
-- cogo.finish_plain: ends running jobs well where none of the call's has more to it: no concurrency key, no parent, no wish to cancel,
-- every token current. Returns the ids of those it ended, or null where something of that does not hold when it looks: then nothing
-- is changed, and the long way takes all of them. That one locks slots and parents first; here no lock but those of the jobs, by id.
create or replace function cogo.finish_plain(ids uuid[], tokens bigint[], bodies jsonb[], every boolean, project_id uuid)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  plain int;
  ended uuid[];
  heard boolean;
begin
  select count(*) into plain
    from unnest(ids, tokens) as i(id, token)
    join cogo.jobs j on j.id = i.id
   where j.state = 'running' and j.lease_token = i.token and j.cancel_requested_at is null and j.concurrency_key is null
     and j.parent_id is null and (every or j.project_id = finish_plain.project_id);
  if plain < cardinality(ids) then
    return null;
  end if;
  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = i.body -> 'result'
      from unnest(ids, tokens, bodies) as i(id, token, body)
     where j.id = i.id and j.state = 'running' and j.lease_token = i.token and j.cancel_requested_at is null
    returning j.id, j.quiet, j.trace_id
  )
  select coalesce(array_agg(d.id), '{}'), bool_or(not d.quiet or d.trace_id is not null) into ended, heard from done d;
  if heard then
    perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');
  end if;
  return ended;
end
$$;

-- sql/jobs/330_fn_finish.sql ef15f361322ee14d
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
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  who       record := cogo.reporting_scope();
  ids       uuid[];
  tokens    bigint[];
  bodies    jsonb[];
  plain     uuid[];
  items     cogo.fenced_item[];
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  select r.ids, r.tokens, r.bodies into ids, tokens, bodies from cogo.read_items(results) r;
  if ids is null then
    return '[]';
  end if;
  if not exists (select from unnest(bodies) b where b ?| array['children', 'events', 'await']) then
    plain := cogo.finish_plain(ids, tokens, bodies, who.every, who.project_id);
    if cardinality(plain) = cardinality(ids) then
      return (select jsonb_agg(jsonb_build_object('job_id', i.id, 'verdict', 'ok', 'state', 'succeeded')) from unnest(ids) i(id));
    elsif plain is not null then
      -- an id said twice, or one that was lost or cancelled between the look and the update
      results := (select jsonb_agg(b.body) from unnest(ids, bodies) as b(id, body) where not (b.id = any (plain)));
    end if;
  end if;
  plain := coalesce(plain, '{}');
  items := cogo.fenced(coalesce(results, '[]'));
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
    returning j.id
  )
  select array_agg(d.id) into ended from done d;
  perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');

  select array_agg(i.job_id) into ended
    from unnest(items) i where i.held and (i.keyed or i.parented) and not (i.job_id = any (awaiting));
  if ended is not null then
    perform cogo.jobs_over(ended, ended);
  end if;
  return coalesce((
    select jsonb_agg(x.verdict order by x.job_id)
      from (select i.job_id, jsonb_build_object('job_id', i.job_id,
                   'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
                   'state', case when not i.held then null when i.cancel_requested then 'cancelled'
                                 when i.job_id = any (awaiting) then (select j.state from cogo.jobs j where j.id = i.job_id)
                                 else 'succeeded' end) as verdict
              from unnest(items) i
            union all
            select p.id, jsonb_build_object('job_id', p.id, 'verdict', 'ok', 'state', 'succeeded') from unnest(plain) p(id)) x), '[]');
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;

-- sql/jobs/335_fn_turn.sql ae6380bf43ad6748
-- cogo_api.turn: finish and claim in one call and one transaction, which is what a busy worker does all day: half the calls and half
-- the commits. Returns {verdicts: as finish, jobs: as claim}; results are recorded when the answer is there, both or neither.
-- results: as finish, may be empty; the rest as claim. Errors: as finish and claim; then nothing was recorded, nor leased.
create or replace function cogo_api.turn(
  executor_id text, results jsonb, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  verdicts jsonb := cogo_api.finish(turn.results);
begin
  return jsonb_build_object('verdicts', verdicts,
    'jobs', cogo_api.claim(turn.executor_id, turn.qty, turn.lease_s, turn.include_types, turn.epoch));
end
$$;
revoke all on function cogo_api.turn(text, jsonb, int, int, text[], int) from public;
grant execute on function cogo_api.turn(text, jsonb, int, int, text[], int) to anon, authenticated, service_role;

-- sql/jobs/340_fn_fail.sql 4bef64c4278e19a3
-- cogo_api.fail: records failed attempts; returns [{job_id, verdict, state}] by job id.
-- failures: [{job_id, token, error:{code, message, reason?}, retryable, retry_after_s?}].
-- A retryable failure is tried again after retry_after_s, or after a full-jitter backoff: random() * least(60, 0.5 * 2^(failures - 1))
-- seconds; when max_attempts failures are spent the job is dead (exhausted_retries). One that is not retryable is dead at once, with
-- error.reason where that is a dead-letter reason, else validation_failed.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.fail(failures jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  items cogo.fenced_item[] := cogo.fenced(failures);
  item  record;
  job   cogo.jobs;
  error jsonb;
  delay double precision;
  held  uuid[] := '{}';
  over  uuid[] := '{}';
begin
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    error := coalesce(item.body -> 'error', '{}');
    perform cogo.close_attempts(array[item.job_id], case when item.cancel_requested then 'cancelled' else 'failed' end, error);
    update cogo.jobs j set failures = j.failures + 1 where j.id = item.job_id returning j.* into job;
    update cogo.job_payloads p set error = item.body -> 'error' where p.job_id = item.job_id;
    held := held || item.job_id;
    if item.cancel_requested then
      perform cogo.settle_cancelled(array[item.job_id]);
      over := over || item.job_id;
    elsif not coalesce((item.body ->> 'retryable')::boolean, true) then
      perform cogo.bury_job(job.id, error ->> 'reason', 'validation_failed', error);
      over := over || item.job_id;
    elsif job.failures >= job.max_attempts then
      perform cogo.bury_job(job.id, 'exhausted_retries', 'exhausted_retries', error);
      over := over || item.job_id;
    else
      delay := coalesce(
        least(greatest((item.body ->> 'retry_after_s')::double precision, 0), 2592000),
        random() * least(60, 0.5 * power(2, job.failures - 1)));
      update cogo.jobs j
         set state = 'scheduled', run_at = clock_timestamp() + make_interval(secs => delay), lease_token = null, lease_until = null
       where j.id = job.id;
      perform cogo.tell(array[job.id], 'job.retry',
        jsonb_build_object('failures', job.failures, 'delay_s', round(delay::numeric, 3), 'error', error));
    end if;
  end loop;
  perform cogo.jobs_over(over, held);
  return cogo.verdicts(items);
exception
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'retryable must be true or false, retry_after_s a number', jsonb_build_object('reason', sqlerrm));
end
$$;
revoke all on function cogo_api.fail(jsonb) from public;
grant execute on function cogo_api.fail(jsonb) to anon, authenticated, service_role;

-- sql/jobs/350_fn_release.sql c27e7ac7718ccfa0
-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?, steps?, children?, await?}]; returns [{job_id, verdict, state}] by job id. The job is queued
-- again at once and its next claim gets the checkpoint; with await it is blocked until its children are over.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  items     cogo.fenced_item[] := cogo.fenced(releases);
  item      record;
  again     uuid[] := '{}';
  cancelled uuid[] := '{}';
begin
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

-- sql/jobs/398_fn_job_turns.sql ba4d3a817da8a670
-- cogo.job_turns: the turns of a job's life that no event was stored for, as events: enqueued, each start, done. The id of such an
-- event is its time in microseconds, as that of a stored one is about, so they are in one order.
create or replace function cogo.job_turns(job_id uuid)
returns table (id bigint, kind text, data jsonb, at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  job record;
begin
  select j.quiet, j.type, j.state, j.attempt, j.created_at, j.finished_at into job from cogo.jobs j where j.id = job_turns.job_id;
  if not found then
    select h.quiet, h.type, h.state, h.attempt, h.created_at, h.finished_at into job
      from cogo.jobs_history h where h.id = job_turns.job_id limit 1;
  end if;
  if not coalesce(job.quiet, false) then
    return;
  end if;
  return query
    select (extract(epoch from t.at) * 1000000)::bigint, t.kind, t.data, t.at
      from (select 'job.enqueued' as kind, jsonb_build_object('type', job.type) as data, 0 as attempt, job.created_at as at
            union all
            select 'job.started', jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id), a.attempt, a.started_at
              from cogo.attempts a where a.job_id = job_turns.job_id
            union all
            select 'job.done', jsonb_build_object('state', job.state, 'attempt', job.attempt), job.attempt, job.finished_at where job.state = 'succeeded') t
     where not exists (
       select from cogo.job_events e
        where e.job_id = job_turns.job_id and e.kind = t.kind
          and coalesce((e.data ->> 'attempt')::int, 0) = t.attempt);
end
$$;

-- sql/jobs/400_fn_job_events.sql 0840b49087d7aa8d
-- cogo_api.job_events: the events of a job after an id, oldest first, at most 1,000: [{id, kind, data, at}]. Needs viewer.
-- Error: CG003.
create or replace function cogo_api.job_events(job_id uuid, after_id bigint default 0, lim int default 200)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  most int := least(greatest(coalesce(lim, 200), 1), 1000);
begin
  perform cogo.readable_job(job_events.job_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'data', e.data, 'at', e.at) order by e.id)
      from (select x.id, x.kind, x.data, x.at
              from ((select s.id, s.kind, s.data, s.at from cogo.job_events s
                      where s.job_id = job_events.job_id and s.id > coalesce(after_id, 0)
                      order by s.id limit most)
                    union all
                    select t.id, t.kind, t.data, t.at from cogo.job_turns(job_events.job_id) t where t.id > coalesce(after_id, 0)) x
             order by x.id limit most) e), '[]');
end
$$;
revoke all on function cogo_api.job_events(uuid, bigint, int) from public;
grant execute on function cogo_api.job_events(uuid, bigint, int) to anon, authenticated, service_role;

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

-- sql/jobs/440_fn_sweep.sql 718e7f16badd89ab
-- cogo_api.sweep: what no caller does: dead executors, expired leases, due jobs, free slots, lost messages, low watermarks. Scheduled every 5 s; one
-- at a time (a second one returns {skipped: true}); each part takes a bounded bite. Returns {expired, dead, due, promoted, resent,
-- executors_dead}.
-- Error: CG002 not the server.
create or replace function cogo_api.sweep()
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
as $$
declare
  lapsed   jsonb;
  died     text[];
  late     uuid[];
  due      uuid[];
  promoted int;
  resent   int;
begin
  perform cogo.require_service();
  if not pg_try_advisory_xact_lock(hashtextextended('cogo.sweep', 0)) then
    return jsonb_build_object('skipped', true);
  end if;
  -- an executor that missed three beats it promised: what it holds is free at once
  with gone as (
    update cogo.executors e set dead_at = clock_timestamp()
     where e.id in (select x.id from cogo.executors x
                     where x.dead_at is null and x.last_seen < clock_timestamp() - make_interval(secs => 3 * x.beat_s)
                     order by x.id for update skip locked)
    returning e.id
  )
  select coalesce(array_agg(g.id), '{}') into died from gone g;
  if cardinality(died) > 0 then
    update cogo.jobs j set lease_until = clock_timestamp()
     where j.id in (select x.id from cogo.jobs x where x.state = 'running' and x.executor_id = any (died) order by x.id for update skip locked);
  end if;
  late := array(select j.id from cogo.jobs j where j.state = 'running' and j.lease_until <= clock_timestamp() order by j.id limit 500);
  due := array(select j.id from cogo.jobs j where j.state = 'scheduled' and j.run_at <= clock_timestamp() order by j.run_at limit 1000);
  -- one pass over all locks, in their order: taking the second set while holding the first could meet a finish in a circle
  perform cogo.lock_jobs(late || due);
  lapsed := cogo.expire_leases(late);
  -- again under the lock: one of them may have been cancelled meanwhile
  due := array(select j.id from cogo.jobs j where j.id = any (due) and j.state = 'scheduled' and j.run_at <= clock_timestamp());
  perform cogo.admit_jobs(due);
  promoted := cogo.fill_slots(200);
  resent := cogo.reconcile_lanes(500);
  return lapsed || jsonb_build_object('due', cardinality(due), 'promoted', promoted, 'resent', resent,
    'executors_dead', cardinality(died));
end
$$;
revoke all on function cogo_api.sweep() from public;
grant execute on function cogo_api.sweep() to service_role;

-- sql/jobs/910_grants.sql 5f6407c67647e365
-- Nothing in cogo is for the API roles but the two functions that policies on realtime.messages call.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;

-- end of what is built

-- jobs: the functions of the lanes in their new form
do $$
begin
  perform cogo.create_lane_functions(l.name, l.queue_name) from cogo.lanes l;
  perform cogo.create_dispatch();
end
$$;
drop function cogo.open_lanes(text);
