-- cogo_api.span_chunks: the published chunks of a file that hold any of the given lines, in order: chunk_json, at most 100. repo: the
-- repository, where several have the path (else the first by name). A path nobody indexed answers []. Needs viewer.
create function cogo_api.span_chunks(project_id uuid, path text, first_line int default 1, last_line int default 2147483647, repo text default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  file bigint;
begin
  perform cogo.require_role(span_chunks.project_id, 'viewer');
  select f.id into file
    from cogo.repos r
    join cogo.source_files f on f.repo_id = r.id and f.generation <= r.generation and f.path = span_chunks.path
   where r.project_id = span_chunks.project_id and (span_chunks.repo is null or r.repo = span_chunks.repo)
   order by r.repo limit 1;
  return coalesce((
    select jsonb_agg(cogo.chunk_json(c, f, r) order by c.start_line, c.ordinal)
      from (select x.* from cogo.chunks x
             where x.file_id = file and x.start_line <= span_chunks.last_line and x.end_line >= span_chunks.first_line
             order by x.start_line, x.ordinal limit 100) c
      join cogo.source_files f on f.id = c.file_id
      join cogo.repos r on r.id = c.repo_id), '[]');
end
$$;
revoke all on function cogo_api.span_chunks(uuid, text, int, int, text) from public;
grant execute on function cogo_api.span_chunks(uuid, text, int, int, text) to anon, authenticated, service_role;
