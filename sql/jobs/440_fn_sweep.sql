-- cogo_api.sweep: what no caller does: expired leases, due jobs, free slots, lost messages, low watermarks. Scheduled every 5 s; one
-- at a time (a second one returns {skipped: true}); each part takes a bounded bite. Returns {expired, dead, due, promoted, resent}.
-- Error: CG002 not the server.
create function cogo_api.sweep()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  lapsed   jsonb;
  late     uuid[];
  due      uuid[];
  promoted int;
  resent   int;
begin
  perform cogo.require_service();
  if not pg_try_advisory_xact_lock(hashtextextended('cogo.sweep', 0)) then
    return jsonb_build_object('skipped', true);
  end if;
  late := array(select j.id from cogo.jobs j where j.state = 'running' and j.lease_until < clock_timestamp() order by j.id limit 500);
  due := array(select j.id from cogo.jobs j where j.state = 'scheduled' and j.run_at <= clock_timestamp() order by j.run_at limit 1000);
  -- one pass over all locks, in their order: taking the second set while holding the first could meet a finish in a circle
  perform cogo.lock_jobs(late || due);
  lapsed := cogo.expire_leases(late);
  -- again under the lock: one of them may have been cancelled meanwhile
  due := array(select j.id from cogo.jobs j where j.id = any (due) and j.state = 'scheduled' and j.run_at <= clock_timestamp());
  perform cogo.admit_jobs(due);
  promoted := cogo.fill_slots(200);
  resent := cogo.reconcile_lanes(500);
  return lapsed || jsonb_build_object('due', cardinality(due), 'promoted', promoted, 'resent', resent);
end
$$;
revoke all on function cogo_api.sweep() from public;
grant execute on function cogo_api.sweep() to service_role;
