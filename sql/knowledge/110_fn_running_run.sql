-- cogo.running_run: locks an index run for one of its steps and returns it.
-- Errors: CG003 unknown run or a project the caller may not see, CG001/CG002 as require_role (editor, or a worker of the project),
-- CG031 the run is over (published, aborted, or overtaken by a newer index_begin).
create function cogo.running_run(run_id uuid)
returns cogo.index_runs
language plpgsql
set search_path = ''
as $$
declare
  run cogo.index_runs;
begin
  select r.* into run from cogo.index_runs r where r.id = running_run.run_id for update;
  if not found or cogo.role_in(run.project_id) is null then
    perform cogo.fail('CG003', 'no such index run', jsonb_build_object('run_id', running_run.run_id));
  end if;
  perform cogo.require_role(run.project_id, 'editor', true);
  if run.state <> 'running' then
    perform cogo.fail('CG031', format('the index run is %s: %s', run.state, coalesce(run.reason, 'finished')),
      jsonb_build_object('run_id', run.id, 'state', run.state), 'Begin a new run');
  end if;
  return run;
end
$$;
