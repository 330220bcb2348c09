-- cogo.reconcile_lanes: once in 30 s a lane: moves its low watermark up, and re-sends queued jobs whose message is gone (a purge, a lost
-- queue table) or lies below the watermark (a slow transaction took its id long before it committed). Returns how many were re-sent.
create function cogo.reconcile_lanes(lim int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  -- ids a slow enqueue may lie behind; costs a claim this many dead rows at most
  slack constant bigint := 1000;
  lane   cogo.lanes;
  head   record;
  adrift uuid[];
  made   int := 0;
begin
  for lane in
    select l.* from cogo.lanes l where l.reconciled_at < clock_timestamp() - interval '30 seconds' order by l.name for update skip locked
  loop
    perform cogo.ensure_queue(lane.queue_name);
    execute format('select h.oldest, h.newest from cogo.head_%s() h', lane.queue_name) into head;
    update cogo.lanes l
       set low_msg_id = greatest(l.low_msg_id, coalesce(head.oldest, head.newest) - slack), reconciled_at = clock_timestamp()
     where l.name = lane.name
    returning l.* into lane;
    execute format(
      'select array(
         select j.id from cogo.jobs j
          where j.lane = $1 and j.state = ''queued'' and j.pinned_executor_id is null
            and j.queued_at < clock_timestamp() - interval ''10 seconds''
            and (j.msg_id < $2 or not exists (select from pgmq.q_%s q where q.msg_id = j.msg_id))
          order by j.id limit $3 for update skip locked)', lane.queue_name)
      into adrift using lane.name, lane.low_msg_id, lim;
    if cardinality(adrift) > 0 then
      perform cogo.push_jobs(adrift);
      made := made + cardinality(adrift);
    end if;
  end loop;
  return made;
end
$$;
