-- COGO faster_turns.

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/core/110_fn_schema_version.sql 35293b220cc6914a
-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create or replace function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121180000' $$;

-- sql/bus/110_fn_bus_events_broadcast.sql 0ae27fb5bbc132c8
-- Trigger: every new row of bus_events goes out on trace:{trace_id}; events whose source is 'system' also on system:events. Those of one
-- statement are one insert and one notification where Realtime takes several at once, as the stack's own does.
create or replace function cogo.bus_events_broadcast()
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

create or replace trigger bus_events_broadcast
  after insert on cogo.bus_events
  referencing new table as inserted
  for each statement execute function cogo.bus_events_broadcast();

-- sql/http/220_fn_request_end.sql 643e97ba48735d44
-- cogo_api.request_end: the last database call of every request, one round trip: events, trace, idempotency.
--
-- request: {trace_id, function, principal, status, duration_ms, trace_status:"ready"|"failed"|"running", output?, error?,
-- idempotency?:{key, lock_token, store, response?:{status, headers, content_type, body}}, events?,
-- chat?:{session_id, message_id, answer, usage}}. chat: the answer of a session of this principal (see chat_end), kept with everything
-- else or not at all; without an output it is the trace's as well.
-- store = true keeps the response for replays; false frees the key for a retry (5xx, aborts). A lock token that is no longer the
-- holder's changes nothing: stored is then false. A trace of another principal is never touched.
-- Returns {events, stored}. Errors: CG000 malformed, CG002 not the server, CG003 no such session of the principal.
create or replace function cogo_api.request_end(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  asked  record;
  session cogo.chat_sessions;
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
    select s.* into session from cogo.chat_sessions s
     where s.id = (asked.chat ->> 'session_id')::uuid and (asked.principal = 'service' or s.owner = asked.principal);
    if not found then
      perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', asked.chat -> 'session_id'));
    end if;
    perform cogo.store_answer(session, (asked.chat ->> 'message_id')::bigint, asked.trace_id, asked.chat -> 'answer', asked.chat -> 'usage');
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

-- sql/chat/205_fn_store_answer.sql a5d85927d7e27dd8
-- cogo.store_answer: the answer of a session and what it cost, as chat_end and request_end take them; returns the id of the message.
-- message_id: the one chat_begin kept for it, or null. Raises what its checks raise; the callers say what that means.
create or replace function cogo.store_answer(session cogo.chat_sessions, message_id bigint, trace_id text, answer jsonb, usage jsonb)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  made bigint;
begin
  insert into cogo.chat_messages as m (id, session_id, project_id, role, content, trace_id, model, answer)
  overriding system value
  values (coalesce(store_answer.message_id, nextval('cogo.chat_messages_id_seq')), session.id, session.project_id, 'assistant',
    store_answer.answer ->> 'text', store_answer.trace_id, usage ->> 'model', store_answer.answer)
  returning m.id into made;
  update cogo.chat_sessions s set updated_at = clock_timestamp() where s.id = session.id;
  if usage is not null then
    insert into cogo.usage_events (project_id, principal, trace_id, function, provider, model, input_tokens, output_tokens, cost_usd, estimated)
    values (session.project_id, session.owner, store_answer.trace_id, 'chat', coalesce(usage ->> 'provider', 'unknown'),
      coalesce(usage ->> 'model', 'unknown'), coalesce((usage ->> 'input_tokens')::bigint, 0),
      coalesce((usage ->> 'output_tokens')::bigint, 0), (usage ->> 'cost_usd')::numeric,
      coalesce((usage ->> 'estimated')::boolean, false));
  end if;
  return made;
end
$$;

-- sql/chat/210_fn_chat_begin.sql 455a8fd05ebd3433
-- cogo_api.chat_begin: opens or continues a session and stores what the user said; returns {session_id, message_id, answer_id, history, found?}.
-- history: up to 50 messages before this call, [{role, content}], oldest first. message_id: the last message stored.
-- answer_id: kept for the answer's message, so that what is told of it can be written before it is stored.
-- messages: [{role, content}] as the request had them. A client may send the whole conversation each time: on a session that
-- has messages, only those after its last assistant message are stored.
-- query: what to look for, as cogo_api.search takes it: found is what that answers. One call for both, because an embedded database
-- answers one call at a time. A query that is refused stores nothing.
-- Needs viewer. Errors: as search; as require_role; CG003 another's session; CG004 no message, or one without role and content.
create or replace function cogo_api.chat_begin(
  project_id uuid, session_id uuid, trace_id text, messages jsonb, model text, role_id text default null, query jsonb default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  session cogo.chat_sessions;
  history jsonb := '[]';
  first   int := 1;
  last_id bigint;
  found   jsonb;
begin
  perform cogo.require_role(chat_begin.project_id, 'viewer');
  if jsonb_typeof(messages) is distinct from 'array' or jsonb_array_length(messages) = 0 then
    perform cogo.fail('CG004', 'at least one message is needed', jsonb_build_object('field', 'messages'));
  end if;
  if chat_begin.query is not null then
    found := cogo_api.search(chat_begin.project_id, chat_begin.query);
  end if;
  if chat_begin.session_id is null then
    insert into cogo.chat_sessions as s (project_id, owner, title)
    values (chat_begin.project_id, cogo.principal(), left(messages -> -1 ->> 'content', 120))
    returning s.* into session;
  else
    session := cogo.own_session(chat_begin.session_id);
    if session.project_id <> chat_begin.project_id then
      perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', chat_begin.session_id));
    end if;
    history := cogo.messages_json(session.id, 50, false);
    if jsonb_array_length(history) > 0 then
      select coalesce(max(m.nth), 0) + 1 into first
        from jsonb_array_elements(messages) with ordinality as m(body, nth) where m.body ->> 'role' = 'assistant';
    end if;
    update cogo.chat_sessions s set updated_at = clock_timestamp() where s.id = session.id;
  end if;

  begin
    with said as (
      insert into cogo.chat_messages as c (session_id, project_id, role, content, trace_id, role_id, model)
      select session.id, session.project_id, m.body ->> 'role', m.body ->> 'content', chat_begin.trace_id, chat_begin.role_id, chat_begin.model
        from jsonb_array_elements(messages) with ordinality as m(body, nth)
       where m.nth >= first
       order by m.nth
      returning c.id
    )
    select max(said.id) into last_id from said;
  exception
    when not_null_violation or check_violation then
      perform cogo.fail('CG004', 'a message needs role (system, user, assistant or tool) and content',
        jsonb_build_object('field', 'messages'));
  end;
  return jsonb_build_object('session_id', session.id, 'message_id', last_id,
      'answer_id', nextval('cogo.chat_messages_id_seq'), 'history', history)
    || case when found is null then '{}' else jsonb_build_object('found', found) end;
end
$$;
revoke all on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text, jsonb) from public;
grant execute on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text, jsonb) to anon, authenticated, service_role;

