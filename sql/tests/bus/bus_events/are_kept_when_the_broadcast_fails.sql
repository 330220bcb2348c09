create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language plpgsql as $$ begin raise exception 'Realtime is down'; end $$;
select is(cogo_api.emit_events('[{"trace_id":"t1","event_type":"rag.done","source":"rag"}]'), 1);
select is((select count(*) from cogo.bus_events where trace_id = 't1'), 1::bigint);
drop function realtime.send(jsonb, text, text, boolean);
select is(cogo_api.emit_events('[{"trace_id":"t1","event_type":"rag.done","source":"rag"}]'), 1, 'and where there is no Realtime');
