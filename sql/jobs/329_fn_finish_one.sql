-- cogo.finish_one: finish_plain for a single job, in one statement: whether it ended it well. False: nothing was changed, and the long
-- way says why. results: as finish.
create function cogo.finish_one(results jsonb, every boolean, project_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  item  jsonb := results -> 0;
  done  record;
begin
  if item ?| array['children', 'events', 'await'] or (item ->> 'job_id') !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
     or (item ->> 'token') !~ '^[0-9]{1,18}$' then
    return false;
  end if;
  update cogo.jobs j
     set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = item -> 'result'
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.cancel_requested_at is null and j.concurrency_key is null and j.parent_id is null
     and (every or j.project_id = finish_one.project_id)
  returning j.id, not j.quiet or j.trace_id is not null as heard into done;
  if done.heard then
    perform cogo.tell(array[done.id], 'job.done', '{"state":"succeeded"}');
  end if;
  return done.id is not null;
end
$$;
