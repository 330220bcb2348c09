-- as on Supabase, where every message is a row
drop function realtime.cogo_hint(jsonb, text, text);
drop table realtime.cogo_ears;
select note('p', to_jsonb(project('P')));
select cogo_api.request_begin(jsonb_build_object('trace_id', 't1', 'function', 'jobs', 'principal', 'x', 'project_id', noted_id('p')));
select note('j', to_jsonb(job(noted_id('p'), '{"trace_id":"t1"}')));
select note('c', claim_one());
select cogo_api.finish(jsonb_build_array(noted('c') || '{"result":{}}'));
select is(events(noted_id('j')), array['job.enqueued', 'job.started', 'job.done']);
select is((select array_agg(event_type order by id) from cogo.bus_events where trace_id = 't1'), array['job.enqueued', 'job.started', 'job.done']);
select is((select array_agg(event order by seq) from realtime.messages where topic = 'jobs:' || (noted('j') #>> '{}')), array['job.started', 'job.done']);
select is(jsonb_array_length(cogo_api.job_events(noted_id('j'), (cogo_api.job_events(noted_id('j')) -> 0 ->> 'id')::bigint)), 2, 'after an id');
