select note('p', to_jsonb(project('P')));
select note('s', cogo_api.chat_begin(noted_id('p'), null, 't1', '[{"role":"user","content":"x"}]', 'm') -> 'session_id');
select cogo_api.chat_end(noted_id('s'), 't1', '{"text":"a"}', '{"provider":"x","model":"m","input_tokens":10,"output_tokens":5,"cost_usd":0.25}');
select cogo_api.chat_end(noted_id('s'), 't2', '{"text":"b"}', '{"provider":"x","model":"m","input_tokens":1,"output_tokens":1,"estimated":true}');
select is(cogo_api.usage_summary(noted_id('p')) -> 'total',
  '{"calls":2,"input_tokens":11,"output_tokens":6,"cost_usd":0.25,"unpriced_calls":1,"estimated_calls":1}'::jsonb);
select is(cogo_api.usage_summary(noted_id('p'), clock_timestamp() + interval '1 hour') #>> '{total,calls}', '0');
select throws_ok($$select cogo_api.chat_end(noted_id('s'), 't', '{"text":"c"}', '{"input_tokens":-1}')$$, 'CG004');
