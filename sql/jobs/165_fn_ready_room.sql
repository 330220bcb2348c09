-- cogo.ready_room: how many more jobs of the project may be on the lane's ready list: its share less what is there; none while some
-- wait for their turn, so that nobody overtakes them. Approximate under concurrency, which fairness can bear.
create function cogo.ready_room(project_id uuid, lane text)
returns int
language plpgsql
set search_path = ''
as $$
declare
  -- read once: as part of the query it would be called for every row, and the scan begin at the oldest dead one
  low   bigint := cogo.low(ready_room.lane);
  share int := coalesce((select q.ready_share from cogo.job_quotas q where q.project_id = ready_room.project_id), 100);
begin
  if (select l.backlog from cogo.lanes l where l.name = ready_room.lane) and cogo.has_backlog(ready_room.lane, ready_room.project_id) then
    return 0;
  end if;
  return share - (
    select count(*) from (
      select from cogo.jobs j
       where j.lane = ready_room.lane and j.project_id = ready_room.project_id and j.state = 'queued' and j.pinned_executor_id is null
         and j.msg_id >= low
       limit share) r)::int;
end
$$;
