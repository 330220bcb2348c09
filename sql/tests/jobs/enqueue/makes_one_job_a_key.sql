select note('p', to_jsonb(project('P')));
select note('j', to_jsonb(job(noted_id('p'), '{"key":"k","payload":{"a":1,"b":2}}')));
select is(job(noted_id('p'), '{"key":"k","payload":{"b":2,"a":1}}'), noted_id('j'), 'the order of keys in the payload does not matter');
select is(cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug","key":"k","payload":{"a":1,"b":2}}]') #>> '{0,duplicate}', 'true');
select throws_ok($$select job(noted_id('p'), '{"key":"k","payload":{"a":2}}')$$, 'CG023');
select is((select count(distinct (a ->> 'job_id')) from jsonb_array_elements(cogo_api.enqueue(noted_id('p'),
  '[{"type":"code.debug","key":"n"},{"type":"code.debug","key":"n"}]')) a), 1::bigint, 'twice in one call');
select is((select count(*) from cogo.jobs), 2::bigint);
delete from cogo.jobs where id = noted_id('j');
select is(job(noted_id('p'), '{"key":"k","payload":{"a":1,"b":2}}'), noted_id('j'), 'the key outlives the job');
select note('q', to_jsonb(project('Q')));
select isnt(job(noted_id('q'), '{"key":"k"}'), noted_id('j'), 'keys belong to a project');
select note('s', to_jsonb(job(noted_id('p'), '{"key":"short","payload":null,"max_attempts":2}')));
select is(cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug"},{"type":"code.debug","key":"short","payload":null,"max_attempts":2}]') #>> '{1,job_id}',
  noted('s') #>> '{}', 'one job a call and several: the same key');
select note('l', cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug"},{"type":"code.debug","key":"long"}]') -> 1);
select is(cogo_api.enqueue(noted_id('p'), '[{"type":"code.debug","key":"long"}]') -> 0 ->> 'job_id', noted('l') ->> 'job_id');
