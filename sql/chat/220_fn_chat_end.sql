-- cogo_api.chat_end: stores the answer and what it cost; returns {message_id}.
-- answer: {text, citations?, provider?, mode?, …}, kept whole. usage: {provider, model, input_tokens, output_tokens, cost_usd?,
-- estimated?}; a missing cost_usd is stored as unknown, never as 0.
-- Errors: CG003 unknown or another's session; CG004 no text, or usage out of range.
create function cogo_api.chat_end(session_id uuid, trace_id text, answer jsonb, usage jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  session cogo.chat_sessions := cogo.own_session(chat_end.session_id);
  made    bigint;
begin
  insert into cogo.chat_messages as m (session_id, project_id, role, content, trace_id, model, answer)
  values (session.id, session.project_id, 'assistant', answer ->> 'text', chat_end.trace_id, usage ->> 'model', answer)
  returning m.id into made;
  update cogo.chat_sessions s set updated_at = clock_timestamp() where s.id = session.id;
  if usage is not null then
    insert into cogo.usage_events (project_id, principal, trace_id, function, provider, model, input_tokens, output_tokens, cost_usd, estimated)
    values (session.project_id, session.owner, chat_end.trace_id, 'chat', coalesce(usage ->> 'provider', 'unknown'),
      coalesce(usage ->> 'model', 'unknown'), coalesce((usage ->> 'input_tokens')::bigint, 0),
      coalesce((usage ->> 'output_tokens')::bigint, 0), (usage ->> 'cost_usd')::numeric,
      coalesce((usage ->> 'estimated')::boolean, false));
  end if;
  return jsonb_build_object('message_id', made);
exception
  when not_null_violation or check_violation or invalid_text_representation then
    perform cogo.fail('CG004', 'the answer needs text, and usage whole numbers of tokens', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.chat_end(uuid, text, jsonb, jsonb) from public;
grant execute on function cogo_api.chat_end(uuid, text, jsonb, jsonb) to anon, authenticated, service_role;
