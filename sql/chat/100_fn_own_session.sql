-- cogo.own_session: a session the caller may use. Error: CG003 unknown, another's, or of a project the caller cannot read.
create function cogo.own_session(session_id uuid)
returns cogo.chat_sessions
language plpgsql
stable
set search_path = ''
as $$
declare
  session cogo.chat_sessions;
  me      text := cogo.principal();
begin
  select s.* into session from cogo.chat_sessions s where s.id = own_session.session_id;
  if not found or (me <> 'service' and session.owner <> me) or cogo.role_in(session.project_id) is null then
    perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', own_session.session_id));
  end if;
  return session;
end
$$;
