-- Trigger: every new row of bus_events goes out on trace:{trace_id}; events whose source is 'system' also on system:events. Those of one
-- statement are one insert and one notification where Realtime takes several at once, as the stack's own does.
create function cogo.bus_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  messages jsonb;
  message  jsonb;
begin
  select jsonb_agg(jsonb_build_object('topic', t.topic, 'event', e.event_type, 'payload', jsonb_build_object('id', e.id,
           'trace_id', e.trace_id, 'event_type', e.event_type, 'source', e.source, 'project_id', e.project_id, 'payload', e.payload,
           'ts', e.created_at)) order by e.id, t.nth)
    into messages
    from inserted e
   cross join lateral (values (1, 'trace:' || e.trace_id), (2, case when e.source = 'system' then 'system:events' end)) as t(nth, topic)
   where t.topic is not null;
  if to_regprocedure('realtime.cogo_send_all(jsonb)') is not null then
    begin
      perform realtime.cogo_send_all(messages);
    exception when others then
      -- as cogo.broadcast: a hint never undoes what it tells of
      null;
    end;
  else
    for message in select value from jsonb_array_elements(messages) loop
      perform cogo.broadcast(message ->> 'topic', message ->> 'event', message -> 'payload');
    end loop;
  end if;
  return null;
end
$$;

create trigger bus_events_broadcast
  after insert on cogo.bus_events
  referencing new table as inserted
  for each statement execute function cogo.bus_events_broadcast();
