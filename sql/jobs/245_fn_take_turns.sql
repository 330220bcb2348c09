-- cogo.take_turns: jobs that wait for their turn: the projects of the lane one after the other, and in a project its types, each
-- oldest first. Returns the jobs, locked. Waits for nothing. Up to 500 of these are looked at, from a random project on; what it costs
-- does not depend on how many jobs wait.
create function cogo.take_turns(lane text, project_id uuid, every_type boolean, exact text[], prefixes text[], qty int)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  start    uuid := gen_random_uuid();
  low      timestamptz := to_timestamp(cogo.turn(lane) / 1000000.0);
  projects uuid[];
  types    text[];
  more     uuid[];
  taken    uuid[] := '{}';
begin
  with recursive waiting as (
    (select j.project_id, j.type, 1 as n from cogo.jobs j
      where j.lane = take_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
        and (take_turns.project_id is null or j.project_id = take_turns.project_id)
      order by j.project_id, j.type limit 1)
    union all
    select f.project_id, f.type, w.n + 1
      from waiting w
     cross join lateral (
       select j.project_id, j.type from cogo.jobs j
        where j.lane = take_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
          and (j.project_id, j.type) > (w.project_id, w.type)
          and (take_turns.project_id is null or j.project_id = take_turns.project_id)
        order by j.project_id, j.type limit 1) f
     where w.n < 500
  )
  select array_agg(w.project_id order by w.project_id < start, w.project_id, w.type),
         array_agg(w.type order by w.project_id < start, w.project_id, w.type)
    into projects, types
    from waiting w where every_type or w.type = any (exact) or w.type like any (prefixes);
  while projects is not null and cardinality(taken) < qty loop
    select array_agg(x.id order by x.nth, x.run_at, x.id) into more
      from (select j.id, j.run_at, g.nth
              from unnest(projects, types) with ordinality g(project_id, type, nth)
             cross join lateral (
               select j.id, j.run_at from cogo.jobs j
                where j.lane = take_turns.lane and j.project_id = g.project_id and j.type = g.type
                  and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low and not (j.id = any (taken))
                order by j.run_at, j.id
                limit greatest((qty - cardinality(taken)) / cardinality(projects), 1)
                  for update skip locked) j
             limit qty - cardinality(taken)) x;
    exit when more is null;
    taken := taken || more;
    exit when cardinality(projects) = 1;
  end loop;
  return taken;
end
$$;
