-- cogo_api.index_resume: goes on with the run of a repository that was put by (index_suspend): {run_id, generation, repo, files:[{path,
-- content_hash, extractor}]}, the files it holds already; null when there is none. One caller gets it. Needs editor (or a worker of the
-- project).
create function cogo_api.index_resume(project_id uuid, repo text, commit_sha text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs;
begin
  perform cogo.require_role(index_resume.project_id, 'editor', true);
  update cogo.index_runs r
     set reason = null, commit_sha = index_resume.commit_sha, touched_at = clock_timestamp()
    from cogo.repos h
   where h.project_id = index_resume.project_id and h.repo = index_resume.repo and r.repo_id = h.id
     and r.state = 'running' and r.reason = 'suspended'
  returning r.* into run;
  if not found then
    return null;
  end if;
  return jsonb_build_object('run_id', run.id, 'generation', run.generation, 'repo', index_resume.repo, 'files', coalesce((
    select jsonb_agg(jsonb_build_object('path', f.path, 'content_hash', f.content_hash, 'extractor', f.extractor) order by f.path)
      from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation), '[]'));
end
$$;
revoke all on function cogo_api.index_resume(uuid, text, text) from public;
grant execute on function cogo_api.index_resume(uuid, text, text) to anon, authenticated, service_role;
