select note('p', to_jsonb(project('P')));
select note('a', to_jsonb(job(noted_id('p'))));
select note('b', to_jsonb(job(noted_id('p'))));
select job(noted_id('p'), '{"pin":"desk"}');
delete from pgmq.q_cogo_work_default_1;
insert into pgmq.q_cogo_work_default_1 (vt, message) values (clock_timestamp(), '{"j":"00000000-0000-4000-8000-000000000000"}');
select is(cogo_api.rebuild_lane('cogo-work/default/1') ->> 'messages', '2');
select is((select array_agg(c ->> 'job_id') from jsonb_array_elements(cogo_api.claim('one', 10)) c), array[noted('a') #>> '{}', noted('b') #>> '{}'], 'in the old order');
select throws_ok($$select cogo_api.rebuild_lane('nowhere')$$, 'CG003');
