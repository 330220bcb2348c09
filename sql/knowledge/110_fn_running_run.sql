-- cogo.running_run: locks an index run for one of its steps and returns it.
-- Errors: CG003 unknown run or a project the caller may not see, CG001/CG002 as require_role (editor, or a worker of the project),
-- CG031 the run is over (published, aborted, overtaken by a newer index_begin, or gone on with by somebody else).
create function cogo.running_run(run_id uuid)
returns cogo.index_runs
language plpgsql
set search_path = ''
as $$
declare
  run cogo.index_runs;
begin
  select r.* into run from cogo.index_runs r where r.id = running_run.run_id for update;
  if not found then
    select r.* into run from cogo.index_runs r where running_run.run_id = any (r.former_ids);
    if found and cogo.role_in(run.project_id) is not null then
      perform cogo.fail('CG031', 'the index run was taken over by another', jsonb_build_object('run_id', running_run.run_id), 'Begin a new run');
    end if;
    run := null;
  end if;
  if run.id is null or cogo.role_in(run.project_id) is null then
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
