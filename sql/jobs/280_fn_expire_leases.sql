-- cogo.expire_leases: takes back leases that ran out, of jobs the caller has locked with lock_jobs: cancelled where that was asked for,
-- dead (lease_lost) at the third loss, else queued again. Returns {expired, dead}.
create function cogo.expire_leases(late uuid[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  max_losses constant int := 3;
  job    cogo.jobs;
  again  uuid[] := '{}';
  ended  uuid[] := '{}';
  buried int := 0;
begin
  for job in
    select j.* from cogo.jobs j
     where j.id = any (late) and j.state = 'running' and j.lease_until < clock_timestamp() order by j.id
  loop
    update cogo.jobs j set lease_losses = j.lease_losses + 1 where j.id = job.id;
    if job.cancel_requested_at is not null then
      perform cogo.settle_cancelled(job.id);
      ended := ended || job.id;
    elsif job.lease_losses + 1 >= max_losses then
      perform cogo.bury_job(job.id, 'lease_lost', 'lease_lost', jsonb_build_object('code', 'lease_lost',
        'message', format('%s executors lost the lease, the last one was %s', max_losses, job.executor_id)));
      ended := ended || job.id;
      buried := buried + 1;
    else
      insert into cogo.job_events (job_id, project_id, kind, data)
      values (job.id, job.project_id, 'job.lease_lost', jsonb_build_object('attempt', job.attempt, 'executor_id', job.executor_id));
      again := again || job.id;
    end if;
    perform cogo.end_attempt(job.id, job.lease_token, 'lost');
  end loop;
  perform cogo.push_jobs(again);
  perform cogo.free_slots(ended);
  return jsonb_build_object('expired', cardinality(again) + cardinality(ended), 'dead', buried);
end
$$;
