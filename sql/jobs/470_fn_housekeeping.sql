-- cogo.housekeeping: deletes what nobody needs any more, hourly, in bounded bites: expired idempotency keys, full rate buckets, traces and
-- their events after 30 days, job keys after their 7 days, job events after 14 days, dead jobs after 30, the history of jobs after 13 weeks, executors unseen for 30
-- days, and the run log
-- of pg_cron, which never cleans itself (a job every second writes 86,400 rows a day). Also makes the HNSW indexes
-- that have become worth it, and the jobs that delete what nobody needs from Storage.
create function cogo.housekeeping()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  moment timestamptz := clock_timestamp();
  ids    uuid[];
begin
  perform cogo.require_service();
  delete from cogo.idempotency_keys k
   where (k.principal, k.function, k.key) in (
     select x.principal, x.function, x.key from cogo.idempotency_keys x where x.expires_at < moment limit 10000);
  delete from cogo.rate_buckets b where b.bucket in (select x.bucket from cogo.rate_buckets x where x.full_at < moment - interval '1 hour' limit 10000);
  delete from cogo.bus_events e where e.id in (select x.id from cogo.bus_events x where x.created_at < moment - interval '30 days' limit 20000);
  delete from cogo.traces t where t.trace_id in (select x.trace_id from cogo.traces x where x.created_at < moment - interval '30 days' limit 10000);
  delete from cogo.job_keys k where (k.project_id, k.key) in (
    select x.project_id, x.key from cogo.job_keys x where x.expires_at < moment limit 10000);
  perform cogo.keep_partitions();
  perform cogo.move_to_history(20000);
  ids := array(select j.id from cogo.job_dead d join cogo.jobs j on j.id = d.job_id where d.at < moment - interval '30 days' limit 5000);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p using cogo.jobs j where j.id = any (ids) and p.project_id = j.project_id and p.job_id = j.id;
  delete from cogo.jobs j where j.id = any (ids);
  delete from cogo.job_batches b where b.id in (select x.id from cogo.job_batches x where x.created_at < moment - interval '91 days' limit 5000);
  delete from cogo.executors e where e.last_seen < moment - interval '30 days';
  perform cogo.clean_storage();
  perform cogo.ensure_vector_indexes();
  if to_regclass('cron.job_run_details') is not null then
    begin
      delete from cron.job_run_details d where d.end_time < moment - interval '1 day';
      delete from cron.job_run_details d
       where d.end_time < moment - interval '10 minutes' and d.status = 'succeeded' and d.jobid in (select j.jobid from cron.job j where j.jobname = 'cogo-doorbell');
    exception when insufficient_privilege or undefined_column then
      null;
    end;
  end if;
end
$$;
