-- cogo_api.list_tokens: the tokens of a project without their secrets, newest first. Needs admin.
create function cogo_api.list_tokens(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(list_tokens.project_id, 'admin');
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', t.id, 'kind', t.kind, 'name', t.name, 'executor', t.executor, 'prefix', t.prefix,
             'created_at', t.created_at, 'expires_at', t.expires_at, 'revoked_at', t.revoked_at)
             order by t.created_at desc, t.id)
      from cogo.tokens t
     where t.project_id = list_tokens.project_id), '[]');
end
$$;
revoke all on function cogo_api.list_tokens(uuid) from public;
grant execute on function cogo_api.list_tokens(uuid) to anon, authenticated, service_role;
