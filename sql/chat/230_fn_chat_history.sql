-- cogo_api.chat_history: {session_id, project_id, title, messages:[{id, role, content, trace_id, role_id, model, answer,
-- created_at}]}, the newest lim (at most 500), oldest first. Error: CG003 unknown or another's session.
create function cogo_api.chat_history(session_id uuid, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  session cogo.chat_sessions := cogo.own_session(chat_history.session_id);
begin
  return jsonb_build_object('session_id', session.id, 'project_id', session.project_id, 'title', session.title,
    'messages', cogo.messages_json(session.id, least(greatest(coalesce(lim, 50), 1), 500), true));
end
$$;
revoke all on function cogo_api.chat_history(uuid, int) from public;
grant execute on function cogo_api.chat_history(uuid, int) to anon, authenticated, service_role;
