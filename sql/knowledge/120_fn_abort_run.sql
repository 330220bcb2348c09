-- cogo.abort_run: ends a running run and removes what it wrote. The published generation is untouched.
create function cogo.abort_run(run cogo.index_runs, why text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform cogo.drop_files(array(
    select f.id from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation));
  update cogo.source_files f set dropped_by = null where f.repo_id = run.repo_id and f.dropped_by = run.generation;
  update cogo.index_runs r
     set state = 'aborted', reason = left(coalesce(why, 'aborted'), 1000), finished_at = clock_timestamp()
   where r.id = run.id;
end
$$;
