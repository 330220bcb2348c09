-- cogo.expire_leases: takes back leases that ran out, of jobs the caller has locked with lock_jobs: cancelled where that was asked for,
-- dead (lease_lost) at the third loss, else queued again. Returns {expired, dead}.
create function cogo.expire_leases(late uuid[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  max_losses constant int := 3;
  again     uuid[];
  cancelled uuid[];
  spent     uuid[];
begin
  if cardinality(late) = 0 then
    return '{"expired": 0, "dead": 0}';
  end if;
  select coalesce(array_agg(j.id) filter (where j.cancel_requested_at is not null), '{}'),
         coalesce(array_agg(j.id) filter (where j.cancel_requested_at is null and j.lease_losses + 1 >= max_losses), '{}'),
         coalesce(array_agg(j.id) filter (where j.cancel_requested_at is null and j.lease_losses + 1 < max_losses), '{}')
    into cancelled, spent, again
    from cogo.jobs j where j.id = any (late) and j.state = 'running' and j.lease_until <= clock_timestamp();
  late := cancelled || spent || again;
  if cardinality(late) = 0 then
    return '{"expired": 0, "dead": 0}';
  end if;
  perform cogo.close_attempts(late, 'lost');
  update cogo.jobs j set lease_losses = j.lease_losses + 1 where j.id = any (late);
  perform cogo.settle_cancelled(cancelled);
  perform cogo.bury_job(s.id, 'lease_lost', 'lease_lost', jsonb_build_object('code', 'lease_lost',
            'message', format('%s executors lost the lease, the last one was %s', max_losses, j.executor_id)))
     from unnest(spent) as s(id) join cogo.jobs j on j.id = s.id;
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select j.id, j.project_id, 'job.lease_lost', jsonb_build_object('attempt', j.attempt, 'executor_id', j.executor_id), j.trace_id, j.quiet
    from cogo.jobs j where j.id = any (again) order by j.id;
  perform cogo.push_jobs(again);
  perform cogo.jobs_over(cancelled || spent, cancelled || spent);
  return jsonb_build_object('expired', cardinality(late), 'dead', cardinality(spent));
end
$$;
