-- cogo_api.cancel: cancels a job; returns {job_id, state, cancel_requested}. One that does not run is cancelled at once; a running one
-- is asked to stop (by its next beat, and by the doorbell) and counts as cancelled when its worker reports or loses the lease.
-- Again on a cancelled job is harmless. Children go on. Needs editor.
-- Errors: CG003 as readable_job; CG022 the job succeeded or is dead.
create function cogo_api.cancel(job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(cancel.job_id, 'editor');
begin
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = job.id;
  if not found then
    job := cogo.readable_job(cancel.job_id, 'editor');
  end if;
  if job.state in ('succeeded', 'dead') then
    perform cogo.fail('CG022', format('the job is %s already', job.state), jsonb_build_object('state', job.state));
  elsif job.state = 'running' then
    if job.cancel_requested_at is null then
      update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = job.id;
      perform cogo.tell(array[job.id], 'job.cancel_requested', jsonb_build_object('executor_id', job.executor_id));
      perform cogo.broadcast('agents:' || job.executor_id, 'cancel', jsonb_build_object('job_id', job.id));
    end if;
  elsif job.state <> 'cancelled' then
    update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = job.id;
    perform cogo.settle_cancelled(array[job.id]);
    if job.msg_id is not null then
      perform cogo.drop_messages(job.lane, array[job.msg_id]);
    end if;
    perform cogo.jobs_over(array[job.id], case when job.state = 'queued' then array[job.id] else '{}' end);
  end if;
  job := cogo.readable_job(cancel.job_id, 'editor');
  return jsonb_build_object('job_id', job.id, 'state', job.state, 'cancel_requested', job.cancel_requested_at is not null);
end
$$;
revoke all on function cogo_api.cancel(uuid) from public;
grant execute on function cogo_api.cancel(uuid) to anon, authenticated, service_role;
