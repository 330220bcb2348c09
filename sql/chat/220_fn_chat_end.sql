-- cogo_api.chat_end: stores the answer and what it cost; returns {message_id}.
-- answer: {text, citations?, provider?, mode?, …}, kept whole. usage: {provider, model, input_tokens, output_tokens, cost_usd?,
-- estimated?}; a missing cost_usd is stored as unknown, never as 0.
-- A chat that answers at once stores it with request_end instead.
-- Errors: CG003 unknown or another's session; CG004 no text, or usage out of range.
create function cogo_api.chat_end(session_id uuid, trace_id text, answer jsonb, usage jsonb)
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
