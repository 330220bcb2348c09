select note('p', to_jsonb(project('P')));
select index(noted_id('p'), 'r', file('a.md', 'alpha one', 'beta two'), file('b.md', 'gamma three'));
select is(cogo_api.embed_start(noted_id('p'), '{"name":"m","dims":3,"fingerprint":"f1"}') ->> 'left', '3');
select note('t', cogo_api.embed_take(noted_id('p'), 'm', 2));
select is(noted('t') -> 'items' -> 0 ->> 'text', E'a.md\nalpha one', 'the text stands under its path');
select is(noted('t') ->> 'left', '3', 'what is taken is not done');
select is(jsonb_array_length(cogo_api.embed_take(noted_id('p'), 'm', 9) -> 'items'), 1, 'what one has taken another does not get');
select note('put', jsonb_build_array(
  jsonb_build_object('chunk_id', noted('t') #> '{items,0,chunk_id}', 'embedding', '[1,0,0]'),
  jsonb_build_object('chunk_id', noted('t') #> '{items,1,chunk_id}', 'code', 'provider_error', 'message', 'NaN', 'final', true)));
select throws_ok($$ select cogo_api.embed_put(noted_id('p'), 'm', 'f2', noted('put')) $$, 'CG007', null, 'another fingerprint is another model');
select throws_ok($$ select cogo_api.embed_put(noted_id('p'), 'm', 'f1', '[{"chunk_id":1,"embedding":"[1,0]"}]') $$, 'CG004', null, 'wrong dimensions');
select throws_ok($$ select cogo_api.embed_put(noted_id('p'), 'm', 'f1', '[{"chunk_id":1,"embedding":"[1,NaN,0]"}]') $$, 'CG000', null, 'not a number');
select is(cogo_api.embed_put(noted_id('p'), 'm', 'f1', noted('put')), '{"stored":1,"failed":1,"released":0}'::jsonb);
select is(cogo_api.embed_put(noted_id('p'), 'm', 'f1', noted('put')) ->> 'stored', '0', 'the same again changes nothing');
select is(cogo_api.embed_status(noted_id('p'), 'm') #>> '{errors,0,path}' || ' ' || (cogo_api.embed_status(noted_id('p'), 'm') #>> '{errors,0,message}'), 'a.md NaN', 'the error of a chunk shows at the chunk');
select is(cogo_api.embed_status(noted_id('p')) #> '{models,0}' ->> 'failed', '1');
select throws_ok($$ select cogo_api.embed_start(noted_id('p'), '{"name":"m","dims":3,"fingerprint":"f2"}') $$, 'CG007', null, 'a name keeps its fingerprint');
select is(cogo_api.embed_retry(noted_id('p'), 'm') ->> 'retried', '1');
select is(jsonb_array_length(cogo_api.embed_take(noted_id('p'), 'm', 9) -> 'items'), 1);
select is(cogo_api.embed_put(noted_id('p'), 'm', 'f1', jsonb_build_array(jsonb_build_object('chunk_id', noted('t') #> '{items,1,chunk_id}', 'release', true))) ->> 'released', '1');
select is((select attempts from cogo.embed_queue where chunk_id = (noted('t') #>> '{items,1,chunk_id}')::bigint), 0::smallint, 'what was handed back does not count as tried');
