select note('p', to_jsonb(project('P')));
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select note('node', '{"key":"a.ts","kind":"module","name":"a.ts","start_line":1,"start_column":1,"end_line":1,"end_column":1}');
select note('graph', jsonb_build_object('path', 'a.ts', 'nodes', jsonb_build_array(noted('node')), 'edges', '[]'::jsonb, 'unresolved', '[]'::jsonb));
select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('a.ts', 'text') || jsonb_build_object('graph', noted('graph'))));
select is((select count(*) from cogo.ast_nodes), 1::bigint);
select throws_ok($$ select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('b.ts', 'text') || jsonb_build_object('graph',
  jsonb_set(noted('graph'), '{path}', '"b.ts"') || jsonb_build_object('nodes', jsonb_build_array(noted('node'), noted('node')))))) $$, 'CG004');
select throws_ok($$ select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('b.ts', 'text') || jsonb_build_object('graph',
  jsonb_set(noted('graph'), '{path}', '"z.ts"')))) $$, 'CG004', null, 'a graph of another file');
select is((select string_agg(path, ' ') from cogo.source_files), 'a.ts', 'a file whose graph is refused is not there');
