-- cogo.make_jobs: makes the fresh jobs of a plan, their messages, slots and events; returns the states [{job_id, state}] of all.
-- The caller has checked who asks, and locked the project against being deleted.
create function cogo.make_jobs(project_id uuid, plan cogo.planned_job[], made_by text, batch_id uuid)
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
  lanes   text[] := '{}';
  counts  int[] := '{}';
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
    lanes := lanes || route.lane;
    counts := counts || cardinality(route.ids);
    room := cogo.take_room(make_jobs.project_id, route.lane, cardinality(route.ids));
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

  if traced then
    perform cogo.tell(array(select p.job_id from unnest(plan) p where p.fresh), 'job.enqueued', '{}');
  end if;
  if other then
    perform cogo.admit_jobs(array(select p.job_id from unnest(plan) p where p.fresh and p.wait in ('slot', 'pin')));
  end if;
  for i in 1..cardinality(lanes) loop
    perform cogo.ring(make_jobs.project_id, lanes[i], null, counts[i]);
  end loop;
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