-- sql/chat/220_fn_chat_end.sql 0fab8b44e4b06393
-- cogo_api.chat_end: stores the answer and what it cost; returns {message_id}.
-- answer: {text, citations?, provider?, mode?, …}, kept whole. usage: {provider, model, input_tokens, output_tokens, cost_usd?,
-- estimated?}; a missing cost_usd is stored as unknown, never as 0.
-- A chat that answers at once stores it with request_end instead.
-- Errors: CG003 unknown or another's session; CG004 no text, or usage out of range.
create or replace function cogo_api.chat_end(session_id uuid, trace_id text, answer jsonb, usage jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object('message_id',
    cogo.store_answer(cogo.own_session(chat_end.session_id), null, chat_end.trace_id, answer, usage));
exception
  when not_null_violation or check_violation or invalid_text_representation then
    perform cogo.fail('CG004', 'the answer needs text, and usage whole numbers of tokens', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.chat_end(uuid, text, jsonb, jsonb) from public;
grant execute on function cogo_api.chat_end(uuid, text, jsonb, jsonb) to anon, authenticated, service_role;

-- sql/jobs/910_grants.sql 296bad55219eb37c
-- Nothing in cogo is for the API roles but the functions that policies on realtime.messages and storage.objects
-- call. Every migration that adds functions runs this again.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text), cogo.can_read_artifact(text),
  cogo.can_write_artifact(text) to anon, authenticated, service_role;

-- sql/jobs/920_artifacts.sql 86579971438d63be
-- by hand

-- end of what is built
