-- cogo.check_quota: refuses jobs over what a project may have waiting (scheduled, blocked, queued). Waiting jobs are counted, not
-- kept in a counter, which every claim would have to write; the count is taken the more likely the more of the room left since the
-- last one this call would fill, so the limit is kept within a few percent at no cost far from it, and exactly near it.
-- Error: CG024.
create function cogo.check_quota(project_id uuid, jobs int)
returns void
language plpgsql
set search_path = ''
as $$
declare
  quota cogo.job_quotas;
begin
  select q.* into quota from cogo.job_quotas q where q.project_id = check_quota.project_id;
  if not found then
    insert into cogo.job_quotas (project_id) values (check_quota.project_id)
    on conflict do nothing;
    select q.* into quota from cogo.job_quotas q where q.project_id = check_quota.project_id;
  end if;
  if random() * (quota.queue_limit - quota.counted) < jobs * 10 then
    perform cogo.count_waiting(check_quota.project_id, jobs);
  end if;
end
$$;
