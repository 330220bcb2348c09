-- cogo.count_waiting: counts what a project has waiting (scheduled, blocked, queued) and keeps the number for check_quota.
-- Error: CG024 where so many jobs more are over its limit.
create function cogo.count_waiting(project_id uuid, jobs int)
returns void
language plpgsql
set search_path = ''
as $$
declare
  quota   cogo.job_quotas;
  waiting int;
begin
  select q.* into quota from cogo.job_quotas q where q.project_id = count_waiting.project_id;
  select count(*) into waiting from (
    (select from cogo.jobs j join cogo.lanes l on l.name = j.lane
      where j.project_id = count_waiting.project_id and j.state = 'queued' and j.pinned_executor_id is null limit quota.queue_limit + 1)
    union all
    (select from cogo.lanes l join cogo.jobs j on j.lane = l.name
      where j.project_id = count_waiting.project_id and j.state = 'blocked' and j.blocked_on = 'turn' limit quota.queue_limit + 1)
    union all
    (select from cogo.jobs j
      where j.project_id = count_waiting.project_id and j.state = 'blocked' and j.blocked_on = 'slot' limit quota.queue_limit + 1)
    union all
    (select from cogo.jobs j where j.project_id = count_waiting.project_id and j.state = 'scheduled' limit quota.queue_limit + 1)) w;
  if waiting + jobs > quota.queue_limit then
    perform cogo.fail('CG024', format('the project has %s jobs waiting, of at most %s', waiting, quota.queue_limit),
      jsonb_build_object('waiting', waiting, 'limit', quota.queue_limit, 'asked', jobs),
      'Wait until some are done, or have an admin raise the limit');
  end if;
  update cogo.job_quotas q set counted = waiting + jobs, counted_at = clock_timestamp()
   where q.project_id in (select x.project_id from cogo.job_quotas x where x.project_id = count_waiting.project_id for update skip locked);
end
$$;
