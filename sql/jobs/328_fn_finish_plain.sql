-- cogo.finish_plain: ends running jobs well where none of the call's has more to it: no concurrency key, no parent, no wish to cancel,
-- every token current. Returns the ids of those it ended, or null where something of that does not hold when it looks: then nothing
-- is changed, and the long way takes all of them. That one locks slots and parents first; here no lock but those of the jobs, by id.
create function cogo.finish_plain(ids uuid[], tokens bigint[], bodies jsonb[], every boolean, project_id uuid)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  ended uuid[];
  heard boolean;
begin
  -- both lists are in order of the ids: to compare them costs less than a join
  if tokens is distinct from (
    select array_agg(j.lease_token order by j.id)
      from cogo.jobs j
     where j.id = any (ids) and j.cancel_requested_at is null and j.concurrency_key is null and j.parent_id is null
       and (every or j.project_id = finish_plain.project_id))
  then
    return null;
  end if;
  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = i.body -> 'result'
      from unnest(ids, tokens, bodies) as i(id, token, body)
     where j.id = i.id and j.lease_token = i.token and j.cancel_requested_at is null
    returning j.id, j.quiet, j.trace_id
  )
  select coalesce(array_agg(d.id), '{}'), bool_or(not d.quiet or d.trace_id is not null) into ended, heard from done d;
  if heard then
    perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');
  end if;
  return ended;
end
$$;
