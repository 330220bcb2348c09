-- cogo_api.index_begin: opens the next generation of a repository and returns {run_id, generation, repo}.
-- A run of the same repository that is still open is aborted first: its writer died or lost; its later calls raise CG031.
-- Needs editor (or a worker of the project). Errors: as require_role; CG004 bad repo name.
create function cogo_api.index_begin(project_id uuid, repo text, commit_sha text default null, meta jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  home cogo.repos;
  old  cogo.index_runs;
  run  cogo.index_runs;
begin
  perform cogo.require_role(index_begin.project_id, 'editor', true);
  if coalesce(length(index_begin.repo), 0) not between 1 and 400 then
    perform cogo.fail('CG004', 'repo must have 1 to 400 characters', jsonb_build_object('field', 'repo'));
  end if;
  insert into cogo.repos as r (project_id, repo) values (index_begin.project_id, index_begin.repo)
  on conflict on constraint repos_name_key do nothing;
  -- the row lock makes two begins of one repository take turns
  select r.* into home from cogo.repos r
   where r.project_id = index_begin.project_id and r.repo = index_begin.repo for update;
  for old in select r.* from cogo.index_runs r where r.repo_id = home.id and r.state = 'running' for update loop
    perform cogo.abort_run(old, 'overtaken by a newer run');
  end loop;
  insert into cogo.index_runs as r (project_id, repo_id, generation, commit_sha, meta)
  values (index_begin.project_id, home.id,
    greatest(home.generation, coalesce((select max(x.generation) from cogo.index_runs x where x.repo_id = home.id), 0)) + 1,
    index_begin.commit_sha, coalesce(index_begin.meta, '{}'))
  returning r.* into run;
  return jsonb_build_object('run_id', run.id, 'generation', run.generation, 'repo', home.repo);
end
$$;
revoke all on function cogo_api.index_begin(uuid, text, text, jsonb) from public;
grant execute on function cogo_api.index_begin(uuid, text, text, jsonb) to anon, authenticated, service_role;
