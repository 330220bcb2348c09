select note('p', to_jsonb(project('P')));
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select cogo_api.index_put(noted_id('run'), jsonb_build_array(
  file('lone.ts', 'alpha lone', 'beta same'), file('far.ts', 'alpha far', 'beta same'), file('near.ts', 'alpha near', 'beta same'),
  file('best.ts', 'alpha alpha')));
select cogo_api.index_graph(noted_id('run'), jsonb_build_array(
  graph_file('lone.ts', '{}'), graph_file('far.ts', '{}'), graph_file('near.ts', '{}', 'near.ts imports far.ts'), graph_file('best.ts', '{}')));
select cogo_api.index_entries(noted_id('run'), array['near.ts']);
select cogo_api.index_finish(noted_id('run'));
select is(found(noted_id('p'), '{"terms":{"alpha":1}}'), array['alpha alpha', 'alpha near', 'alpha far', 'alpha lone'],
  'a better score goes first however far its file is; equal ones by distance, those no entry reaches last');
select is(found(noted_id('p'), '{"terms":{"alpha":1},"limit":2}'), array['alpha alpha', 'alpha near'], 'also where the list is cut');
select is(
  jsonb_path_query_array(cogo_api.search(noted_id('p'), '{"terms":{"alpha":1},"explain":true}'), '$.items[*].signals.entry_distance'),
  '[0, 1]'::jsonb, 'explain shows the steps of those an entry reaches');
select is(
  jsonb_path_query_first(cogo_api.search(noted_id('p'), '{"terms":{"beta":1},"rank":{"copy":0.4},"limit":1}'), '$.items[0].path'),
  '"near.ts"'::jsonb, 'of copies the nearest is the one not held back');
