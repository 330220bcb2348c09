-- cogo_api.redrive: makes a new job from a dead one and links the two; returns {job_id, state, duplicate, redriven_from}. Again on
-- the same dead job returns the job made then (duplicate = true). Needs editor.
-- Errors: CG003 as readable_job; CG022 the job is not dead.
create function cogo_api.redrive(job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job    cogo.jobs := cogo.readable_job(redrive.job_id, 'editor');
  letter cogo.job_dead;
  made   uuid := cogo.new_job_id(clock_timestamp());
begin
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = redrive.job_id;
  if not found then
    job := cogo.readable_job(redrive.job_id, 'editor');
  end if;
  select d.* into letter from cogo.job_dead d where d.job_id = redrive.job_id;
  if job.state <> 'dead' or letter.job_id is null then
    perform cogo.fail('CG022', format('only a dead job is redriven, this one is %s', job.state), jsonb_build_object('state', job.state));
  end if;
  if letter.redriven_to is not null then
    return jsonb_build_object('job_id', letter.redriven_to, 'duplicate', true, 'redriven_from', job.id,
      'state', coalesce((select j.state from cogo.jobs j where j.id = letter.redriven_to), 'forgotten'));
  end if;
  insert into cogo.jobs (id, project_id, type, lane, band, state, max_attempts, pinned_executor_id, concurrency_key, parent_id,
                         batch_id, trace_id, redriven_from, created_by)
  values (made, job.project_id, job.type, job.lane, job.band, 'scheduled', job.max_attempts, job.pinned_executor_id,
    job.concurrency_key, job.parent_id, job.batch_id, job.trace_id, job.id, cogo.principal());
  insert into cogo.job_payloads (job_id, project_id, input, checkpoint)
  select made, p.project_id, p.input, p.checkpoint from cogo.job_payloads p
   where p.project_id = job.project_id and p.job_id = job.id;
  if job.parent_id is not null then
    update cogo.jobs p set pending_children = p.pending_children + 1 where p.id = job.parent_id;
  end if;
  perform cogo.tell(array[made], 'job.enqueued', jsonb_build_object('type', job.type, 'redriven_from', job.id));
  update cogo.job_dead d set redriven_to = made where d.job_id = job.id;
  perform cogo.admit_jobs(array[made]);
  return jsonb_build_object('job_id', made, 'duplicate', false, 'redriven_from', job.id,
    'state', (select j.state from cogo.jobs j where j.id = made));
end
$$;
revoke all on function cogo_api.redrive(uuid) from public;
grant execute on function cogo_api.redrive(uuid) to anon, authenticated, service_role;
