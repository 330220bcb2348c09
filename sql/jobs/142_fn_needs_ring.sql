-- cogo.needs_ring: whether jobs of an executor kind wait that an edge consumer could do, and no live executor of a server or a
-- developer has a slot free for them. Cheap when nothing waits: the lanes' own look, one statement.
create function cogo.needs_ring(executor text, types text[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  lanes    text[] := array(select o.name from cogo.open_lanes(needs_ring.executor) o);
  exact    text[];
  prefixes text[];
  idle     cogo.executors[];
begin
  if cardinality(lanes) = 0 then
    return false;
  end if;
  idle := array(
    select e from cogo.executors e
     where e.kind = needs_ring.executor and not e.draining and e.dead_at is null and e.id not like '%.edge.%'
       and e.last_seen > clock_timestamp() - make_interval(secs => 3 * coalesce(e.beat_s, 10))
       and (select count(*) from cogo.jobs j where j.state = 'running' and j.executor_id = e.id)
           < coalesce((e.info ->> 'slots')::numeric, 1));
  if types is not null then
    exact := array(select t from unnest(types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(types) t where t like '%.*');
  end if;
  return exists (
    select from cogo.jobs j
     where j.lane = any (lanes)
       and (j.state = 'queued' and j.pinned_executor_id is null or j.state = 'blocked' and j.blocked_on = 'turn')
       and (types is null or j.type = any (exact) or j.type like any (prefixes))
       and not exists (
         select from unnest(idle) e
          where (e.project_id is null or e.project_id = j.project_id)
            and (coalesce(jsonb_typeof(e.info -> 'types'), 'null') <> 'array' or exists (
              select from jsonb_array_elements_text(e.info -> 'types') t
               where t = j.type or t like '%.*' and starts_with(j.type, left(t, -1))))));
end
$$;
