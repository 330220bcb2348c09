-- cogo.tell: records one event of each of the jobs, with the same data and the attempt.
--
-- The plain turns of a life (enqueued, started, done) are no rows: cogo.job_turns reads them off the job itself, which says all of it.
-- They are told to who listens on jobs:{id} right now, and to the job's trace. Of quiet jobs (made by the dozen in one call) nobody is
-- told one by one: their trace gets one event a call, with their number. What else happens to a job is a row, and its trigger tells.
create function cogo.tell(ids uuid[], kind text, data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  topics text[];
  traced boolean;
begin
  if kind not in ('job.enqueued', 'job.started', 'job.done') then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select j.id, j.project_id, tell.kind, tell.data || jsonb_build_object('attempt', j.attempt), j.trace_id, j.quiet
      from cogo.jobs j where j.id = any (ids) order by j.id;
    return;
  end if;
  select array_agg('jobs:' || j.id) filter (where not j.quiet), bool_or(j.trace_id is not null) into topics, traced
    from cogo.jobs j where j.id = any (ids);
  -- nobody can listen on a topic before the id of the job is known
  if topics is not null and kind <> 'job.enqueued' then
    topics := cogo.heard(topics);
    if cardinality(topics) > 0 then
      perform cogo.hint('jobs:' || t.id, tell.kind,
                jsonb_build_object('id', (extract(epoch from t.at) * 1000000)::bigint, 'job_id', t.id, 'kind', tell.kind,
                  'data', tell.data || jsonb_build_object('attempt', t.attempt), 'ts', t.at))
         from (select j.id, j.attempt, case tell.kind when 'job.done' then j.finished_at else j.leased_at end as at
                 from cogo.jobs j where j.id = any (ids) and not j.quiet and 'jobs:' || j.id = any (topics) order by j.id limit 100) t;
    end if;
  end if;
  if traced then
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select j.trace_id, tell.kind, 'jobs', j.project_id, tell.data || jsonb_build_object('attempt', j.attempt, 'job_id', j.id, 'type', j.type)
      from cogo.jobs j where j.id = any (ids) and not j.quiet and j.trace_id is not null order by j.id;
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select j.trace_id, tell.kind, 'jobs', j.project_id, jsonb_build_object('jobs', count(*))
      from cogo.jobs j where j.id = any (ids) and j.quiet and j.trace_id is not null
     group by j.trace_id, j.project_id;
  end if;
end
$$;
