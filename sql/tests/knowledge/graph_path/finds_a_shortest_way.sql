select note('p', to_jsonb(project('P')));
select index_graph(noted_id('p'), 'r', '{}',
  graph_file('a.ts', '{a}', 'a.ts#a calls b.ts#b', 'a.ts#a calls c.ts#c', 'a.ts imports b.ts'),
  graph_file('b.ts', '{b}', 'b.ts#b calls c.ts#c', 'b.ts imports c.ts'),
  graph_file('c.ts', '{c,d}', 'c.ts#c calls c.ts#d', 'c.ts#d calls a.ts#a'));
select is(walked(cogo_api.graph_path(noted_id('p'), from_symbol => 'b', to_symbol => 'd')), array['b.ts#b', 'c.ts#c', 'c.ts#d']);
select is(edges(cogo_api.graph_path(noted_id('p'), from_symbol => 'b', to_symbol => 'd')), array['b calls c', 'c calls d']);
select is(walked(cogo_api.graph_path(noted_id('p'), from_path => 'a.ts', to_path => 'c.ts')), array['a.ts', 'b.ts', 'c.ts']);
select is((cogo_api.graph_path(noted_id('p'), from_symbol => 'b', to_symbol => 'd', depth => 1) ->> 'found')::boolean, false);
select is((cogo_api.graph_path(noted_id('p'), from_symbol => 'b', to_symbol => 'nobody') ->> 'found')::boolean, false);
select is(walked(cogo_api.graph_path(noted_id('p'), from_symbol => 'a', to_symbol => 'a')), array['a.ts#a']);
