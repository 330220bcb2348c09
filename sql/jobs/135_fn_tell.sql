-- cogo.tell: records one event of each of the jobs, with the same data and the attempt.
--
-- Of quiet jobs the plain turns of a life (enqueued, started, done) are not rows: cogo.job_turns reads them off the job itself, which
-- says all of it. Their trace gets one event a call, with their number. What else happens to a quiet job is a row as with any.
create function cogo.tell(ids uuid[], kind text, data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  plain  constant boolean := kind in ('job.enqueued', 'job.started', 'job.done');
  loud   boolean;
  traced boolean;
begin
  select coalesce(bool_or(not j.quiet), false), coalesce(bool_or(j.quiet and j.trace_id is not null), false) into loud, traced
    from cogo.jobs j where j.id = any (ids);
  if loud or not plain then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select j.id, j.project_id, tell.kind, tell.data || jsonb_build_object('attempt', j.attempt), j.trace_id, j.quiet
      from cogo.jobs j where j.id = any (ids) and not (plain and j.quiet) order by j.id;
  end if;
  if traced and plain then
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select j.trace_id, tell.kind, 'jobs', j.project_id, jsonb_build_object('jobs', count(*))
      from cogo.jobs j where j.id = any (ids) and j.quiet and j.trace_id is not null
     group by j.trace_id, j.project_id;
  end if;
end
$$;
