select note('p', to_jsonb(project('P')));
select note('run', cogo_api.index_begin(noted_id('p'), 'r') -> 'run_id');
select cogo_api.index_put(noted_id('run'), jsonb_build_array(
  jsonb_set(file('a.md', 'alpha'), '{chunks,0,embedding}', to_jsonb(vec(1))),
  jsonb_set(file('b.md', 'beta'), '{chunks,0,embedding}', to_jsonb(vec(1, 2))),
  jsonb_set(file('c.md', 'gamma'), '{chunks,0,embedding}', to_jsonb(vec(3)))));
select cogo_api.index_finish(noted_id('run'));
select is(found(noted_id('p'), jsonb_build_object('vector', vec(2))), array['beta'], 'by vector alone; no similarity is no hit');
select is(found(noted_id('p'), jsonb_build_object('vector', vec(2), 'terms', '{"alpha":1}'::jsonb)), array['alpha', 'beta'], 'words weigh more by default');
select is(found(noted_id('p'), jsonb_build_object('vector', vec(2), 'terms', '{"alpha":1}'::jsonb, 'weights', '{"vector":2}'::jsonb)), array['beta', 'alpha']);
select is(found(noted_id('p'), jsonb_build_object('vector', vec(2), 'terms', '{"alpha":1}'::jsonb, 'strategy', 'lexical')), array['alpha']);
select is(found(noted_id('p'), jsonb_build_object('vector', vec(2), 'terms', '{"alpha":1}'::jsonb, 'strategy', 'vector')), array['beta']);
select is(
  round((cogo_api.search(noted_id('p'), jsonb_build_object('vector', vec(1), 'terms', '{"beta":1}'::jsonb, 'explain', true)) #>> '{items,0,signals,vector}')::numeric, 3),
  round((1 / sqrt(2))::numeric, 3), 'a word hit gets its exact similarity as well');
