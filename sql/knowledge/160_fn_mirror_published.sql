-- cogo.mirror_published: notes in the outbox the files that a run publishes or removes, where the project has a mirror. Called by
-- index_finish before it drops the obsolete files.
create function cogo.mirror_published(run cogo.index_runs, obsolete bigint[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- a mirror that is started or stopped meanwhile waits for us, or we for it
  perform from cogo.graph_mirrors m where m.project_id = run.project_id for key share;
  if not found then
    return;
  end if;
  insert into cogo.graph_outbox (project_id, repo_id, path)
  select distinct run.project_id, run.repo_id, f.path
    from cogo.source_files f
   where f.repo_id = run.repo_id and (f.generation = run.generation or f.id = any (obsolete));
end
$$;
