-- cogo_api.index_graph: writes the symbols and relationships of files that index_put has put into the same open run; each file's are
-- replaced whole, and the call is atomic. Returns {nodes, edges, unresolved}.
--
-- files: [{path,
--   nodes: [{key, kind, name, signature?, doc?, exported?, start_line, start_column, end_line, end_column}],
--   edges: [{from, to, kind, via?, provenance, confidence?, sites?, line, column}],
--   unresolved: [{specifier, kind, reason, detail?, line}],
--   surface?, looks_at?: [stem], hash?: as graph_files}]
-- Errors: CG003/CG031 as running_run; CG000 malformed; CG004 a path that the run did not put, a key twice.
create function cogo_api.index_graph(run_id uuid, files jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run    cogo.index_runs := cogo.running_run(index_graph.run_id);
  answer jsonb;
begin
  if jsonb_typeof(files) is distinct from 'array' then
    perform cogo.fail('CG000', 'files must be an array');
  end if;
  answer := cogo.put_graph(run, files);
  update cogo.index_runs r set touched_at = clock_timestamp() where r.id = run.id;
  return answer;
exception
  when unique_violation then
    perform cogo.fail('CG004', 'a key occurs twice in one file', jsonb_build_object('reason', sqlerrm));
    return null;
  when not_null_violation or check_violation or invalid_text_representation or data_exception then
    perform cogo.fail('CG000', 'files is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.index_graph(uuid, jsonb) from public;
grant execute on function cogo_api.index_graph(uuid, jsonb) to anon, authenticated, service_role;
