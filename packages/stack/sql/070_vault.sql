-- Supabase Vault's names, small: secrets are encrypted with pgcrypto under the place's key-encryption key, which the stack
-- hands to its own sessions as the setting `cogo.kek`. The key is never in the database, so a copy of it opens nothing.
do $shim$
begin
  if to_regnamespace('vault') is not null and to_regprocedure('vault.cogo_is_shim()') is null then
    return;
  end if;
  create schema if not exists vault;

  create table if not exists vault.secrets (
    id           uuid primary key default gen_random_uuid(),
    name         text unique,
    description  text not null default '',
    secret       text not null,
    key_id       uuid,
    nonce        bytea,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now()
  );

  create or replace function vault.cogo_is_shim() returns boolean language sql immutable as 'select true';

  create or replace function vault.cogo_key() returns text language plpgsql stable set search_path = '' as $fn$
  begin
    if coalesce(current_setting('cogo.kek', true), '') = '' then
      raise exception using errcode = '55000', message = 'the vault is locked in this session',
        hint = 'Only the gateway holds the key-encryption key; call through it.';
    end if;
    return current_setting('cogo.kek');
  end
  $fn$;

  create or replace view vault.decrypted_secrets as
    select id, name, description, secret,
      extensions.pgp_sym_decrypt(extensions.dearmor(secret), vault.cogo_key()) as decrypted_secret,
      key_id, nonce, created_at, updated_at
    from vault.secrets;

  create or replace function vault.create_secret(
    new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
  ) returns uuid language sql set search_path = '' as $fn$
    insert into vault.secrets (secret, name, description)
    values (extensions.armor(extensions.pgp_sym_encrypt(new_secret, vault.cogo_key())), new_name, coalesce(new_description, ''))
    returning id
  $fn$;

  create or replace function vault.update_secret(
    secret_id uuid, new_secret text default null, new_name text default null, new_description text default null,
    new_key_id uuid default null
  ) returns void language sql set search_path = '' as $fn$
    update vault.secrets set
      secret = case when new_secret is null then secret
        else extensions.armor(extensions.pgp_sym_encrypt(new_secret, vault.cogo_key())) end,
      name = coalesce(new_name, name),
      description = coalesce(new_description, description),
      updated_at = now()
    where id = secret_id
  $fn$;

  revoke all on schema vault from public;
  revoke all on all tables in schema vault from public;
  revoke all on all functions in schema vault from public;
  grant usage on schema vault to service_role;
  grant select, delete on vault.secrets, vault.decrypted_secrets to service_role;
  grant execute on function vault.create_secret, vault.update_secret, vault.cogo_key to service_role;
end
$shim$;
