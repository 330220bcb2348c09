-- cogo.chunk_json: a chunk as search and get_chunks show it. generation and commit_sha are the published ones of its repository.
create function cogo.chunk_json(c cogo.chunks, f cogo.source_files, r cogo.repos)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'chunk_id', c.id, 'repo', r.repo, 'path', f.path, 'language', f.language, 'kind', c.kind, 'symbol', c.symbol,
    'signature', c.signature, 'heading', c.heading, 'start_line', c.start_line, 'end_line', c.end_line, 'text', c.text,
    'content_hash', c.content_hash, 'commit_sha', r.commit_sha, 'generation', r.generation)
$$;
