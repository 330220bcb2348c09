select note('p', to_jsonb(project('P')));
select note('q', to_jsonb(project('Q')));
select note('a', to_jsonb(job(noted_id('p'))));
select cogo_api.fail(jsonb_build_array(claim_one() || '{"error":{"code":"x","message":"broken","reason":"timeout"},"retryable":false}'));
select note('b', to_jsonb(job(noted_id('p'), '{"type":"code.build.test"}')));
select cogo_api.fail(jsonb_build_array(claim_one() || '{"error":{"code":"y","reason":"policy_violation"},"retryable":false}'));
select job(noted_id('p'));

select is((select array_agg(d ->> 'job_id') from jsonb_array_elements(cogo_api.list_dead(noted_id('p'))) d),
  array[noted('b') #>> '{}', noted('a') #>> '{}'], 'newest first, the dead only');
select is(jsonb_array_length(cogo_api.list_dead(noted_id('p'), 'timeout')), 1);
select is(cogo_api.list_dead(noted_id('p'), 'timeout') -> 0 #>> '{error,message}', 'broken');
select is(cogo_api.list_dead(noted_id('p'), null, 'code.build.test') -> 0 ->> 'job_id', noted('b') #>> '{}');
select is(cogo_api.list_dead(noted_id('p'), 'timeout', 'code.build.test'), '[]'::jsonb);
select is(jsonb_array_length(cogo_api.list_dead(noted_id('p'), null, null, 1)), 1);
select is(cogo_api.list_dead(noted_id('q')), '[]'::jsonb, 'another project has none');
select note('r', cogo_api.redrive(noted_id('a')));
select is(cogo_api.list_dead(noted_id('p'), 'timeout') -> 0 ->> 'redriven_to', noted('r') ->> 'job_id');
select is((select array_agg(j ->> 'reason' order by j ->> 'reason') from jsonb_array_elements(cogo_api.list_jobs(noted_id('p'), 'dead')) j),
  array['policy_violation', 'timeout'], 'the list of jobs has the reason as well');
