-- cogo_api.chat_begin: opens or continues a session and stores what the user said; returns {session_id, message_id, answer_id, history, found?}.
-- history: up to 50 messages before this call, [{role, content}], oldest first. message_id: the last message stored.
-- answer_id: kept for the answer's message, so that what is told of it can be written before it is stored.
-- messages: [{role, content}] as the request had them. A client may send the whole conversation each time: on a session that
-- has messages, only those after its last assistant message are stored.
-- query: what to look for, as cogo_api.search takes it: found is what that answers. One call for both, because an embedded database
-- answers one call at a time. A query that is refused stores nothing.
-- Needs viewer. Errors: as search; as require_role; CG003 another's session; CG004 no message, or one without role and content.
create function cogo_api.chat_begin(
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
