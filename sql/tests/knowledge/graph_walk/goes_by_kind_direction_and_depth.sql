select note('p', to_jsonb(project('P')));
select index_graph(noted_id('p'), 'r', '{}',
  graph_file('a.ts', '{main,Box,Box.open}', 'a.ts contains a.ts#main', 'a.ts contains a.ts#Box', 'a.ts#Box contains a.ts#Box.open',
    'a.ts#main calls b.ts#help', 'a.ts#main calls a.ts#Box.open 0.5', 'a.ts imports b.ts', 'a.ts#main calls gone.ts#gone'),
  graph_file('b.ts', '{help,deep}', 'b.ts#help calls b.ts#deep', 'b.ts#deep calls b.ts#help'));
select is(walked(cogo_api.graph_callers(noted_id('p'), 'help')), array['b.ts#help 0', 'a.ts#main 1', 'b.ts#deep 1']);
select is(walked(cogo_api.graph_callees(noted_id('p'), 'main', depth => 3)),
  array['a.ts#main 0', 'b.ts#help 1', 'a.ts#Box.open 1', 'b.ts#deep 2'], 'a key nobody defines is passed over');
select is(edges(cogo_api.graph_callees(noted_id('p'), 'main')), array['main calls help', 'main calls open']);
select is(walked(cogo_api.graph_callees(noted_id('p'), 'main', min_confidence => 0.6)), array['a.ts#main 0', 'b.ts#help 1']);
select is(walked(cogo_api.graph_callers(noted_id('p'), 'Box')), array['a.ts#Box 0', 'a.ts#Box.open 0', 'a.ts#main 1'], 'of a class: of its methods');
select is(walked(cogo_api.graph_impact(noted_id('p'), path => 'b.ts', depth => 1)), array['b.ts 0', 'a.ts 1'], 'of a file: its importers');
select is((cogo_api.graph_callees(noted_id('p'), 'main', lim => 1) ->> 'truncated')::boolean, true);
select is((cogo_api.graph_callees(noted_id('p'), 'main', depth => 1) ->> 'truncated')::boolean, true, 'there is more one step further');
select is((cogo_api.graph_callees(noted_id('p'), 'main', depth => 2) ->> 'truncated')::boolean, false);
select is(cogo_api.graph_walk(noted_id('p'), 'nobody'), '{"targets": [], "nodes": [], "edges": [], "truncated": false}'::jsonb);
select throws_ok($$select cogo_api.graph_walk(noted_id('p'))$$, 'CG000');
select throws_ok($$select cogo_api.graph_walk(noted_id('p'), 'main', direction => 'up')$$, 'CG000');
