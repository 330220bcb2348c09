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
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  items cogo.fenced_item[] := cogo.fenced(failures);
  item  record;
  job   cogo.jobs;
  error jsonb;
  delay double precision;
  held  uuid[] := '{}';
  over  uuid[] := '{}';
begin
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    error := coalesce(item.body -> 'error', '{}');
    perform cogo.close_attempts(array[item.job_id], case when item.cancel_requested then 'cancelled' else 'failed' end, error);
    update cogo.jobs j set failures = j.failures + 1 where j.id = item.job_id returning j.* into job;
    update cogo.job_payloads p set error = item.body -> 'error' where p.project_id = job.project_id and p.job_id = job.id;
    held := held || item.job_id;
    if item.cancel_requested then
      perform cogo.settle_cancelled(array[item.job_id]);
      over := over || item.job_id;
    elsif not coalesce((item.body ->> 'retryable')::boolean, true) then
      perform cogo.bury_job(job.id, error ->> 'reason', 'validation_failed', error);
      over := over || item.job_id;
    elsif job.failures >= job.max_attempts then
      perform cogo.bury_job(job.id, 'exhausted_retries', 'exhausted_retries', error);
      over := over || item.job_id;
    else
      delay := coalesce(
        least(greatest((item.body ->> 'retry_after_s')::double precision, 0), 2592000),
        random() * least(60, 0.5 * power(2, job.failures - 1)));
      update cogo.jobs j
         set state = 'scheduled', run_at = clock_timestamp() + make_interval(secs => delay), lease_token = null, lease_until = null
       where j.id = job.id;
      perform cogo.tell(array[job.id], 'job.retry',
        jsonb_build_object('failures', job.failures, 'delay_s', round(delay::numeric, 3), 'error', error));
    end if;
  end loop;
  perform cogo.jobs_over(over, held);
  return cogo.verdicts(items);
exception
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'retryable must be true or false, retry_after_s a number', jsonb_build_object('reason', sqlerrm));
end
$$;
revoke all on function cogo_api.fail(jsonb) from public;
grant execute on function cogo_api.fail(jsonb) to anon, authenticated, service_role;
