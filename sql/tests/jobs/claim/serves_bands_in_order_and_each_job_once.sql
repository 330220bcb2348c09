select note('p', to_jsonb(project('P')));
select note('low', to_jsonb(job(noted_id('p'), '{"priority":2}')));
select note('a', to_jsonb(job(noted_id('p'))));
select note('b', to_jsonb(job(noted_id('p'))));
select note('high', to_jsonb(job(noted_id('p'), '{"priority":0}')));
select is((select array_agg(c ->> 'job_id') from jsonb_array_elements(cogo_api.claim('one', 3)) c),
  array[noted('high') #>> '{}', noted('a') #>> '{}', noted('b') #>> '{}']);
select is(claim_one('two') ->> 'job_id', noted('low') #>> '{}');
select is(cogo_api.claim('three', 10), '[]'::jsonb);
select is((select count(*) from pgmq.q_cogo_work_default_0) + (select count(*) from pgmq.q_cogo_work_default_1)
  + (select count(*) from pgmq.q_cogo_work_default_2), 0::bigint, 'their messages are gone');
select is((select count(distinct lease_token) from cogo.jobs), 4::bigint, 'a token an attempt');
select throws_ok($$select cogo_api.claim('one', 0)$$, 'CG004');
select throws_ok($$select cogo_api.claim('one', 1, 1)$$, 'CG004');
select throws_ok($$select cogo_api.claim('not an id')$$, 'CG004');
