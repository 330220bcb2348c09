-- cogo_api.index_suspend: puts a run by, so that index_resume can go on with it: what was put stays, unseen by readers. The run gets
-- another id: a call that is still on its way is refused. A writer that dies without this is gone on with all the same.
-- Returns {files}: how many wait to be published. The next index_begin of the repository gives the run up. Errors: CG003/CG031 as
-- running_run.
create function cogo_api.index_suspend(run_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs := cogo.running_run(index_suspend.run_id);
begin
  update cogo.index_runs r
     set id = gen_random_uuid(), former_ids = r.former_ids || r.id, reason = 'suspended', touched_at = clock_timestamp()
   where r.id = run.id;
  return jsonb_build_object('files', (
    select count(*) from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation));
end
$$;
revoke all on function cogo_api.index_suspend(uuid) from public;
grant execute on function cogo_api.index_suspend(uuid) to anon, authenticated, service_role;
