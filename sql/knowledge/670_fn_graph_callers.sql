-- cogo_api.graph_callers: who calls a symbol, up to depth calls away; as graph_walk. Of a class or a file: who calls what is in it.
-- Calls that were seen at run time come first. Needs viewer. Errors as graph_walk.
create function cogo_api.graph_callers(project_id uuid, symbol text default null, path text default null, repo text default null,
  depth int default 1, lim int default 50, min_confidence real default 0)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select cogo_api.graph_walk(graph_callers.project_id, symbol, path, repo, null, 'in', array['calls'], depth, lim, min_confidence, true)
$$;
revoke all on function cogo_api.graph_callers(uuid, text, text, text, int, int, real) from public;
grant execute on function cogo_api.graph_callers(uuid, text, text, text, int, int, real) to anon, authenticated, service_role;
