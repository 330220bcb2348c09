-- cogo.end_attempt: closes the open attempt of a job with its outcome.
create function cogo.end_attempt(job_id uuid, token bigint, outcome text, error jsonb default null)
returns void
language sql
set search_path = ''
as $$
  update cogo.job_attempts a
     set ended_at = clock_timestamp(), outcome = end_attempt.outcome, error = end_attempt.error
   where a.job_id = end_attempt.job_id and a.lease_token = end_attempt.token and a.ended_at is null
$$;
