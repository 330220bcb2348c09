select note('p', to_jsonb(project('P')));
select index_graph(noted_id('p'), 'r', '{}',
  graph_file('a.ts', '{a}', 'a.ts#a calls b.ts#b'), graph_file('b.ts', '{b}', 'b.ts#b calls a.ts#a'));
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select cogo_api.index_put(noted_id('run'), jsonb_build_array(file('a.ts', 'text')));
select cogo_api.index_graph(noted_id('run'), jsonb_build_array(graph_file('a.ts', '{new}', 'a.ts#new calls b.ts#b')));
select is(walked(cogo_api.graph_callers(noted_id('p'), 'b')), array['b.ts#b 0', 'a.ts#a 1'], 'until it finishes, the old generation');
select cogo_api.index_finish(noted_id('run'));
select is(walked(cogo_api.graph_callers(noted_id('p'), 'b')), array['b.ts#b 0', 'a.ts#new 1']);
select is(walked(cogo_api.graph_callees(noted_id('p'), 'b')), array['b.ts#b 0'], 'what b called is gone');
select is((select count(*) from cogo.ast_nodes), 4::bigint);
select note('run2', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select throws_ok($$select cogo_api.index_graph(noted_id('run2'), jsonb_build_array(graph_file('a.ts', '{a}')))$$, 'CG004');
select cogo_api.index_put(noted_id('run2'), jsonb_build_array(file('a.ts', 'text')));
select throws_ok($$select cogo_api.index_graph(noted_id('run2'), jsonb_build_array(graph_file('a.ts', '{a,a}')))$$, 'CG004');
select throws_ok($$select cogo_api.index_graph(noted_id('run2'), jsonb_build_array(graph_file('a.ts', '{a}', 'a.ts guesses b.ts')))$$, 'CG000');
select cogo_api.index_graph(noted_id('run2'), jsonb_build_array(graph_file('a.ts', '{x}', 'a.ts#x calls b.ts#b')));
select cogo_api.index_abort(noted_id('run2'));
select is(walked(cogo_api.graph_callers(noted_id('p'), 'b')), array['b.ts#b 0', 'a.ts#new 1'], 'a run given up leaves nothing');
