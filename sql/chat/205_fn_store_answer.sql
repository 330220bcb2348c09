-- cogo.store_answer: the answer of a session and what it cost, as chat_end and request_end take them; returns the id of the message.
-- message_id: the one chat_begin kept for it, or null. Raises what its checks raise; the callers say what that means.
create function cogo.store_answer(session cogo.chat_sessions, message_id bigint, trace_id text, answer jsonb, usage jsonb)
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
