-- cogo_api.index_dependents: the files of a run that look at one of these stems (see graph_files), or lie under one of these folders
-- ('' is all): [{path, hash}] by path. What the run has put counts instead of what it replaces; what it deleted does not.
-- Reads the repository's graph_files once. Errors: CG003/CG031 as running_run.
create function cogo_api.index_dependents(run_id uuid, stems text[], folders text[] default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs := cogo.running_run(index_dependents.run_id);
begin
  return coalesce((
    select jsonb_agg(jsonb_build_object('path', f.path, 'hash', g.hash) order by f.path)
      from cogo.source_files f
      join cogo.graph_files g on g.file_id = f.id
     where f.repo_id = run.repo_id and g.hash is not null and f.dropped_by is distinct from run.generation
       and (g.looks_at && index_dependents.stems
            or exists (select from unnest(index_dependents.folders) d where starts_with(f.path, d)))
       and (f.generation = run.generation
            or not exists (select from cogo.source_files n
                            where n.repo_id = run.repo_id and n.generation = run.generation and n.path = f.path))), '[]');
end
$$;
revoke all on function cogo_api.index_dependents(uuid, text[], text[]) from public;
grant execute on function cogo_api.index_dependents(uuid, text[], text[]) to anon, authenticated, service_role;
