-- cogo_api.job_status: {job_id, project_id, type, state, attempt, failures, lease_losses, releases, max_attempts, progress, result,
-- error, reason, created_at, run_at, started_at, finished_at, trace_id, executor_id, pinned_executor_id, parent_id, redriven_from,
-- redriven_to, cancel_requested}. reason: why a dead job is dead. Needs viewer. Error: CG003.
create function cogo_api.job_status(job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(job_status.job_id, 'viewer');
begin
  return (
    select cogo.job_json(job) || jsonb_build_object(
             'progress', coalesce(p.progress, h.progress), 'result', job.result, 'error', coalesce(p.error, h.error),
             'reason', d.reason, 'redriven_to', d.redriven_to)
      from (select job.id, job.project_id) j
      left join cogo.job_payloads p on p.project_id = j.project_id and p.job_id = j.id
      left join cogo.jobs_history h on h.id = j.id and p.job_id is null
      left join cogo.job_dead d on d.job_id = j.id);
end
$$;
revoke all on function cogo_api.job_status(uuid) from public;
grant execute on function cogo_api.job_status(uuid) to anon, authenticated, service_role;
