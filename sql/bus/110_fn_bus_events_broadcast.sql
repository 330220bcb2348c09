-- Trigger: every new row of bus_events goes out on trace:{trace_id}; events whose source is 'system' also on system:events.
create function cogo.bus_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  event cogo.bus_events;
  body  jsonb;
begin
  for event in select * from inserted order by id loop
    body := jsonb_build_object('id', event.id, 'trace_id', event.trace_id, 'event_type', event.event_type,
      'source', event.source, 'project_id', event.project_id, 'payload', event.payload, 'ts', event.created_at);
    perform cogo.broadcast('trace:' || event.trace_id, event.event_type, body);
    if event.source = 'system' then
      perform cogo.broadcast('system:events', event.event_type, body);
    end if;
  end loop;
  return null;
end
$$;

create trigger bus_events_broadcast
  after insert on cogo.bus_events
  referencing new table as inserted
  for each statement execute function cogo.bus_events_broadcast();
