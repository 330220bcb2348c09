select note('p', to_jsonb(project('P')));
select throws_ok($$select job(noted_id('p'), '{"type":"make.coffee"}')$$, 'CG004');
select throws_ok($$select job(noted_id('p'), '{"priority":3}')$$, 'CG004');
select throws_ok($$select job(noted_id('p'), '{"delay_s":-1}')$$, 'CG004');
select throws_ok($$select job(noted_id('p'), '{"payload":[1]}')$$, 'CG004');
select throws_ok($$select job(noted_id('p'), '{"executor":"cogo-elsewhere"}')$$, 'CG004');
select throws_ok($$select job(noted_id('p'), '{"parent_id":"00000000-0000-4000-8000-000000000000"}')$$, 'CG004');
select throws_ok($$select job(noted_id('p'), jsonb_build_object('payload', jsonb_build_object('x', repeat('x', 140000))))$$, 'CG005');
select throws_ok($$select job(noted_id('p'), '{"parent_id":"me"}')$$, 'CG000');
select throws_ok($$select cogo_api.enqueue(noted_id('p'), '{}')$$, 'CG000');
select throws_ok($$select cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug"},{"type":"nope"}]')$$, 'CG004', 'jobs[1]: the type nope is not known');
select is((select count(*) from cogo.jobs), 0::bigint, 'one bad job keeps the others out');
select is((select count(*) from pgmq.q_cogo_work_default_1), 0::bigint);
select job(noted_id('p'), '{"type":"quality.anything"}');
select is((select array_agg(lane) from cogo.jobs), array['cogo-plan/default/1'], 'a prefix in job_types covers its types');
select throws_ok($$select job(noted_id('p'), '{"type":"code.build.test","executor":"cogo-plan"}')$$, 'CG004', null,
  'a long job that can not be done in parts is not for cogo-plan');
