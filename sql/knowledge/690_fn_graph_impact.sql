-- cogo_api.graph_impact: what may change with a symbol or file: everything that calls it, extends or implements it, uses its type, refers
-- to it or imports its file, transitively; as graph_walk. Needs viewer. Errors as graph_walk.
create function cogo_api.graph_impact(project_id uuid, symbol text default null, path text default null, repo text default null,
  depth int default 3, lim int default 100, min_confidence real default 0)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select cogo_api.graph_walk(graph_impact.project_id, symbol, path, repo, null, 'in',
    array['calls', 'extends', 'implements', 'uses_type', 'references', 'imports'], depth, lim, min_confidence, true)
$$;
revoke all on function cogo_api.graph_impact(uuid, text, text, text, int, int, real) from public;
grant execute on function cogo_api.graph_impact(uuid, text, text, text, int, int, real) to anon, authenticated, service_role;
