-- cogo.has_backlog: whether jobs of the lane, and of the project where given, wait for their turn. In the order of the index: EXISTS
-- alone may walk the table for its first row. It looks from the watermark on only, which is all that claims do; every: also before it,
-- which walks every job that waited since an old snapshot was taken. sweep does, before it takes a mark back and now and then.
create function cogo.has_backlog(lane text, project_id uuid default null, every boolean default false)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  low timestamptz;
begin
  low := case when every then '-infinity' else to_timestamp(cogo.turn(has_backlog.lane) / 1000000.0) end;
  if has_backlog.project_id is null then
    return coalesce((
      select true from cogo.jobs j
       where j.lane = has_backlog.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
       order by j.project_id, j.type, j.run_at limit 1), false);
  end if;
  return coalesce((
    select true from cogo.jobs j
     where j.lane = has_backlog.lane and j.project_id = has_backlog.project_id and j.state = 'blocked' and j.blocked_on = 'turn'
       and j.run_at >= low
     order by j.type, j.run_at limit 1), false);
end
$$;
