-- cogo_api.fail: records failed attempts; returns [{job_id, verdict, state}] by job id.
-- failures: [{job_id, token, error:{code, message, reason?}, retryable, retry_after_s?}].
-- A retryable failure is tried again after retry_after_s, or after a full-jitter backoff: random() * least(60, 0.5 * 2^(failures - 1))
-- seconds; when max_attempts failures are spent the job is dead (exhausted_retries). One that is not retryable is dead at once, with
-- error.reason where that is a dead-letter reason, else validation_failed.
-- Errors: CG001/CG002/CG000 as fenced.
create function cogo_api.fail(failures jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  item   record;
  job    cogo.jobs;
  error  jsonb;
  delay  double precision;
  answer jsonb := '[]';
  ended  uuid[] := '{}';
begin
  for item in select * from cogo.fenced(failures) loop
    if not item.held then
      answer := answer || cogo.verdict(item.job_id, 'lost');
      continue;
    end if;
    error := coalesce(item.body -> 'error', '{}');
    update cogo.jobs j set failures = j.failures + 1 where j.id = item.job_id returning j.* into job;
    update cogo.job_payloads p set error = item.body -> 'error' where p.job_id = item.job_id;
    if item.cancel_requested then
      perform cogo.settle_cancelled(item.job_id);
      perform cogo.end_attempt(item.job_id, item.token, 'cancelled', error);
      answer := answer || cogo.verdict(item.job_id, 'cancelled');
    else
      if not coalesce((item.body ->> 'retryable')::boolean, true) then
        perform cogo.bury_job(job.id, error ->> 'reason', 'validation_failed', error);
      elsif job.failures >= job.max_attempts then
        perform cogo.bury_job(job.id, 'exhausted_retries', 'exhausted_retries', error);
      else
        delay := coalesce(
          least(greatest((item.body ->> 'retry_after_s')::double precision, 0), 2592000),
          random() * least(60, 0.5 * power(2, job.failures - 1)));
        update cogo.jobs j
           set state = 'scheduled', run_at = clock_timestamp() + make_interval(secs => delay), lease_token = null, lease_until = null
         where j.id = job.id;
        insert into cogo.job_events (job_id, project_id, kind, data)
        values (job.id, job.project_id, 'job.retry',
          jsonb_build_object('attempt', job.attempt, 'failures', job.failures, 'delay_s', round(delay::numeric, 3), 'error', error));
      end if;
      perform cogo.end_attempt(item.job_id, item.token, 'failed', error);
      answer := answer || cogo.verdict(item.job_id, 'ok');
    end if;
    ended := ended || item.job_id;
  end loop;
  perform cogo.free_slots(ended);
  return answer;
end
$$;
revoke all on function cogo_api.fail(jsonb) from public;
grant execute on function cogo_api.fail(jsonb) to anon, authenticated, service_role;
