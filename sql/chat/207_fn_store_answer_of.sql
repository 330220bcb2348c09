-- cogo.store_answer_of: store_answer for a principal the server vouches for. chat: {session_id, message_id?, answer, usage?}.
-- Error: CG003 no such session, or another's.
create function cogo.store_answer_of(principal text, trace_id text, chat jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  session cogo.chat_sessions;
begin
  select s.* into session from cogo.chat_sessions s
   where s.id = (chat ->> 'session_id')::uuid and (store_answer_of.principal = 'service' or s.owner = store_answer_of.principal);
  if not found then
    perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', chat -> 'session_id'));
  end if;
  perform cogo.store_answer(session, (chat ->> 'message_id')::bigint, store_answer_of.trace_id, chat -> 'answer', chat -> 'usage');
end
$$;
