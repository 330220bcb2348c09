-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20; one where jobs is 0. One message each on agents:{executor_id}; a hint, everyone polls as well. Edge consumers have no ear on Realtime:
-- where the lane's kind has a doorbell, it is rung.
create function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
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
     where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
       and e.kind = split_part(ring.lane, '/', 1)
       and (e.project_id is null or e.project_id = ring.project_id)
       and not e.draining and e.dead_at is null
       and e.last_seen > clock_timestamp() - interval '60 seconds'
     order by e.last_seen desc
     limit case when ring.jobs = 0 then 1 else least(20, ring.jobs + 4) end
  loop
    perform cogo.hint('agents:' || bell, 'wake', jsonb_build_object('lane', ring.lane));
  end loop;
  if ring.pinned_executor_id is null then
    perform cogo.ring_doorbell(split_part(ring.lane, '/', 1));
  end if;
end
$$;
