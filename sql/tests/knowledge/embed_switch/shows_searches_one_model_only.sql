select note('p', to_jsonb(project('P')));
select index(noted_id('p'), 'r', file('a.md', 'alpha one', 'beta two'));
select cogo_api.embed_start(noted_id('p'), '{"name":"m","dims":3,"fingerprint":"f1"}');
select throws_ok($$ select cogo_api.embed_switch(noted_id('p'), 'm') $$, 'CG022', null, 'not while chunks wait');
select note('t', cogo_api.embed_take(noted_id('p'), 'm'));
select cogo_api.embed_put(noted_id('p'), 'm', 'f1', jsonb_build_array(
  jsonb_build_object('chunk_id', noted('t') #> '{items,0,chunk_id}', 'embedding', '[1,0,0]'),
  jsonb_build_object('chunk_id', noted('t') #> '{items,1,chunk_id}', 'embedding', '[0,1,0]')));
select is(cogo_api.lexicon(noted_id('p'), '{}') ? 'model', false, 'while it is built, questions go on with the hash');
select throws_ok($$ select cogo_api.search(noted_id('p'), '{"vector":"[1,0,0]","embedder":"m","fingerprint":"f1"}') $$, 'CG031');
select is(cogo_api.embed_switch(noted_id('p'), 'm'), '{"model":"m","before":"hash-1024-v1","left":0,"failed":0}'::jsonb);
select is(cogo_api.lexicon(noted_id('p'), '{}') #>> '{model,fingerprint}', 'f1');
select is(found(noted_id('p'), '{"vector":"[0,1,0]","embedder":"m","fingerprint":"f1","strategy":"vector"}'), array['beta two']);
select throws_ok(format($$ select cogo_api.search(noted_id('p'), jsonb_build_object('vector', %L)) $$, vec(1)), 'CG031', null, 'a vector of the old model is refused');
select throws_ok($$ select cogo_api.search(noted_id('p'), '{"vector":"[1,0,0]","embedder":"m","fingerprint":"f2"}') $$, 'CG031', null, 'and one of another fingerprint');
-- a second one takes its place, and back to the hash
select cogo_api.embed_start(noted_id('p'), '{"name":"n","dims":2,"fingerprint":"g"}');
select is(cogo_api.embed_switch(noted_id('p'), 'n', true) ->> 'left', '2', 'force does it all the same, and says what is missing');
select is((select array_agg(name || ' ' || status order by id) from cogo.embedding_models where project_id = noted_id('p')), array['m retired', 'n active']);
select throws_ok($$ select cogo_api.embed_cancel(noted_id('p'), 'n') $$, 'CG022', null, 'what searches use is not removed');
select is(cogo_api.embed_switch(noted_id('p'), 'hash-1024-v1') ->> 'before', 'n');
select is(cogo_api.embed_cancel(noted_id('p'), 'm', 1), '{"model":"m","removed":1,"left":1}'::jsonb, 'in bites');
select is(cogo_api.embed_cancel(noted_id('p'), 'm'), '{"model":"m","removed":1,"left":0}'::jsonb);
select is(cogo_api.embed_status(noted_id('p')) ->> 'current', 'hash-1024-v1');
select is(jsonb_array_length(cogo_api.embed_status(noted_id('p')) -> 'models'), 1);
delete from cogo.projects where id = noted_id('p');
select is((select count(*) from cogo.embedding_models where project_id is not null), 0::bigint, 'a project takes its models along');
