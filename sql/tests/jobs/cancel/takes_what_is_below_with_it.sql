select note('p', to_jsonb(project('P')));
select note('root', to_jsonb(job(noted_id('p'), '{"concurrency_key":"k"}')));
select note('r', claim_one());
select cogo_api.release(jsonb_build_array(noted('r') || '{"await":true,"children":[{"type":"code.debug","concurrency_key":"k"},{"type":"code.debug","delay_s":60},{"type":"research.run"}]}'));
select note('kid', (select to_jsonb(j.id) from cogo.jobs j where j.parent_id = noted_id('root') and j.concurrency_key = 'k'));
select note('k', cogo_api.claim('one', 1, 30, array['code.*']) -> 0);
select is(noted('k') ->> 'job_id', noted('kid') #>> '{}');
select note('below', to_jsonb(job(noted_id('p'), jsonb_build_object('parent_id', noted('kid')))));
select is(cogo_api.cancel(noted_id('root')),
  jsonb_build_object('job_id', noted('root'), 'state', 'cancelled', 'cancel_requested', true, 'children', 4));
select is((select array_agg(state order by state) from cogo.jobs where id <> noted_id('root')),
  array['cancelled', 'cancelled', 'cancelled', 'running'], 'one that runs is asked to stop');
select is((select count(*) from pgmq.q_cogo_plan_default_1) + (select count(*) from pgmq.q_cogo_work_default_1), 0::bigint, 'their messages go with them');
select is(cogo_api.cancel(noted_id('root')) -> 'children', '0', 'again is harmless');
select is(verdicts(cogo_api.finish(jsonb_build_array(noted('k') || '{"result":{},"children":[{"type":"code.debug"}]}'))), array['cancelled']);
select is((select count(*) from cogo.jobs), 5::bigint, 'a job that was cancelled makes no more children');
select is((select used from cogo.job_slots), 0);
select is((select array_agg(pending_children) from cogo.jobs), array[0, 0, 0, 0, 0]);
select note('other', to_jsonb(job(noted_id('p'))));
select note('stays', to_jsonb(job(noted_id('p'), jsonb_build_object('parent_id', noted('other')))));
select is(cogo_api.cancel(noted_id('other'), false) -> 'children', '0');
select is(state(noted_id('stays')), 'queued', 'unless that is not wanted');
select note('top', to_jsonb(job(noted_id('p'), '{"pin":"two"}')));
select note('mid', to_jsonb(job(noted_id('p'), jsonb_build_object('parent_id', noted('top'), 'pin', 'three'))));
select cogo_api.finish(jsonb_build_array(claim_one('three') || '{"children":[{"type":"code.debug"}]}'));
select is(cogo_api.cancel(noted_id('top')) -> 'children', '1', 'also what a child began that is over itself');
