-- cogo_api.revoke_token: ends a token at once. Needs admin in its project. Returns {id, revoked_at}; again is harmless.
-- Error: CG003 unknown token or one of a project the caller cannot administer.
create function cogo_api.revoke_token(id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  owner_project uuid;
  ended timestamptz;
begin
  select t.project_id into owner_project from cogo.tokens t where t.id = revoke_token.id;
  if not found or cogo.role_in(owner_project) is null then
    perform cogo.fail('CG003', 'no such token', jsonb_build_object('id', revoke_token.id));
  end if;
  perform cogo.require_role(owner_project, 'admin');
  update cogo.tokens t
     set revoked_at = coalesce(t.revoked_at, clock_timestamp())
   where t.id = revoke_token.id
  returning t.revoked_at into ended;
  return jsonb_build_object('id', revoke_token.id, 'revoked_at', ended);
end
$$;
revoke all on function cogo_api.revoke_token(uuid) from public;
grant execute on function cogo_api.revoke_token(uuid) to anon, authenticated, service_role;
