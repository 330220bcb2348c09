-- cogo_api.drop_token: revokes the token the call came with, or with previous the one it followed (see rotate_token). Returns
-- {id, revoked_at}; id is null where there was no previous one. Errors: CG001/CG002 as rotate_token.
create function cogo_api.drop_token(previous boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who   record := cogo.identity();
  ended cogo.tokens;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a token is needed', null, 'Send it in x-cogo-token');
  elsif who.token_id is null then
    perform cogo.fail('CG002', 'only a token can be dropped', null, 'Send it in x-cogo-token');
  end if;
  update cogo.tokens t
     set revoked_at = coalesce(t.revoked_at, clock_timestamp())
   where t.id = case when previous then (select s.replaces from cogo.tokens s where s.id = who.token_id) else who.token_id end
  returning t.* into ended;
  return jsonb_build_object('id', ended.id, 'revoked_at', ended.revoked_at);
end
$$;
revoke all on function cogo_api.drop_token(boolean) from public;
grant execute on function cogo_api.drop_token(boolean) to anon, authenticated, service_role;
