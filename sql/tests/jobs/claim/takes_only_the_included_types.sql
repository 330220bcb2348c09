select note('p', to_jsonb(project('P')));
select job(noted_id('p'), '{"type":"index.repo"}');
select note('build', to_jsonb(job(noted_id('p'), '{"type":"code.build.test"}')));
select job(noted_id('p'), '{"type":"code.debug"}');
select is((select array_agg(c ->> 'type') from jsonb_array_elements(cogo_api.claim('one', 10, 30, array['code.build.test', 'research.run'])) c), array['code.build.test']);
select is((select array_agg(c ->> 'type') from jsonb_array_elements(cogo_api.claim('one', 10, 30, array['code.*'])) c), array['code.debug']);
select is((select count(*) from pgmq.q_cogo_work_default_1), 1::bigint, 'the message of the other one stays');
