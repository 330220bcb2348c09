-- cogo.pick_jobs: the claim of an executor that may not take just any job of a lane: walks the ready index instead of the queue,
-- which knows neither project nor type. Returns the jobs, locked; their messages are removed, or found stale later. Waits for nothing.
create function cogo.pick_jobs(lane text, project_id uuid, every_type boolean, exact text[], prefixes text[], qty int)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  low   bigint := cogo.low(lane);
  taken uuid[];
  done  bigint[];
begin
  if pick_jobs.project_id is null then
    select array_agg(p.id), array_agg(p.msg_id) into taken, done
      from (select j.id, j.msg_id from cogo.jobs j
             where j.lane = pick_jobs.lane and j.state = 'queued' and j.pinned_executor_id is null and j.msg_id >= low
               and (every_type or j.type = any (exact) or j.type like any (prefixes))
             order by j.msg_id
             limit qty
               for update skip locked) p;
  else
    select array_agg(p.id), array_agg(p.msg_id) into taken, done
      from (select j.id, j.msg_id from cogo.jobs j
             where j.lane = pick_jobs.lane and j.state = 'queued' and j.pinned_executor_id is null and j.msg_id >= low
               and j.project_id = pick_jobs.project_id
               and (every_type or j.type = any (exact) or j.type like any (prefixes))
             order by j.msg_id
             limit qty
               for update skip locked) p;
  end if;
  if done is not null then
    perform cogo.drop_messages(lane, done);
  end if;
  return coalesce(taken, '{}');
end
$$;
