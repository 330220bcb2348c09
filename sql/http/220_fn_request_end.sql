-- cogo_api.request_end: the last database call of every request, one round trip: events, trace, idempotency.
--
-- request: {trace_id, function, principal, status, duration_ms, trace_status:"ready"|"failed"|"running", output?, error?,
-- idempotency?:{key, lock_token, store, response?:{status, headers, content_type, body}}, events?,
-- chat?:{session_id, message_id, answer, usage}}. chat: the answer of a session of this principal (see chat_end), kept with everything
-- else or not at all; without an output it is the trace's as well.
-- store = true keeps the response for replays; false frees the key for a retry (5xx, aborts). A lock token that is no longer the
-- holder's changes nothing: stored is then false. A trace of another principal is never touched.
-- Returns {events, stored}. Errors: CG000 malformed, CG002 not the server, CG003 no such session of the principal.
create function cogo_api.request_end(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  asked  record;
  sent   int := 0;
  stored boolean := false;
  moment timestamptz := clock_timestamp();
begin
  perform cogo.require_service();
  select * into asked from jsonb_to_record(request)
    as r(trace_id text, function text, principal text, status int, duration_ms numeric, trace_status text, output jsonb,
         error jsonb, idempotency jsonb, events jsonb, chat jsonb);
  if asked.trace_id is null or asked.function is null or asked.principal is null then
    perform cogo.fail('CG000', 'request needs trace_id, function and principal');
  end if;

  if jsonb_typeof(asked.chat) = 'object' then
    perform cogo.store_answer_of(asked.principal, asked.trace_id, asked.chat);
  end if;

  if jsonb_typeof(asked.events) = 'array' and jsonb_array_length(asked.events) > 0 then
    sent := cogo.record_events(asked.events);
  end if;

  if asked.trace_status is not null then
    update cogo.traces t
       set status = asked.trace_status, http_status = asked.status, duration_ms = asked.duration_ms,
           output = coalesce(asked.output, asked.chat -> 'answer', t.output), error = coalesce(asked.error, t.error),
           finished_at = case when asked.trace_status in ('ready', 'failed') then moment end
     where t.trace_id = asked.trace_id and t.principal = asked.principal;
  end if;

  if jsonb_typeof(asked.idempotency) = 'object' then
    if coalesce((asked.idempotency ->> 'store')::boolean, false) then
      update cogo.idempotency_keys k
         set state = 'done', lock_token = null, locked_until = null, response = asked.idempotency -> 'response'
       where k.principal = asked.principal and k.function = asked.function and k.key = asked.idempotency ->> 'key'
         and k.lock_token = (asked.idempotency ->> 'lock_token')::uuid;
      stored := found;
    else
      delete from cogo.idempotency_keys k
       where k.principal = asked.principal and k.function = asked.function and k.key = asked.idempotency ->> 'key'
         and k.lock_token = (asked.idempotency ->> 'lock_token')::uuid;
    end if;
  end if;
  return jsonb_build_object('events', sent, 'stored', stored);
exception
  when invalid_text_representation or check_violation or not_null_violation or unique_violation or invalid_parameter_value then
    perform cogo.fail('CG000', 'request is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.request_end(jsonb) from public;
grant execute on function cogo_api.request_end(jsonb) to service_role;
