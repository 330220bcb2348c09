-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20; one where jobs is 0. One message each on agents:{executor_id}, to those that listen; a hint, everyone polls as well.
-- Edge consumers have no ear on Realtime: where the lane's kind has a doorbell, it is rung.
create function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
returns void
language plpgsql
set search_path = ''
as $$
declare
  worker text := split_part(lane, '/', 1);
  bells  text[];
  door   boolean;
begin
  select array_agg('agents:' || e.id order by e.last_seen desc),
         ring.pinned_executor_id is null and exists (select from cogo.doorbells d where d.executor = worker and d.url is not null)
    into bells, door
    from cogo.executors e
   where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
     and e.kind = worker
     and (e.project_id is null or e.project_id = ring.project_id)
     and not e.draining and e.dead_at is null
     and e.last_seen > clock_timestamp() - interval '60 seconds';
  if bells is not null then
    bells := cogo.heard(bells);
    for i in 1..least(cardinality(bells), case when jobs = 0 then 1 else least(20, jobs + 4) end) loop
      perform cogo.hint(bells[i], 'wake', jsonb_build_object('lane', ring.lane));
    end loop;
  end if;
  if door then
    perform cogo.ring_doorbell(worker);
  end if;
end
$$;
