-- cogo.verdict: one answer of finish, fail and release: [{job_id, verdict, state}]. A lost attempt learns no state: it may be another
-- project's job.
create function cogo.verdict(job_id uuid, verdict text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_array(jsonb_build_object('job_id', verdict.job_id, 'verdict', verdict.verdict,
    'state', case when verdict.verdict <> 'lost' then (select j.state from cogo.jobs j where j.id = verdict.job_id) end))
$$;
