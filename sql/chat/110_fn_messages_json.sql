-- cogo.messages_json: the newest lim messages of a session, oldest first.
create function cogo.messages_json(session_id uuid, lim int, full_rows boolean)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(
           case when full_rows
             then jsonb_build_object('id', m.id, 'role', m.role, 'content', m.content, 'trace_id', m.trace_id, 'role_id', m.role_id,
                    'model', m.model, 'answer', m.answer, 'created_at', m.created_at)
             else jsonb_build_object('role', m.role, 'content', m.content)
           end order by m.id), '[]')
    from (select x.* from cogo.chat_messages x where x.session_id = messages_json.session_id
           order by x.id desc limit messages_json.lim) m
$$;
