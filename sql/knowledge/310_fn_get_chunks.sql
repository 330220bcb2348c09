-- cogo_api.get_chunks: published chunks by id, in the order asked for, at most 500; ids the project does not show are left out.
-- Needs viewer.
create function cogo_api.get_chunks(project_id uuid, ids bigint[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(get_chunks.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(cogo.chunk_json(c, f, r) order by wanted.nth)
      from unnest(get_chunks.ids[1:500]) with ordinality as wanted(id, nth)
      join cogo.chunks c on c.id = wanted.id and c.project_id = get_chunks.project_id
      join cogo.source_files f on f.id = c.file_id
      join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation), '[]');
end
$$;
revoke all on function cogo_api.get_chunks(uuid, bigint[]) from public;
grant execute on function cogo_api.get_chunks(uuid, bigint[]) to anon, authenticated, service_role;
