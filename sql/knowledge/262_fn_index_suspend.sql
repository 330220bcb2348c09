-- cogo_api.index_suspend: puts a run by, so that index_resume can go on with it: what was put stays, unseen by readers, but for the
-- doubtful paths, whose last call was not answered. The run gets another id: a call that is still on its way finds nothing.
-- Returns {files}: how many wait to be published. The next index_begin of the repository gives the run up. Errors: CG003/CG031 as
-- running_run.
create function cogo_api.index_suspend(run_id uuid, doubtful text[] default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs := cogo.running_run(index_suspend.run_id);
begin
  perform cogo.drop_files(array(
    select f.id from cogo.source_files f
     where f.repo_id = run.repo_id and f.generation = run.generation and f.path = any (doubtful)));
  update cogo.index_runs r set id = gen_random_uuid(), reason = 'suspended', touched_at = clock_timestamp() where r.id = run.id;
  return jsonb_build_object('files', (
    select count(*) from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation));
end
$$;
revoke all on function cogo_api.index_suspend(uuid, text[]) from public;
grant execute on function cogo_api.index_suspend(uuid, text[]) to anon, authenticated, service_role;
