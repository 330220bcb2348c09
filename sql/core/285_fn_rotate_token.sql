-- cogo_api.rotate_token: makes the token that follows the one the call came with: same project, kind, name, executor and life time.
-- Returns what create_token does. The old token goes on until drop_token(previous => true) comes with the new one, so a caller that
-- ends before it has stored the new one has lost nothing; a follower nobody came back with is revoked by the next rotation.
-- Errors: CG001 anonymous, unknown or expired; CG002 a user or the server, who have no token.
create function cogo_api.rotate_token()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who    record := cogo.identity();
  old    cogo.tokens;
  made   cogo.tokens;
  secret text;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a token is needed', null, 'Send it in x-cogo-token');
  elsif who.token_id is null then
    perform cogo.fail('CG002', 'only a token can be rotated', null, 'Send it in x-cogo-token');
  end if;
  select t.* into old from cogo.tokens t where t.id = who.token_id for update;
  update cogo.tokens t set revoked_at = clock_timestamp() where t.replaces = old.id and t.revoked_at is null;
  secret := case old.kind when 'worker' then 'cogo_wt_' else 'cogo_pt_' end || cogo.new_secret();
  insert into cogo.tokens as t (project_id, kind, name, executor, token_hash, prefix, created_by, expires_at, replaces)
  values (old.project_id, old.kind, old.name, old.executor, sha256(convert_to(secret, 'UTF8')), left(secret, 12), old.created_by,
    clock_timestamp() + (old.expires_at - old.created_at), old.id)
  returning t.* into made;
  return jsonb_build_object('id', made.id, 'token', secret, 'prefix', made.prefix, 'kind', made.kind,
    'executor', made.executor, 'expires_at', made.expires_at);
end
$$;
revoke all on function cogo_api.rotate_token() from public;
grant execute on function cogo_api.rotate_token() to anon, authenticated, service_role;
