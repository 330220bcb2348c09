-- cogo.lease_jobs: gives locked jobs to an executor: running, a new token. Returns what claim answers, as the text of a JSON array: to
-- build each job as jsonb, then the array, then the answer of turn, then its text costs as much as the lease. steps and children are
-- there where a job has them, which a first attempt has not.
-- The token is the clock's microseconds and two digits that jobs leased in the same one differ by: a claim may be forgotten by a crash
-- (see claim), and the sequence with it, but no later attempt may get its token.
create function cogo.lease_jobs(ids uuid[], executor_id text, lease_s int)
returns text
language plpgsql
set search_path = ''
as $$
declare
  moment  timestamptz := clock_timestamp();
  heard   boolean;
  answer  text;
begin
  with leased as (
    update cogo.jobs j
       set state = 'running', blocked_on = null, attempt = j.attempt + 1, msg_id = null, executor_id = lease_jobs.executor_id,
           lease_token = (extract(epoch from clock_timestamp()) * 1000000)::bigint * 100 + nextval('cogo.lease_tokens') % 100,
           lease_s = lease_jobs.lease_s, lease_until = moment + make_interval(secs => lease_jobs.lease_s), leased_at = moment,
           started_at = coalesce(j.started_at, moment)
     where j.id = any (ids)
    returning j.id, j.project_id, j.type, j.attempt, j.lease_token, j.trace_id, j.quiet, j.band, j.pinned_executor_id,
              j.cancel_requested_at
  )
  select '[' || string_agg(concat(
           '{"job_id":"', l.id, '","token":"', l.lease_token, '","attempt":', l.attempt, ',"type":', to_json(l.type),
           ',"payload":', coalesce(p.input, 'null'), ',"checkpoint":', coalesce(p.checkpoint, 'null'), ',"project_id":"', l.project_id,
           '","trace_id":', coalesce(to_json(l.trace_id), 'null'), ',"lease_s":', lease_jobs.lease_s,
           ',"cancel_requested":', to_json(l.cancel_requested_at is not null),
           -- its members without the braces
           case when l.attempt > 1 then ',' || nullif(trim(leading '{' from left(cogo.earlier_work(l.id)::text, -1)), '') end, '}'), ','
           order by l.pinned_executor_id is null, l.band, l.id) || ']',
         bool_or(not l.quiet or l.trace_id is not null)
    into answer, heard
    from leased l left join cogo.job_payloads p on p.project_id = l.project_id and p.job_id = l.id;
  if heard then
    perform cogo.tell(ids, 'job.started', jsonb_build_object('executor_id', lease_jobs.executor_id));
  end if;
  return answer;
end
$$;
