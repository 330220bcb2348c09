-- cogo.take_room: ready_room for a call that makes so many jobs, at least 0. Calls that are under way do not see each other, and
-- each would fill the whole share: of those that could, one at a time finds room, and the jobs of the others wait for their turn.
-- Waits for nothing.
create function cogo.take_room(project_id uuid, lane text, jobs int)
returns int
language plpgsql
set search_path = ''
as $$
begin
  if jobs > 10 and not pg_try_advisory_xact_lock(hashtextextended(format('cogo.room %s %s', take_room.project_id, take_room.lane), 0)) then
    return 0;
  end if;
  return greatest(cogo.ready_room(take_room.project_id, take_room.lane), 0);
end
$$;
