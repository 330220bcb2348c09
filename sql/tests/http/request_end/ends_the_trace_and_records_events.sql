select note('p', to_jsonb(project('P')));
select cogo_api.request_begin(jsonb_build_object('trace_id', 't1', 'function', 'chat', 'principal', 'user:a', 'project_id', noted_id('p')));
select is(cogo_api.request_end('{"trace_id":"t1","function":"chat","principal":"user:a","status":200,"duration_ms":12.5,
  "trace_status":"ready","output":{"text":"x"},"events":[{"trace_id":"t1","event_type":"rag.done","source":"rag","payload":{"n":1}}]}')
  ->> 'events', '1');
select is(cogo_api.trace_status('t1') ->> 'status', 'ready');
select is(cogo_api.trace_status('t1') -> 'counts', '{"rag.done": 1}'::jsonb);
select is((select project_id from cogo.bus_events where trace_id = 't1'), noted_id('p'), 'an event takes the project of its trace');
select cogo_api.request_end('{"trace_id":"t1","function":"chat","principal":"user:b","status":500,"trace_status":"failed"}');
select is(cogo_api.trace_status('t1') ->> 'status', 'ready', 'another principal cannot end it');
