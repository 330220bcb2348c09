-- cogo.sound_job: whether a row of cogo.jobs is one that its state may have: the check of the table. One function of the whole row,
-- because CHECK constraints are parsed anew by every statement that writes: ten of them were most of the cost of a single update.
-- It names nothing but what Postgres has built in, so it pins no search path, which would cost a row as much as the rest of it.
create function cogo.sound_job(job cogo.jobs)
returns boolean
language plpgsql
immutable
as $$
begin
  return coalesce(case job.state
    when 'running' then num_nulls(job.lease_token, job.lease_until, job.executor_id, job.lease_s) = 0
      and num_nonnulls(job.msg_id, job.blocked_on, job.finished_at) = 0
    when 'succeeded' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    when 'queued' then (job.pinned_executor_id is null) = (job.msg_id is not null)
      and num_nonnulls(job.lease_token, job.lease_until, job.blocked_on, job.finished_at) = 0
    when 'blocked' then (job.blocked_on in ('children', 'turn') or job.blocked_on = 'slot' and job.concurrency_key is not null)
      and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.finished_at) = 0
    when 'scheduled' then num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on, job.finished_at) = 0
    when 'cancelled' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    when 'dead' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    end and least(job.attempt, job.failures, job.lease_losses, job.releases, job.pending_children) >= 0
      and job.max_attempts between 1 and 50, false);
end
$$;
