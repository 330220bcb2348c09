-- cogo.job_turns: the plain turns of a job's life as events: enqueued, each start, done; but those an event was stored for, as it was
-- done in earlier versions, and is for starts of failed attempts when the job moves to the history. The id of such an event is its time in microseconds, as that of a stored one is about, so they are in one order.
create function cogo.job_turns(job_id uuid)
returns table (id bigint, kind text, data jsonb, at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  job record;
begin
  select j.type, j.state, j.attempt, j.redriven_from, j.created_at, j.finished_at into job from cogo.jobs j where j.id = job_turns.job_id;
  if not found then
    select h.type, h.state, h.attempt, h.redriven_from, h.created_at, h.finished_at into job
      from cogo.jobs_history h where h.id = job_turns.job_id limit 1;
    if not found then
      return;
    end if;
  end if;
  return query
    select (extract(epoch from t.at) * 1000000)::bigint, t.kind, t.data, t.at
      from (select 'job.enqueued' as kind, jsonb_strip_nulls(jsonb_build_object('type', job.type, 'redriven_from', job.redriven_from)) as data, 0 as attempt, job.created_at as at
            union all
            select 'job.started', jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id), a.attempt, a.started_at
              from cogo.attempts a where a.job_id = job_turns.job_id
            union all
            select 'job.done', jsonb_build_object('state', job.state, 'attempt', job.attempt), job.attempt, job.finished_at where job.state = 'succeeded') t
     where not exists (
       select from cogo.job_events e
        where e.job_id = job_turns.job_id and e.kind = t.kind
          and coalesce((e.data ->> 'attempt')::int, 0) = t.attempt);
end
$$;
