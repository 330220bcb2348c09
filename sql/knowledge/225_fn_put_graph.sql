-- cogo.put_graph: writes the symbols and relationships of files that the run has put, each file's replaced whole. files as for
-- index_graph. Returns {nodes, edges, unresolved}. Errors: CG004 a path that the run did not put; the caller translates what the tables say.
create function cogo.put_graph(run cogo.index_runs, files jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  ids     bigint[];
  unknown text;
  n_nodes int;
  n_edges int;
  n_loose int;
begin
  select min(f.value ->> 'path') into unknown
    from jsonb_array_elements(files) f
   where not exists (select from cogo.source_files s
                      where s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path');
  if unknown is not null then
    perform cogo.fail('CG004', 'a file of the graph is not in the run', jsonb_build_object('path', unknown), 'Put it with index_put first');
  end if;
  ids := array(select s.id from cogo.source_files s
                where s.repo_id = run.repo_id and s.generation = run.generation
                  and s.path in (select f.value ->> 'path' from jsonb_array_elements(files) f));
  delete from cogo.ast_nodes n where n.file_id = any (ids);
  delete from cogo.code_relationships e where e.file_id = any (ids);
  delete from cogo.unresolved_imports u where u.file_id = any (ids);
  delete from cogo.graph_files g where g.file_id = any (ids);

  insert into cogo.ast_nodes (project_id, repo_id, file_id, generation, key, kind, name, signature, doc, exported,
                              start_line, start_column, end_line, end_column)
  select run.project_id, run.repo_id, s.id, run.generation, n.key, n.kind, n.name, n.signature, n.doc, coalesce(n.exported, false),
         n.start_line, n.start_column, n.end_line, n.end_column
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   cross join lateral jsonb_to_recordset(f.value -> 'nodes')
      as n(key text, kind text, name text, signature text, doc text, exported boolean, start_line int, start_column int,
           end_line int, end_column int);
  get diagnostics n_nodes = row_count;

  insert into cogo.code_relationships (project_id, repo_id, file_id, generation, from_key, to_key, kind, via, provenance, confidence,
                                       sites, line, col)
  select run.project_id, run.repo_id, s.id, run.generation, e."from", e."to", e.kind, e.via, e.provenance, coalesce(e.confidence, 1),
         coalesce(e.sites, 1), e.line, e."column"
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   cross join lateral jsonb_to_recordset(f.value -> 'edges')
      as e("from" text, "to" text, kind text, via text, provenance text, confidence real, sites int, line int, "column" int);
  get diagnostics n_edges = row_count;

  insert into cogo.unresolved_imports (file_id, project_id, nth, specifier, kind, reason, detail, line)
  select s.id, run.project_id, u.ordinality, u.value ->> 'specifier', u.value ->> 'kind', u.value ->> 'reason', u.value ->> 'detail',
         (u.value ->> 'line')::int
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   cross join lateral jsonb_array_elements(coalesce(f.value -> 'unresolved', '[]')) with ordinality u;
  get diagnostics n_loose = row_count;

  insert into cogo.graph_files (file_id, project_id, surface, looks_at, hash)
  select s.id, run.project_id, f.value ->> 'surface', array(select jsonb_array_elements_text(coalesce(f.value -> 'looks_at', '[]'))), f.value ->> 'hash'
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   where f.value ? 'surface';

  return jsonb_build_object('nodes', n_nodes, 'edges', n_edges, 'unresolved', n_loose);
end
$$;
