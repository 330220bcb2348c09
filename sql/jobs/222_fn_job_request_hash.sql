-- cogo.job_request_hash: what makes two enqueues of one key the same input: type, payload and everything that steers the job.
-- jsonb's text form is canonical: keys sorted, numbers normalised.
create function cogo.job_request_hash(item jsonb)
returns bytea
language sql
immutable
set search_path = ''
as $$
  select sha256(convert_to(jsonb_build_array(item -> 'type', coalesce(item -> 'payload', '{}'), item -> 'band', item -> 'lane',
    item -> 'delay_s', item -> 'max_attempts', item -> 'pin', item -> 'concurrency_key', item -> 'parent_id')::text, 'UTF8'))
$$;
