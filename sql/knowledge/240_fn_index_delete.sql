-- cogo_api.index_delete: marks published files that the run's commit no longer has; index_finish removes them. Also undoes an
-- index_put of the same path in this run. Returns {deleted}. Errors: CG003/CG031 as running_run.
create function cogo_api.index_delete(run_id uuid, paths text[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run    cogo.index_runs := cogo.running_run(index_delete.run_id);
  marked int;
begin
  perform cogo.drop_files(array(
    select f.id from cogo.source_files f
     where f.repo_id = run.repo_id and f.generation = run.generation and f.path = any (paths)));
  update cogo.source_files f
     set dropped_by = run.generation
   where f.repo_id = run.repo_id and f.generation < run.generation and f.path = any (paths);
  get diagnostics marked = row_count;
  update cogo.index_runs r set touched_at = clock_timestamp() where r.id = run.id;
  return jsonb_build_object('deleted', marked);
end
$$;
revoke all on function cogo_api.index_delete(uuid, text[]) from public;
grant execute on function cogo_api.index_delete(uuid, text[]) to anon, authenticated, service_role;
