-- cogo_api.pin: binds a job that does not run to one executor, or frees it (executor_id null); returns {job_id, state,
-- pinned_executor_id}. Needs editor.
-- Errors: CG003 as readable_job; CG004 malformed id; CG022 the job runs or is over.
create function cogo_api.pin(job_id uuid, executor_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job cogo.jobs := cogo.readable_job(pin.job_id, 'editor');
begin
  if pin.executor_id !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
    perform cogo.fail('CG004', 'executor_id is malformed', jsonb_build_object('field', 'executor_id'));
  end if;
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = pin.job_id;
  if not found then
    job := cogo.readable_job(pin.job_id, 'editor');
  end if;
  if job.state not in ('scheduled', 'blocked', 'queued') then
    perform cogo.fail('CG022', format('a job that is %s cannot be pinned', job.state), jsonb_build_object('state', job.state));
  end if;
  if job.state = 'queued' then
    if job.msg_id is not null then
      perform cogo.drop_messages(job.lane, array[job.msg_id]);
    end if;
    -- out of queued for a moment: queued, pin and message change together
    update cogo.jobs j set state = 'scheduled', msg_id = null, pinned_executor_id = pin.executor_id where j.id = job.id;
    perform cogo.push_jobs(array[job.id]);
  else
    update cogo.jobs j set pinned_executor_id = pin.executor_id where j.id = job.id;
    -- a pinned job has no turn to wait for
    if job.blocked_on = 'turn' and pin.executor_id is not null then
      perform cogo.push_jobs(array[job.id]);
    end if;
  end if;
  return (select jsonb_build_object('job_id', j.id, 'state', j.state, 'pinned_executor_id', j.pinned_executor_id)
            from cogo.jobs j where j.id = pin.job_id);
end
$$;
revoke all on function cogo_api.pin(uuid, text) from public;
grant execute on function cogo_api.pin(uuid, text) to anon, authenticated, service_role;
