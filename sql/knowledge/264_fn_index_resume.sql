-- cogo_api.index_resume: goes on with the open run of a repository, put by (index_suspend) or left by a writer that died: {run_id,
-- generation, repo, files:[{path, content_hash, extractor}]}, the files it holds already; null when there is none. Each of them is whole,
-- for index_put is atomic; whether it is still true, its hash says. One that is not dead loses its run, as with index_begin: the run
-- gets another id. What it marked for deletion is forgotten. Needs editor (or a worker of the project).
create function cogo_api.index_resume(project_id uuid, repo text, commit_sha text default null, meta jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs;
begin
  perform cogo.require_role(index_resume.project_id, 'editor', true);
  -- the row lock makes it and index_begin take turns
  perform from cogo.repos h where h.project_id = index_resume.project_id and h.repo = index_resume.repo for update;
  update cogo.index_runs r
     set id = gen_random_uuid(), former_ids = r.former_ids || r.id, reason = null, commit_sha = index_resume.commit_sha,
         meta = coalesce(index_resume.meta, '{}'), touched_at = clock_timestamp()
    from cogo.repos h
   where h.project_id = index_resume.project_id and h.repo = index_resume.repo and r.repo_id = h.id and r.state = 'running'
  returning r.* into run;
  if not found then
    return null;
  end if;
  update cogo.source_files f set dropped_by = null where f.repo_id = run.repo_id and f.dropped_by = run.generation;
  return jsonb_build_object('run_id', run.id, 'generation', run.generation, 'repo', index_resume.repo, 'files', coalesce((
    select jsonb_agg(jsonb_build_object('path', f.path, 'content_hash', f.content_hash, 'extractor', f.extractor) order by f.path)
      from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation), '[]'));
end
$$;
revoke all on function cogo_api.index_resume(uuid, text, text, jsonb) from public;
grant execute on function cogo_api.index_resume(uuid, text, text, jsonb) to anon, authenticated, service_role;
