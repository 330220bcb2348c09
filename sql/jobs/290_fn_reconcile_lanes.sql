-- cogo.reconcile_lanes: moves low watermarks up to where the queues begin, and takes back the mark of a backlog that is gone. Once in
-- 15 s a lane it re-sends queued jobs whose message is gone (a purge, a lost queue table) or lies below the watermark (a slow
-- transaction took its id long before it committed). Returns how many were re-sent.
create function cogo.reconcile_lanes(lim int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  slack constant bigint := 500;
  lane   record;
  head   record;
  lost   uuid[];
  oldest timestamptz;
  waits  boolean;
  made   int := 0;
begin
  for lane in
    select l.name, l.queue_name, l.backlog, l.reconciled_at < clock_timestamp() - interval '15 seconds' as due
      from cogo.lanes l order by l.name
  loop
    -- of a lane without a mark only what came since the watermark, which moves along: it costs the same after any number of jobs
    waits := cogo.has_backlog(lane.name, every => lane.backlog or lane.due);
    if lane.backlog and not waits then
      -- whoever adds to it now has marked it already and would lose the mark, so only where that holds still under the lock
      update cogo.lanes l set backlog = false
       where l.name in (select x.name from cogo.lanes x where x.name = lane.name for update skip locked)
         and not cogo.has_backlog(lane.name, every => true);
    elsif not lane.backlog and waits then
      perform cogo.mark_backlog(array[lane.name]);
    end if;
    oldest := null;
    if lane.backlog then
      -- the oldest of each project and type, found without the watermark; where there are too many to look at all, no watermark
      select case when count(*) < 1000 then min(w.run_at) else to_timestamp(3) end into oldest
        from cogo.waiting_turns(lane.name) w;
    end if;
    if lane.backlog or not waits and cogo.turn(lane.name) < (extract(epoch from clock_timestamp() - interval '10 seconds') * 1000000)::bigint then
      perform setval(format('cogo.turn_%s', lane.queue_name),
        greatest(1, (extract(epoch from coalesce(oldest, clock_timestamp()) - interval '2 seconds') * 1000000)::bigint));
    end if;
    perform cogo.ensure_queue(lane.queue_name);
    execute format('select h.oldest, h.newest from cogo.head_%s() h', lane.queue_name) into head;
    if coalesce(head.oldest, head.newest) - slack > cogo.low(lane.name) then
      perform setval(format('cogo.low_%s', lane.queue_name), coalesce(head.oldest, head.newest) - slack);
    end if;
    continue when not lane.due;
    execute format('select cogo.lost_%s($1)', lane.queue_name) into lost using lim;
    if cardinality(lost) > 0 then
      perform cogo.push_jobs(lost);
      made := made + cardinality(lost);
    end if;
    update cogo.lanes l set reconciled_at = clock_timestamp() where l.name = lane.name;
  end loop;
  return made;
end
$$;
