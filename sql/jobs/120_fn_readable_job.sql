-- cogo.readable_job: the job, also one that was moved to the history, for a caller whose role in its project reaches minimum. Error: CG003 unknown or not the caller's to
-- see; CG001/CG002 as require_role.
create function cogo.readable_job(job_id uuid, minimum text)
returns cogo.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  job cogo.jobs;
begin
  select j.* into job from cogo.jobs j where j.id = readable_job.job_id;
  if not found then
    select j.* into job from cogo.past_job(readable_job.job_id) j;
  end if;
  if job.id is null or cogo.role_in(job.project_id) is null then
    perform cogo.fail('CG003', 'no such job', jsonb_build_object('job_id', readable_job.job_id));
  end if;
  perform cogo.require_role(job.project_id, minimum);
  return job;
end
$$;
