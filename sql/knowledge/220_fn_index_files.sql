-- cogo_api.index_files: the published files of a repository, [{path, content_hash, extractor, surface?}] by path (surface: as graph_files): what
-- an incremental run compares with. A repository never indexed answers []. Needs viewer.
create function cogo_api.index_files(project_id uuid, repo text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(index_files.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('path', f.path, 'content_hash', f.content_hash, 'extractor', f.extractor,
             'surface', g.surface)) order by f.path)
      from cogo.repos r
      join cogo.source_files f on f.repo_id = r.id and f.generation <= r.generation
      left join cogo.graph_files g on g.file_id = f.id
     where r.project_id = index_files.project_id and r.repo = index_files.repo), '[]');
end
$$;
revoke all on function cogo_api.index_files(uuid, text) from public;
grant execute on function cogo_api.index_files(uuid, text) to anon, authenticated, service_role;
