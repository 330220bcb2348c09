-- cogo.tell: records one event of each of the jobs, with the same data.
create function cogo.tell(ids uuid[], kind text, data jsonb)
returns void
language sql
set search_path = ''
as $$
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select j.id, j.project_id, tell.kind, tell.data || jsonb_build_object('attempt', j.attempt), j.trace_id, j.quiet
    from cogo.jobs j where j.id = any (ids) order by j.id
$$;
