select note('p', to_jsonb(project('P')));
select index(noted_id('p'), 'r', file('a.md', 'alpha one', 'beta two'));
select note('s', cogo_api.embed_start(noted_id('p'), '{"name":"m","dims":3,"fingerprint":"f1"}'));
select is((select state || ' ' || type from cogo.jobs where project_id = noted_id('p')), 'queued embed.fill');
select note('t', cogo_api.embed_take(noted_id('p'), 'm'));
select cogo_api.embed_put(noted_id('p'), 'm', 'f1', jsonb_build_array(
  jsonb_build_object('chunk_id', noted('t') #> '{items,0,chunk_id}', 'embedding', '[1,0,0]'),
  jsonb_build_object('chunk_id', noted('t') #> '{items,1,chunk_id}', 'embedding', '[0,1,0]')));
select index(noted_id('p'), 'r', file('a.md', 'alpha one', 'beta changed'), file('c.md', 'gamma'));
select is((select count(*) from cogo.jobs where project_id = noted_id('p')), 1::bigint, 'the job that waits will see them too');
select note('u', cogo_api.embed_take(noted_id('p'), 'm'));
select is((select array_agg(i ->> 'text' order by i ->> 'text') from jsonb_array_elements(noted('u') -> 'items') i), array[E'a.md\nbeta changed', E'c.md\ngamma'], 'a chunk of the same text keeps its vector');
select is((select embedding::text from cogo.chunk_embeddings e join cogo.chunks c on c.id = e.chunk_id where c.text = 'alpha one' and model_id > 1), '[1,0,0]');
select index(noted_id('p'), 'r', file('a.md', 'alpha one'), file('c.md', 'gamma'));
select is((select count(*) from cogo.embed_queue q where not exists (select from cogo.chunks c where c.id = q.chunk_id)), 0::bigint, 'a chunk that is gone leaves the queue');
select index(noted_id('p'), 'r2', file('z.md', 'zeta'));
select is(cogo_api.embed_take(noted_id('p'), 'm') #>> '{items,-1,text}', E'z.md\nzeta', 'many repositories in one project');
