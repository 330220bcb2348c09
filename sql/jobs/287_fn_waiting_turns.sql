-- cogo.waiting_turns: the oldest run_at of jobs that wait for their turn, for each project and type of the lane, at most 1,000.
create function cogo.waiting_turns(lane text)
returns table (project_id uuid, type text, run_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with recursive waiting as (
    (select j.project_id, j.type, j.run_at, 1 as n from cogo.jobs j
      where j.lane = waiting_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn'
      order by j.project_id, j.type, j.run_at limit 1)
    union all
    select f.project_id, f.type, f.run_at, w.n + 1
      from waiting w
     cross join lateral (
       select j.project_id, j.type, j.run_at from cogo.jobs j
        where j.lane = waiting_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn'
          and (j.project_id, j.type) > (w.project_id, w.type)
        order by j.project_id, j.type, j.run_at limit 1) f
     where w.n < 1000
  )
  select w.project_id, w.type, w.run_at from waiting w;
end
$$;
