-- cogo.take_turns: jobs that wait for their turn: the projects of the lane one after the other, and in a project its types in random
-- order, each oldest first. Returns the jobs, locked. Waits for nothing. Starts at a random project, looks at no more groups (a type of a project)
-- than it needs, or eight, at most at 500; what it costs does not depend on how many jobs wait.
create function cogo.take_turns(lane text, project_id uuid, every_type boolean, exact text[], prefixes text[], qty int)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  low      timestamptz := to_timestamp(cogo.turn(lane) / 1000000.0);
  start    uuid := gen_random_uuid();
  home     uuid := coalesce(take_turns.project_id, start);
  label    text := '';
  wrapped  boolean := take_turns.project_id is not null;
  next     record;
  over     boolean := false;
  projects uuid[] := '{}';
  types    text[] := '{}';
  more     uuid[];
  taken    uuid[] := '{}';
begin
  for looked in 1..500 loop
    select j.project_id, j.type into next
      from cogo.jobs j
     where j.lane = take_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
       and (j.project_id, j.type) > (home, label)
     order by j.project_id, j.type limit 1;
    if found and (take_turns.project_id is null or next.project_id = take_turns.project_id)
       and (not wrapped or take_turns.project_id is not null or next.project_id < start) then
      home := next.project_id;
      label := next.type;
      if every_type or label = any (exact) or label like any (prefixes) then
        projects := projects || home;
        types := types || label;
      end if;
    elsif wrapped then
      over := true;
    else
      wrapped := true;
      home := '00000000-0000-0000-0000-000000000000';
      label := '';
    end if;
    continue when cardinality(types) < greatest(qty - cardinality(taken), 8) and not over and looked < 500;
    -- the types of a project in random order: a claim of one job would always get the first
    if cardinality(types) > 1 then
      select array_agg(g.project_id order by g.first, g.dice), array_agg(g.type order by g.first, g.dice) into projects, types
        from (select x.project_id, x.type, min(x.nth) over (partition by x.project_id) as first, random() as dice
                from unnest(projects, types) with ordinality x(project_id, type, nth)) g;
    end if;
    while cardinality(types) > 0 and cardinality(taken) < qty loop
      select array_agg(x.id order by x.nth, x.run_at, x.id) into more
        from (select j.id, j.run_at, g.nth
                from unnest(projects, types) with ordinality g(project_id, type, nth)
               cross join lateral (
                 select j.id, j.run_at from cogo.jobs j
                  where j.lane = take_turns.lane and j.project_id = g.project_id and j.type = g.type
                    and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low and not (j.id = any (taken))
                  order by j.run_at, j.id
                  limit greatest((qty - cardinality(taken)) / cardinality(types), 1)
                    for update skip locked) j
               limit qty - cardinality(taken)) x;
      exit when more is null;
      taken := taken || more;
      exit when cardinality(types) = 1;
    end loop;
    exit when over or cardinality(taken) >= qty;
    projects := '{}';
    types := '{}';
  end loop;
  return taken;
end
$$;
