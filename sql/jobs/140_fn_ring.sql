-- cogo.ring: wakes executors that could take a job just made ready: the pinned one, or up to 20 live ones of the lane that serve the
-- project. One message each on agents:{executor_id}; a hint, everyone polls as well.
create function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null)
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
      join cogo.lanes l on l.name = ring.lane and l.executor = e.kind
     where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
       and (e.project_id is null or e.project_id = ring.project_id)
       and not e.draining
       and e.last_seen > clock_timestamp() - interval '60 seconds'
     order by e.last_seen desc
     limit 20
  loop
    perform cogo.broadcast('agents:' || bell, 'wake', jsonb_build_object('lane', ring.lane));
  end loop;
end
$$;
