-- cogo.record_events: inserts events given as [{trace_id, event_type, source, project_id?, payload?}] and returns how many.
-- An event without project_id takes that of its trace. Error: CG000 where it is not an array of such objects.
create function cogo.record_events(events jsonb)
returns int
language plpgsql
set search_path = ''
as $$
declare
  made int;
begin
  if record_events.events is null then
    return 0;
  end if;
  if jsonb_typeof(record_events.events) <> 'array' then
    perform cogo.fail('CG000', 'events must be an array');
  end if;
  insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
  select e.trace_id, e.event_type, coalesce(e.source, 'edge'), coalesce(e.project_id, t.project_id), coalesce(e.payload, '{}')
    from jsonb_array_elements(record_events.events) with ordinality as item(body, nth)
   cross join lateral jsonb_to_record(item.body)
      as e(trace_id text, event_type text, source text, project_id uuid, payload jsonb)
    left join cogo.traces t on t.trace_id = e.trace_id
   order by item.nth;
  get diagnostics made = row_count;
  return made;
exception
  when not_null_violation or check_violation or invalid_text_representation or invalid_parameter_value then
    perform cogo.fail('CG000', 'an event needs trace_id and event_type (lower-case words joined by dots)',
      jsonb_build_object('reason', sqlerrm));
    return 0;
end
$$;
