-- cogo.past_job: a job of the history as a row of cogo.jobs, or none.
create function cogo.past_job(job_id uuid)
returns setof cogo.jobs
language sql
stable
set search_path = ''
as $$
  select (jsonb_populate_record(null::cogo.jobs, to_jsonb(h) - array['input', 'error', 'progress'])).*
    from cogo.jobs_history h where h.id = past_job.job_id limit 1
$$;
