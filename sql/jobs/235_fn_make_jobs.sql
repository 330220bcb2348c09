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
  pushed  uuid[] := '{}';
  msgs    bigint[] := '{}';
  sent    record;
begin
  select count(*) filter (where p.fresh), coalesce(bool_or(p.parent_id is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.concurrency_key is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.wait in ('slot', 'pin')) filter (where p.fresh), false)
    into total, parents, keyed, other
    from unnest(plan) p;
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
    select p.lane, array_agg(p.job_id order by p.nth) as ids from unnest(plan) p
     where p.fresh and p.wait is null group by p.lane order by p.lane
  loop
    declare
      room int := greatest(cogo.ready_room(make_jobs.project_id, route.lane), 0);
    begin
      if room < cardinality(route.ids) then
        perform cogo.mark_backlog(array[route.lane]);
      end if;
      if room > 0 then
        select array_agg(m.job_id) as ids, array_agg(m.msg_id) as msgs into sent from cogo.push(route.lane, route.ids[:room]) m;
        pushed := pushed || sent.ids;
        msgs := msgs || sent.msgs;
      end if;
    end;
  end loop;

  with item as materialized (
    select p.*, m.msg_id as message,
           case when m.msg_id is not null then 'queued' when p.wait is null then 'blocked' else 'scheduled' end as begins
      from unnest(plan) p left join unnest(pushed, msgs) as m(job_id, msg_id) on m.job_id = p.job_id
     where p.fresh
  ),
  made as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, quiet, run_at, msg_id, queued_at, max_attempts,
                           pinned_executor_id, concurrency_key, parent_id, batch_id, trace_id, created_by)
    select i.job_id, make_jobs.project_id, i.type, i.lane, i.band, i.begins, case i.begins when 'blocked' then 'turn' end, total > 25, i.run_at,
           i.message, case i.begins when 'queued' then clock_timestamp() end, i.max_attempts, i.pin, i.concurrency_key, i.parent_id,
           make_jobs.batch_id, i.trace_id, made_by
      from item i
  ),
  told as (
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select i.job_id, make_jobs.project_id, 'job.enqueued', jsonb_build_object('type', i.type), i.trace_id, total > 25 from item i
  )
  insert into cogo.job_payloads (job_id, project_id, input)
  select i.job_id, make_jobs.project_id, i.payload from item i;

  if other then
    perform cogo.admit_jobs(array(select p.job_id from unnest(plan) p where p.fresh and p.wait in ('slot', 'pin')));
  end if;
  perform cogo.ring(make_jobs.project_id, w.lane, null, w.n)
     from (select p.lane, count(*) as n from unnest(plan) p where p.fresh and p.wait is null group by p.lane) w;
  if not other and total = cardinality(plan) then
    return query
      select p.job_id, case when p.job_id = any (pushed) then 'queued' when p.wait is null then 'blocked' else 'scheduled' end
        from unnest(plan) p order by p.nth;
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
