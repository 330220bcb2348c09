-- cogo_api.rebuild_lane: empties the queue of a lane and fills it from cogo.jobs, in the old order; returns {lane, messages}.
-- Waits for claims in flight and holds new ones off until it is done.
-- Errors: CG002 not the server; CG003 unknown lane.
create function cogo_api.rebuild_lane(lane text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  home cogo.lanes;
  ids  uuid[];
begin
  perform cogo.require_service();
  select l.* into home from cogo.lanes l where l.name = rebuild_lane.lane for update;
  if not found then
    perform cogo.fail('CG003', 'no such lane', jsonb_build_object('lane', rebuild_lane.lane));
  end if;
  perform cogo.ensure_queue(home.queue_name);
  ids := array(
    select j.id from cogo.jobs j
     where j.lane = home.name and j.state = 'queued' and j.pinned_executor_id is null order by j.id for update);
  -- claims skip locked job rows; the table lock keeps a pop from reading half of the new list
  execute format('lock table pgmq.q_%s in exclusive mode', home.queue_name);
  execute format('delete from pgmq.q_%s', home.queue_name);
  ids := array(
    select j.id from cogo.jobs j
     where j.id = any (ids) and j.state = 'queued' and j.pinned_executor_id is null order by j.msg_id);
  execute format(
    'update cogo.jobs j set msg_id = p.msg_id from cogo.push_%s($1) p where j.id = p.job_id', home.queue_name) using ids;
  perform setval(format('cogo.low_%s', home.queue_name), 1);
  return jsonb_build_object('lane', home.name, 'messages', cardinality(ids));
end
$$;
revoke all on function cogo_api.rebuild_lane(text) from public;
grant execute on function cogo_api.rebuild_lane(text) to service_role;
