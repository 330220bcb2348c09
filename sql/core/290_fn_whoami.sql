-- cogo_api.whoami: {kind, user_id, project_id, executor, role}. role is the token's role in its project, or 'service'.
create function cogo_api.whoami()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('kind', i.kind, 'user_id', i.user_id, 'project_id', i.project_id, 'executor', i.executor,
    'role', case i.kind when 'service' then 'service' when 'token' then 'editor' when 'worker' then 'worker' end,
    'principal', cogo.principal())
    from cogo.identity() i
$$;
revoke all on function cogo_api.whoami() from public;
grant execute on function cogo_api.whoami() to anon, authenticated, service_role;
