-- cogo_api.cancel: cancels a job; returns {job_id, state, cancel_requested}. One that does not run is cancelled at once; a running one
-- is asked to stop (by its next beat, and by the doorbell) and counts as cancelled when its worker reports or loses the lease.
-- Again on a cancelled job is harmless. Needs editor.
-- Errors: CG003 as readable_job; CG022 the job succeeded or is dead.
create function cogo_api.cancel(job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  job    cogo.jobs := cogo.readable_job(cancel.job_id, 'editor');
  queue  text;
begin
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = cancel.job_id;
  if job.state in ('succeeded', 'dead') then
    perform cogo.fail('CG022', format('the job is %s already', job.state), jsonb_build_object('state', job.state));
  elsif job.state = 'running' then
    if job.cancel_requested_at is null then
      update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = job.id;
      insert into cogo.job_events (job_id, project_id, kind, data)
      values (job.id, job.project_id, 'job.cancel_requested', jsonb_build_object('executor_id', job.executor_id));
      perform cogo.broadcast('agents:' || job.executor_id, 'cancel', jsonb_build_object('job_id', job.id));
    end if;
  elsif job.state <> 'cancelled' then
    update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = job.id;
    perform cogo.settle_cancelled(job.id);
    if job.msg_id is not null then
      select l.queue_name into queue from cogo.lanes l where l.name = job.lane;
      execute format('select cogo.drop_%s($1)', queue) using array[job.msg_id];
    end if;
    if job.state = 'queued' then
      perform cogo.free_slots(array[job.id]);
    end if;
  end if;
  return (select jsonb_build_object('job_id', j.id, 'state', j.state, 'cancel_requested', j.cancel_requested_at is not null)
            from cogo.jobs j where j.id = cancel.job_id);
end
$$;
revoke all on function cogo_api.cancel(uuid) from public;
grant execute on function cogo_api.cancel(uuid) to anon, authenticated, service_role;
