select note('p', to_jsonb(project('P')));
select index_graph(noted_id('p'), 'r', '{}',
  graph_file('a.ts', '{a,b,c}', 'a.ts#a calls a.ts#b', 'a.ts#a calls a.ts#c', 'a.ts#c calls a.ts#b'));
select is(cogo_api.trace_put(noted_id('p'), 'r', '[{"from":"a.ts#a","to":"a.ts#c","count":9},{"from":"a.ts#b","to":"a.ts#c","count":1}]'),
  '{"calls": 2, "new": 2}'::jsonb);
select is(walked(cogo_api.graph_callees(noted_id('p'), 'a')), array['a.ts#a 0', 'a.ts#c 1', 'a.ts#b 1'], 'seen before unseen');
select is((select array_agg((e ->> 'provenance') || ' ' || coalesce(round((e ->> 'weight')::numeric, 2)::text, '-') order by e ->> 'provenance')
  from jsonb_array_elements(cogo_api.graph_callees(noted_id('p'), 'b') -> 'edges') e), array['runtime 0.69'], 'ln(1 + 1)');
select is(edges(cogo_api.graph_callees(noted_id('p'), 'a')), array['a calls b', 'a calls c'], 'what was not seen stays');
select cogo_api.trace_put(noted_id('p'), 'r', '[{"from":"a.ts#a","to":"a.ts#c","count":8}]', now() - interval '30 days');
select is((select round(count::numeric, 1) from cogo.runtime_calls where from_key = 'a.ts#a'), 13.0, 'half of what is 30 days old counts');
select index_graph(noted_id('p'), 'r', '{}', graph_file('a.ts', '{a,c}'));
select is(walked(cogo_api.graph_callees(noted_id('p'), 'a')), array['a.ts#a 0', 'a.ts#c 1'], 'what was seen outlives a re-index');
select throws_ok($$select cogo_api.trace_put(noted_id('p'), 'nowhere', '[]')$$, 'CG003');
select throws_ok($$select cogo_api.trace_put(noted_id('p'), 'r', '[{"from":"x","to":"y","count":-1}]')$$, 'CG000');
