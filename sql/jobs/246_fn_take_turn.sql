-- cogo.take_turn: take_turns for one job of any type, which most claims want: the oldest of a random project's first type, in one
-- statement, or two. Returns it locked, or nothing. Waits for nothing.
create function cogo.take_turn(lane text, project_id uuid)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  low   timestamptz := to_timestamp(cogo.turn(lane) / 1000000.0);
  start uuid := coalesce(take_turn.project_id, gen_random_uuid());
  one   uuid;
begin
  select j.id into one from cogo.jobs j
   where j.lane = take_turn.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
     and j.project_id >= start and (take_turn.project_id is null or j.project_id = take_turn.project_id)
   order by j.project_id, j.type, j.run_at, j.id
   limit 1 for update skip locked;
  if not found and take_turn.project_id is null then
    select j.id into one from cogo.jobs j
     where j.lane = take_turn.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low and j.project_id < start
     order by j.project_id, j.type, j.run_at, j.id
     limit 1 for update skip locked;
  end if;
  return case when one is null then '{}' else array[one] end;
end
$$;
