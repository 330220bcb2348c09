-- as on Supabase, where every message is a row
drop function realtime.cogo_hint(jsonb, text, text);
drop table realtime.cogo_ears;
select note('p', to_jsonb(project('P')));
select note('late', to_jsonb(job(noted_id('p'), '{"delay_s":100}')));
select is(cogo_api.cancel(noted_id('late')) ->> 'state', 'cancelled');
select note('queued', to_jsonb(job(noted_id('p'))));
select is(cogo_api.cancel(noted_id('queued')) ->> 'state', 'cancelled');
select is((select count(*) from pgmq.q_cogo_work_default_1), 0::bigint, 'its message goes with it');
select is(cogo_api.cancel(noted_id('queued')) ->> 'state', 'cancelled', 'again is harmless');
select note('running', to_jsonb(job(noted_id('p'))));
select note('c', claim_one('desk'));
select is(cogo_api.cancel(noted_id('running')), jsonb_build_object('job_id', noted('running'), 'state', 'running', 'cancel_requested', true, 'children', 0));
select is((select count(*) from realtime.messages where topic = 'agents:desk' and event = 'cancel'), 1::bigint, 'the doorbell rings');
select is(verdicts(cogo_api.finish(jsonb_build_array(noted('c') || '{"result":{"late":true}}'))), array['cancelled']);
select is(state(noted_id('running')), 'cancelled');
select note('done', to_jsonb(job(noted_id('p'))));
select cogo_api.finish(jsonb_build_array(claim_one() || '{"result":{}}'));
select throws_ok($$select cogo_api.cancel(noted_id('done'))$$, 'CG022');
