-- cogo.finish_keyed: finish_one for a single job that has a concurrency key: ends it well and hands its slot on; whether it did. False:
-- nothing was changed, and the long way says why. The slot is locked before the job, as everywhere.
create function cogo.finish_keyed(results jsonb, every boolean, project_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  item  jsonb := results -> 0;
  home  record;
  room  int;
  done  record;
begin
  if item ?| array['children', 'events', 'await'] or (item ->> 'job_id') !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
     or (item ->> 'token') !~ '^[0-9]{1,18}$' then
    return false;
  end if;
  -- keys and parents never change, so they can be read before the lock
  select j.project_id, j.concurrency_key as key into home from cogo.jobs j
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.concurrency_key is not null and j.parent_id is null and (every or j.project_id = finish_keyed.project_id);
  if not found then
    return false;
  end if;
  select s.slots - greatest(s.used - 1, 0) into room from cogo.job_slots s where s.project_id = home.project_id and s.key = home.key for update;
  update cogo.jobs j
     set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = item -> 'result'
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.cancel_requested_at is null
  returning j.id, not j.quiet or j.trace_id is not null as heard into done;
  if done.heard then
    perform cogo.tell(array[done.id], 'job.done', '{"state":"succeeded"}');
  end if;
  if done.id is null then
    return false;
  end if;
  perform cogo.hand_on(home.project_id, home.key, 1, coalesce(room, 0));
  return true;
end
$$;
