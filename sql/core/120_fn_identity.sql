-- cogo.identity: who is calling, as one row (kind, user_id, project_id, executor, token_id).
--
-- kind is one of anon, user, service, token, worker:
--   service  the role service_role, or a session without any request context (psql, pg_cron, migrations)
--   token    a project token in the header x-cogo-token; project_id is its project
--   worker   a worker token in the same header; executor is the executor it serves
--   user     a signed-in user (auth.uid())
--   anon     anybody with the publishable key
-- The role comes from the session (SET ROLE by the Data API), which a request cannot forge; the claims are asked only where no
-- API role is set. A token that is unknown, revoked or expired raises CG001 and never falls back to anon.
create function cogo.identity(
  out kind text, out user_id uuid, out project_id uuid, out executor text, out token_id uuid)
language plpgsql
stable
set search_path = ''
as $$
declare
  api_role text := current_setting('role', true);
  headers  text := nullif(current_setting('request.headers', true), '');
  claims   text := nullif(current_setting('request.jwt.claims', true), '');
  secret   text;
begin
  if api_role is null or api_role not in ('anon', 'authenticated', 'service_role') then
    api_role := nullif(coalesce(
      claims::jsonb ->> 'role', current_setting('request.jwt.claim.role', true)), '');
    if api_role is null then
      if claims is not null then
        api_role := 'anon';
      elsif session_user in ('anon', 'authenticated', 'authenticator') then
        api_role := 'anon';
      else
        api_role := 'service_role';
      end if;
    end if;
  end if;

  if api_role = 'service_role' then
    identity.kind := 'service';
    return;
  end if;

  if headers is not null then
    secret := headers::jsonb ->> 'x-cogo-token';
  end if;
  if secret is not null and secret <> '' then
    select case t.kind when 'worker' then 'worker' else 'token' end, t.project_id, t.executor, t.id
      into identity.kind, identity.project_id, identity.executor, identity.token_id
      from cogo.tokens t
     where t.token_hash = sha256(convert_to(secret, 'UTF8'))
       and t.revoked_at is null
       and (t.expires_at is null or t.expires_at > clock_timestamp());
    if not found then
      perform cogo.fail('CG001', 'the token in x-cogo-token is unknown, revoked or expired', null,
        'Make a new one with create_token');
    end if;
    return;
  end if;

  identity.user_id := auth.uid();
  if identity.user_id is null and claims is not null then
    begin
      identity.user_id := (claims::jsonb ->> 'sub')::uuid;
    exception when invalid_text_representation then
      identity.user_id := null;
    end;
  end if;
  identity.kind := case when api_role = 'authenticated' and identity.user_id is not null then 'user' else 'anon' end;
  if identity.kind = 'anon' then
    identity.user_id := null;
  end if;
end
$$;
