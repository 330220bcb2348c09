select note('p', to_jsonb(project('P')));
select note('begin', cogo_api.chat_begin(noted_id('p'), null, 't-chat', '[{"role":"user","content":"q"}]', 'm'));
select note('s', noted('begin') -> 'session_id');
select cogo_api.request_begin('{"trace_id":"t-chat","function":"chat","principal":"service"}');

select throws_ok($$select cogo_api.request_end(jsonb_build_object('trace_id', 't-chat', 'function', 'chat', 'principal', 'user:x', 'status', 200,
  'trace_status', 'ready', 'chat', jsonb_build_object('session_id', noted_id('s'), 'answer', '{"text":"a"}'::jsonb)))$$, 'CG003',
  null, 'another principal''s session is refused');
select throws_ok($$select cogo_api.request_end(jsonb_build_object('trace_id', 't-chat', 'function', 'chat', 'principal', 'service', 'status', 200,
  'trace_status', 'ready', 'events', '[{"trace_id":"t-chat","event_type":"chat.done","source":"chat"}]'::jsonb,
  'chat', jsonb_build_object('session_id', noted_id('s'), 'answer', '{}'::jsonb)))$$, 'CG000', null, 'an answer without text is refused');
select is((select count(*) from cogo.bus_events where trace_id = 't-chat'), 0::bigint, 'and nothing of that call is kept');

select cogo_api.request_end(jsonb_build_object('trace_id', 't-chat', 'function', 'chat', 'principal', 'service', 'status', 200,
  'trace_status', 'ready', 'events', '[{"trace_id":"t-chat","event_type":"chat.done","source":"chat"}]'::jsonb,
  'chat', jsonb_build_object('session_id', noted_id('s'), 'message_id', noted('begin') -> 'answer_id',
    'answer', '{"text":"a","citations":[]}'::jsonb, 'usage', '{"provider":"x","model":"m","input_tokens":3,"output_tokens":4,"cost_usd":0}'::jsonb)));
select is((select array_agg(role || ' ' || content order by id) from cogo.chat_messages where session_id = noted_id('s')),
  array['user q', 'assistant a'], 'the answer is the message after the question');
select is((select id from cogo.chat_messages where session_id = noted_id('s') and role = 'assistant'), (noted('begin') ->> 'answer_id')::bigint,
  'under the id that was kept for it');
select is((select input_tokens from cogo.usage_events where trace_id = 't-chat'), 3::bigint, 'what it cost is kept');
select is((select output ->> 'text' from cogo.traces where trace_id = 't-chat'), 'a', 'the trace has the answer');
select is((select count(*) from cogo.bus_events where trace_id = 't-chat'), 1::bigint, 'and its event');
select throws_ok($$select cogo_api.request_end(jsonb_build_object('trace_id', 't-chat', 'function', 'chat', 'principal', 'service', 'status', 200,
  'chat', jsonb_build_object('session_id', noted_id('s'), 'message_id', noted('begin') -> 'answer_id', 'answer', '{"text":"b"}'::jsonb)))$$, 'CG000',
  null, 'an id is used once');
