-- cogo.node_json: a symbol or file as the graph functions show it. commit_sha and generation are the published ones.
create function cogo.node_json(n cogo.ast_nodes, r cogo.repos)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'id', n.id, 'key', n.key, 'kind', n.kind, 'name', n.name, 'path', split_part(n.key, '#', 1), 'repo', r.repo,
    'signature', n.signature, 'doc', n.doc, 'exported', n.exported, 'start_line', n.start_line, 'end_line', n.end_line,
    'commit_sha', r.commit_sha, 'generation', r.generation)
$$;
