-- cogo.bury_job: makes a locked job dead, with a reason, and writes it to the dead letters. An unknown reason becomes fallback.
create function cogo.bury_job(job_id uuid, reason text, fallback text, error jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  known text := case when reason in ('parse_error', 'validation_failed', 'dependency_unavailable', 'timeout', 'exhausted_retries',
    'policy_violation', 'infrastructure_failure', 'compensation_failed', 'lease_lost') then reason else fallback end;
  home  uuid;
begin
  update cogo.jobs j
     set state = 'dead', blocked_on = null, finished_at = clock_timestamp(), lease_token = null, lease_until = null, msg_id = null
   where j.id = bury_job.job_id
  returning j.project_id into home;
  insert into cogo.job_dead (job_id, project_id, reason, error) values (bury_job.job_id, home, known, bury_job.error);
  perform cogo.tell(array[bury_job.job_id], 'job.error', jsonb_build_object('state', 'dead', 'reason', known, 'error', bury_job.error));
end
$$;
