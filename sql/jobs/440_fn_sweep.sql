-- cogo_api.sweep: what no caller does: dead executors, expired leases, due jobs, free slots, lost messages, low watermarks. Scheduled every second; one
-- at a time (a second one returns {skipped: true}); each part takes a bounded bite. Returns {expired, dead, due, promoted, resent,
-- executors_dead}.
-- Error: CG002 not the server.
create function cogo_api.sweep()
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  moment   timestamptz := clock_timestamp();
  -- now and then from the beginning, for a claim that took longer than a minute to commit
  seen     timestamptz := case when random() < 0.02 then '-infinity' else to_timestamp((select s.last_value from cogo.leases_seen s) / 1000000.0) end;
  lapsed   jsonb;
  died     text[];
  late     uuid[];
  due      uuid[];
  promoted int;
  resent   int;
begin
  perform cogo.require_service();
  if not pg_try_advisory_xact_lock(hashtextextended('cogo.sweep', 0)) then
    return jsonb_build_object('skipped', true);
  end if;
  -- an executor that missed three beats it promised: what it holds is free at once
  with gone as (
    update cogo.executors e set dead_at = clock_timestamp()
     where e.id in (select x.id from cogo.executors x
                     where x.dead_at is null and x.stopped_at is null and x.last_seen < clock_timestamp() - make_interval(secs => 3 * x.beat_s)
                     order by x.id for update skip locked)
    returning e.id
  )
  select coalesce(array_agg(g.id), '{}') into died from gone g;
  if cardinality(died) > 0 then
    update cogo.jobs j set lease_until = moment
     where j.id in (select x.id from cogo.jobs x where x.state = 'running' and x.executor_id = any (died) order by x.id for update skip locked);
  end if;
  late := array(
    select j.id from cogo.jobs j
     where j.state = 'running' and j.lease_until <= moment and j.lease_until >= seen
     order by j.lease_until limit 500);
  due := array(select j.id from cogo.jobs j where j.state = 'scheduled' and j.run_at <= clock_timestamp() order by j.run_at limit 1000);
  -- one pass over all locks, in their order: taking the second set while holding the first could meet a finish in a circle
  perform cogo.lock_jobs(late || due);
  lapsed := cogo.expire_leases(late);
  -- also down, after the clock was set back; not past what this bite left
  if cardinality(late) < 500 and abs(extract(epoch from moment - interval '1 minute' - seen)) > 10 then
    perform setval('cogo.leases_seen', (extract(epoch from moment - interval '1 minute') * 1000000)::bigint);
  end if;
  -- again under the lock: one of them may have been cancelled meanwhile
  due := array(select j.id from cogo.jobs j where j.id = any (due) and j.state = 'scheduled' and j.run_at <= clock_timestamp());
  perform cogo.admit_jobs(due);
  promoted := cogo.fill_slots(200);
  resent := cogo.reconcile_lanes(500);
  return lapsed || jsonb_build_object('due', cardinality(due), 'promoted', promoted, 'resent', resent,
    'executors_dead', cardinality(died));
end
$$;
revoke all on function cogo_api.sweep() from public;
grant execute on function cogo_api.sweep() to service_role;
