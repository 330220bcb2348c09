-- cogo_api.list_dead: the dead letters of a project, newest first, of one reason or type where given, at most 500: [{job_id, type,
-- reason, error, at, attempt, failures, lease_losses, executor_id, redriven_to}]. redriven_to: the job that redrive made of it.
-- Needs viewer. Error: CG003.
create function cogo_api.list_dead(project_id uuid, reason text default null, type text default null, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(list_dead.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', d.job_id, 'type', d.type, 'reason', d.reason, 'error', d.error, 'at', d.at,
             'attempt', d.attempt, 'failures', d.failures, 'lease_losses', d.lease_losses, 'executor_id', d.executor_id,
             'redriven_to', d.redriven_to) order by d.at desc, d.job_id desc)
      from (select x.job_id, j.type, x.reason, x.error, x.at, j.attempt, j.failures, j.lease_losses, j.executor_id, x.redriven_to
              from cogo.job_dead x join cogo.jobs j on j.id = x.job_id
             where x.project_id = list_dead.project_id
               and (list_dead.reason is null or x.reason = list_dead.reason)
               and (list_dead.type is null or j.type = list_dead.type)
             order by x.at desc, x.job_id desc
             limit least(greatest(coalesce(lim, 50), 1), 500)) d), '[]');
end
$$;
revoke all on function cogo_api.list_dead(uuid, text, text, int) from public;
grant execute on function cogo_api.list_dead(uuid, text, text, int) to anon, authenticated, service_role;
