-- cogo.take_turn: take_turns for one job of any type, which most claims want: the oldest of a random project's first type, in one
-- statement. Returns it locked, or nothing. Waits for nothing.
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
  -- the second half is looked at only where the first is empty
  select f.id into one
    from (select * from (
            select j.id from cogo.jobs j
             where j.lane = take_turn.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
               and j.project_id >= start and (take_turn.project_id is null or j.project_id = take_turn.project_id)
             order by j.project_id, j.type, j.run_at, j.id
             limit 1 for update skip locked) a
          union all
          select * from (
            select j.id from cogo.jobs j
             where j.lane = take_turn.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
               and j.project_id < start and take_turn.project_id is null
             order by j.project_id, j.type, j.run_at, j.id
             limit 1 for update skip locked) b) f
   limit 1;
  return case when one is null then '{}' else array[one] end;
end
$$;
