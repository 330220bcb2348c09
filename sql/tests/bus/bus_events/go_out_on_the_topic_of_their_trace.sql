select cogo_api.emit_events('[{"trace_id":"t1","event_type":"rag.item","source":"rag","payload":{"n":1}},
  {"trace_id":"t1","event_type":"rag.done","source":"rag"},{"trace_id":"t2","event_type":"disk.full","source":"system"}]');
select is((select array_agg(event order by seq) from realtime.messages where topic = 'trace:t1'), array['rag.item', 'rag.done']);
select is((select payload #>> '{payload,n}' from realtime.messages where topic = 'trace:t1' and event = 'rag.item'), '1');
select is((select bool_and(private) from realtime.messages), true, 'private topics only');
select is((select count(*) from realtime.messages where topic = 'system:events'), 1::bigint);
select throws_ok($$select cogo_api.emit_events('[{"trace_id":"t"}]')$$, 'CG000');
select throws_ok($$select cogo_api.emit_events('{}')$$, 'CG000');
