-- cogo_api.create_token: makes a project token (kind 'project') or a worker token (kind 'worker', executor cogo-work unless given)
-- and returns {id, token, prefix, kind, executor, expires_at}. This is the only time the token is shown; only its sha256 is kept.
-- Needs admin. Errors: CG001/CG002/CG003 as require_role, CG004 bad kind, name, executor or life time.
create function cogo_api.create_token(
  project_id uuid, kind text, name text, executor text default null, expires_in_seconds int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  made   cogo.tokens;
  secret text;
begin
  perform cogo.require_role(create_token.project_id, 'admin');
  if coalesce(create_token.kind, '') not in ('project', 'worker') then
    perform cogo.fail('CG004', 'kind must be project or worker', jsonb_build_object('field', 'kind'));
  end if;
  if coalesce(length(create_token.name), 0) not between 1 and 200 then
    perform cogo.fail('CG004', 'the name must have 1 to 200 characters', jsonb_build_object('field', 'name'));
  end if;
  if create_token.kind = 'project' and create_token.executor is not null then
    perform cogo.fail('CG004', 'a project token has no executor', jsonb_build_object('field', 'executor'));
  end if;
  if create_token.executor is not null and create_token.executor not in ('cogo-plan', 'cogo-work') then
    perform cogo.fail('CG004', 'executor must be cogo-plan or cogo-work', jsonb_build_object('field', 'executor'));
  end if;
  if create_token.expires_in_seconds is not null and create_token.expires_in_seconds <= 0 then
    perform cogo.fail('CG004', 'expires_in_seconds must be positive', jsonb_build_object('field', 'expires_in_seconds'));
  end if;
  secret := case create_token.kind when 'worker' then 'cogo_wt_' else 'cogo_pt_' end || cogo.new_secret();
  insert into cogo.tokens as t (project_id, kind, name, executor, token_hash, prefix, created_by, expires_at)
  values (
    create_token.project_id, create_token.kind, create_token.name,
    case when create_token.kind = 'worker' then coalesce(create_token.executor, 'cogo-work') end,
    sha256(convert_to(secret, 'UTF8')), left(secret, 12),
    (cogo.identity()).user_id,
    clock_timestamp() + make_interval(secs => create_token.expires_in_seconds))
  returning t.* into made;
  return jsonb_build_object('id', made.id, 'token', secret, 'prefix', made.prefix, 'kind', made.kind,
    'executor', made.executor, 'expires_at', made.expires_at);
end
$$;
revoke all on function cogo_api.create_token(uuid, text, text, text, int) from public;
grant execute on function cogo_api.create_token(uuid, text, text, text, int) to anon, authenticated, service_role;
