-- COGO foundation. Built from sql/ by scripts/migrations/build.ts: change the files there, not this one.

-- sql/core/000_extensions.sql
-- Extensions and schemas COGO stands on.
--
-- Each extension is created only where it can be and is not yet there. The embedded place supplies `cron`, `net`, `realtime` and
-- `pgmq` as schemas of its own; a schema that exists already is left alone, so callers never know where they run.
create schema if not exists extensions;

do $$
declare
  ext record;
begin
  for ext in
    select * from (values
      ('vector',   'extensions', null),
      ('pg_trgm',  'extensions', null),
      ('pgcrypto', 'extensions', null),
      ('pgmq',     null,         'pgmq'),
      ('pg_cron',  null,         'cron'),
      ('pg_net',   'extensions', 'net')
    ) as wanted(name, target_schema, own_schema)
  loop
    continue when exists (select from pg_catalog.pg_extension where extname = ext.name);
    continue when ext.own_schema is not null
      and exists (select from pg_catalog.pg_namespace where nspname = ext.own_schema);
    continue when not exists (select from pg_catalog.pg_available_extensions where name = ext.name);
    if ext.target_schema is null then
      execute format('create extension if not exists %I', ext.name);
    else
      execute format('create extension if not exists %I with schema %I', ext.name, ext.target_schema);
    end if;
  end loop;

  if to_regtype('extensions.halfvec') is null then
    raise exception using
      errcode = 'CG030',
      message = 'pgvector 0.7 or newer is needed in the schema "extensions"',
      detail = jsonb_build_object('extension', 'vector')::text,
      hint = 'Install pgvector, or move it: alter extension vector set schema extensions';
  end if;
  if to_regnamespace('pgmq') is null then
    raise exception using
      errcode = 'CG030',
      message = 'pgmq 1.5.1 or newer is needed',
      detail = jsonb_build_object('extension', 'pgmq')::text,
      hint = 'Install the pgmq extension on this server, then apply the migrations again';
  end if;
end
$$;

-- cogo: tables and internal functions, exposed to nobody. cogo_api: the only schema the Data API serves.
create schema if not exists cogo;
create schema if not exists cogo_api;
comment on schema cogo is 'COGO: tables and internal functions. Not exposed; reach it through cogo_api.';
comment on schema cogo_api is 'COGO: the exposed functions. Every one checks its caller.';

revoke all on schema cogo from public;
revoke all on schema cogo_api from public;
-- usage on cogo lets a policy call cogo.can_read_topic; no table and no other function of it is granted.
grant usage on schema cogo to anon, authenticated, service_role;
grant usage on schema cogo_api to anon, authenticated, service_role;

-- sql/core/010_tables.sql
-- Projects, their members and their tokens.
--
-- A project is the unit of isolation: every row of COGO carries its project_id. No row here references auth.users, because a
-- platform may delete users on its own terms; a member whose user is gone simply never signs in again.
create table cogo.projects (
  id          uuid primary key default gen_random_uuid(),
  slug        text not null,
  name        text not null,
  visibility  text not null default 'private',
  created_by  uuid,
  created_at  timestamptz not null default clock_timestamp(),
  updated_at  timestamptz not null default clock_timestamp(),
  constraint projects_slug_key unique (slug),
  constraint projects_slug_form check (slug ~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$'),
  constraint projects_name_form check (length(name) between 1 and 200),
  constraint projects_visibility_known check (visibility in ('private', 'public'))
);

create table cogo.project_members (
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  user_id     uuid not null,
  role        text not null,
  created_at  timestamptz not null default clock_timestamp(),
  primary key (project_id, user_id),
  constraint project_members_role_known check (role in ('owner', 'admin', 'editor', 'viewer'))
);
create index project_members_user on cogo.project_members (user_id);

-- A token is stored as its sha256 only. kind 'project' acts as an editor of its project; kind 'worker' serves the jobs of one
-- executor in its project.
create table cogo.tokens (
  id          uuid primary key default gen_random_uuid(),
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  kind        text not null,
  name        text not null,
  executor    text,
  token_hash  bytea not null,
  prefix      text not null,
  created_by  uuid,
  created_at  timestamptz not null default clock_timestamp(),
  expires_at  timestamptz,
  revoked_at  timestamptz,
  constraint tokens_hash_key unique (token_hash),
  constraint tokens_kind_known check (kind in ('project', 'worker')),
  constraint tokens_worker_has_executor check ((kind = 'worker') = (executor is not null)),
  constraint tokens_name_form check (length(name) between 1 and 200)
);
create index tokens_project on cogo.tokens (project_id, created_at);

alter table cogo.projects enable row level security;
alter table cogo.project_members enable row level security;
alter table cogo.tokens enable row level security;

-- sql/core/100_fn_fail.sql
-- cogo.fail: raises one of COGO's own errors. SQLSTATE class CG; packages/spec holds the table that maps states to HTTP.
-- message: what happened and why; hint: what to do; detail: JSON for programs.
create function cogo.fail(state text, message text, detail jsonb default null, hint text default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using
    errcode = fail.state,
    message = fail.message,
    detail = coalesce(fail.detail::text, ''),
    hint = coalesce(fail.hint, '');
end
$$;

-- sql/core/110_fn_schema_version.sql
-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121000000' $$;

-- sql/core/120_fn_identity.sql
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

-- sql/core/130_fn_principal.sql
-- cogo.principal: the caller as one string (service, anon, user:<uuid>, token:<uuid>, worker:<uuid>), to compare owners with.
create function cogo.principal()
returns text
language sql
stable
set search_path = ''
as $$
  select case i.kind
           when 'user' then 'user:' || i.user_id
           when 'token' then 'token:' || i.token_id
           when 'worker' then 'worker:' || i.token_id
           else i.kind
         end
    from cogo.identity() i
$$;

-- sql/core/140_fn_role_rank.sql
-- cogo.role_rank: viewer 1 < editor 2 < admin 3 < owner 4; null for anything else.
create function cogo.role_rank(role text)
returns int
language sql
immutable
parallel safe
set search_path = ''
as $$ select case role when 'viewer' then 1 when 'editor' then 2 when 'admin' then 3 when 'owner' then 4 end $$;

-- sql/core/150_fn_role_in.sql
-- cogo.role_in: the caller's role in a project: owner, admin, editor, viewer; 'service'; 'worker'; null where it has none.
-- A public project gives everyone 'viewer'. Never raises for an unknown project.
create function cogo.role_in(project_id uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  who   record;
  found_role text;
begin
  who := cogo.identity();
  if who.kind = 'service' then
    return case when exists (select from cogo.projects p where p.id = role_in.project_id) then 'service' end;
  end if;
  if who.kind = 'token' and who.project_id = role_in.project_id then
    return 'editor';
  end if;
  if who.kind = 'worker' and who.project_id = role_in.project_id then
    return 'worker';
  end if;
  if who.kind = 'user' then
    select m.role into found_role
      from cogo.project_members m
     where m.project_id = role_in.project_id and m.user_id = who.user_id;
    if found then
      return found_role;
    end if;
  end if;
  return (select 'viewer' from cogo.projects p where p.id = role_in.project_id and p.visibility = 'public');
end
$$;

-- sql/core/160_fn_require_role.sql
-- cogo.require_role: returns the caller's role in the project, or raises.
--   CG003  no such project, or none the caller may know of (the two answer alike)
--   CG001  a public project, an anonymous caller, and more than reading asked for
--   CG002  the caller's role is too low
-- A worker counts as viewer, and as editor where workers_may_write is given (indexing is a job type).
create function cogo.require_role(project_id uuid, minimum text, workers_may_write boolean default false)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  actual text := cogo.role_in(require_role.project_id);
  wanted int := cogo.role_rank(require_role.minimum);
  who    record;
begin
  if actual is null then
    perform cogo.fail('CG003', 'no such project', jsonb_build_object('project_id', require_role.project_id),
      'Check the id, and that you are a member of the project');
  end if;
  if actual = 'service' then
    return actual;
  end if;
  if actual = 'worker' then
    if wanted > (case when workers_may_write then 2 else 1 end) then
      perform cogo.fail('CG002', 'a worker token may not do this', null, 'Use a member''s session or a project token');
    end if;
    return actual;
  end if;
  if cogo.role_rank(actual) < wanted then
    who := cogo.identity();
    if who.kind = 'anon' then
      perform cogo.fail('CG001', 'sign in to change this project', null,
        'Send a user JWT in Authorization or a project token in x-cogo-token');
    end if;
    perform cogo.fail('CG002', format('this needs the role %s in the project', require_role.minimum),
      jsonb_build_object('role', actual, 'needed', require_role.minimum), 'Ask an admin of the project');
  end if;
  return actual;
end
$$;

-- sql/core/170_fn_require_service.sql
-- cogo.require_service: raises unless the caller is the server itself (secret key, or no request context).
create function cogo.require_service()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if (cogo.identity()).kind <> 'service' then
    perform cogo.fail('CG002', 'only the server may call this', null, 'Call it with the secret key');
  end if;
end
$$;

-- sql/core/180_fn_new_secret.sql
-- cogo.new_secret: 32 characters of base62 from the server's strong random source (190 bits).
create function cogo.new_secret()
returns text
language plpgsql
volatile
set search_path = ''
as $$
declare
  alphabet constant text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  secret text := '';
  raw    bytea;
  byte   int;
begin
  while length(secret) < 32 loop
    raw := uuid_send(gen_random_uuid());
    for i in 0..15 loop
      -- bytes 6 and 8 of a version 4 UUID hold its version and variant, not randomness
      continue when i in (6, 8);
      byte := get_byte(raw, i);
      -- 248 = 4 * 62: larger bytes would favour the first letters
      continue when byte >= 248;
      secret := secret || substr(alphabet, byte % 62 + 1, 1);
    end loop;
  end loop;
  return left(secret, 32);
end
$$;

-- sql/core/190_fn_project_json.sql
-- cogo.project_json: a project as the API shows it, with the caller's role in it.
create function cogo.project_json(p cogo.projects, role text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('id', p.id, 'slug', p.slug, 'name', p.name, 'visibility', p.visibility, 'role', role,
    'created_at', p.created_at)
$$;

-- sql/core/195_fn_require_other_owner.sql
-- cogo.require_other_owner: raises CG022 when the user is the only owner of the project.
create function cogo.require_other_owner(project_id uuid, user_id uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not exists (
    select from cogo.project_members m
     where m.project_id = require_other_owner.project_id
       and m.user_id <> require_other_owner.user_id
       and m.role = 'owner')
  then
    perform cogo.fail('CG022', 'the last owner of a project cannot leave it', null, 'Make another member owner first');
  end if;
end
$$;

-- sql/core/210_fn_create_project.sql
-- cogo_api.create_project: makes a project owned by the caller (a user, or the server itself) and returns
-- {id, slug, name, visibility, role, created_at, created}.
-- A slug the caller can already see returns that project with created = false, so a start-up script may call it again and again.
-- A slug taken by a project the caller cannot see gets a suffix, so that its existence is not disclosed.
-- Errors: CG001 anonymous, CG002 tokens, CG004 bad name, slug or visibility.
create function cogo_api.create_project(name text, slug text default null, visibility text default 'private')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who     record := cogo.identity();
  project cogo.projects;
  wanted  text;
  role    text;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'sign in to create a project');
  elsif who.kind not in ('user', 'service') then
    perform cogo.fail('CG002', 'a token may not create projects', null, 'Use a user session or the secret key');
  end if;
  if coalesce(length(btrim(create_project.name)), 0) not between 1 and 200 then
    perform cogo.fail('CG004', 'the name must have 1 to 200 characters', jsonb_build_object('field', 'name'));
  end if;
  if coalesce(create_project.visibility, '') not in ('private', 'public') then
    perform cogo.fail('CG004', 'visibility must be private or public', jsonb_build_object('field', 'visibility'));
  end if;
  wanted := create_project.slug;
  if wanted is null then
    wanted := btrim(left(
      regexp_replace(lower(create_project.name), '[^a-z0-9]+', '-', 'g'), 56), '-');
    if wanted = '' then
      wanted := 'project-' || left(md5(create_project.name), 8);
    end if;
  elsif wanted !~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$' then
    perform cogo.fail('CG004', 'the slug must be lower-case letters, digits and dashes, at most 64', jsonb_build_object('field', 'slug'));
  end if;

  loop
    insert into cogo.projects as p (slug, name, visibility, created_by)
    values (wanted, btrim(create_project.name), create_project.visibility, who.user_id)
    on conflict on constraint projects_slug_key do nothing
    returning p.* into project;
    exit when found;
    select p.* into project from cogo.projects p where p.slug = wanted;
    if found then
      role := cogo.role_in(project.id);
      if role is not null then
        return cogo.project_json(project, role) || jsonb_build_object('created', false);
      end if;
    end if;
    wanted := rtrim(left(wanted, 56), '-') || '-' || left(md5(gen_random_uuid()::text), 6);
  end loop;

  if who.kind = 'user' then
    insert into cogo.project_members (project_id, user_id, role) values (project.id, who.user_id, 'owner');
    role := 'owner';
  else
    role := 'service';
  end if;
  return cogo.project_json(project, role) || jsonb_build_object('created', true);
end
$$;
revoke all on function cogo_api.create_project(text, text, text) from public;
grant execute on function cogo_api.create_project(text, text, text) to anon, authenticated, service_role;

-- sql/core/220_fn_list_projects.sql
-- cogo_api.list_projects: the projects the caller can read, newest first, at most 500.
create function cogo_api.list_projects()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(cogo.project_json(p, r.role) order by p.created_at desc, p.id), '[]')
    from (select * from cogo.projects order by created_at desc, id limit 500) p
    cross join lateral (select cogo.role_in(p.id) as role) r
   where r.role is not null
$$;
revoke all on function cogo_api.list_projects() from public;
grant execute on function cogo_api.list_projects() to anon, authenticated, service_role;

-- sql/core/230_fn_get_project.sql
-- cogo_api.get_project: one project by id or slug. Error: CG003 unknown or not the caller's to see.
create function cogo_api.get_project(project text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  project_row  cogo.projects;
  role text;
begin
  if get_project.project ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then
    select p.* into project_row from cogo.projects p where p.id = get_project.project::uuid;
  else
    select p.* into project_row from cogo.projects p where p.slug = get_project.project;
  end if;
  role := cogo.role_in(project_row.id);
  if role is null then
    perform cogo.fail('CG003', 'no such project', jsonb_build_object('project', get_project.project),
      'Check the id or slug, and that you are a member of the project');
  end if;
  return cogo.project_json(project_row, role);
end
$$;
revoke all on function cogo_api.get_project(text) from public;
grant execute on function cogo_api.get_project(text) to anon, authenticated, service_role;

-- sql/core/240_fn_add_member.sql
-- cogo_api.add_member: adds a user to a project or changes the role. Needs admin; only an owner (or the server) makes owners or
-- changes one, and the last owner cannot be lowered.
-- Errors: CG001/CG002/CG003 as require_role, CG004 unknown role, CG022 the last owner.
create function cogo_api.add_member(project_id uuid, user_id uuid, role text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  mine   text := cogo.require_role(add_member.project_id, 'admin');
  before text;
begin
  if cogo.role_rank(add_member.role) is null or add_member.user_id is null then
    perform cogo.fail('CG004', 'user_id and a role of owner, admin, editor or viewer are needed', jsonb_build_object('field', 'role'));
  end if;
  -- owners are changed one at a time, so that two calls cannot each remove the other's last owner
  perform from cogo.projects p where p.id = add_member.project_id for update;
  select m.role into before from cogo.project_members m
   where m.project_id = add_member.project_id and m.user_id = add_member.user_id;
  if mine not in ('owner', 'service') and 'owner' in (add_member.role, coalesce(before, '')) then
    perform cogo.fail('CG002', 'only an owner may make or change an owner');
  end if;
  if before = 'owner' and add_member.role <> 'owner' then
    perform cogo.require_other_owner(add_member.project_id, add_member.user_id);
  end if;
  insert into cogo.project_members as m (project_id, user_id, role)
  values (add_member.project_id, add_member.user_id, add_member.role)
  on conflict on constraint project_members_pkey do update set role = excluded.role;
  return jsonb_build_object('project_id', add_member.project_id, 'user_id', add_member.user_id, 'role', add_member.role);
end
$$;
revoke all on function cogo_api.add_member(uuid, uuid, text) from public;
grant execute on function cogo_api.add_member(uuid, uuid, text) to anon, authenticated, service_role;

-- sql/core/250_fn_remove_member.sql
-- cogo_api.remove_member: takes a user out of a project. Needs admin, or the member itself; an owner is removed by an owner only,
-- and the last owner not at all. Returns {removed}.
-- Errors: CG001/CG002/CG003 as require_role, CG022 the last owner.
create function cogo_api.remove_member(project_id uuid, user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who    record := cogo.identity();
  mine   text;
  before text;
begin
  mine := cogo.require_role(remove_member.project_id,
    case when who.kind = 'user' and who.user_id = remove_member.user_id then 'viewer' else 'admin' end);
  perform from cogo.projects p where p.id = remove_member.project_id for update;
  select m.role into before from cogo.project_members m
   where m.project_id = remove_member.project_id and m.user_id = remove_member.user_id;
  if not found then
    return jsonb_build_object('removed', false);
  end if;
  if before = 'owner' then
    if mine not in ('owner', 'service') then
      perform cogo.fail('CG002', 'only an owner may remove an owner');
    end if;
    perform cogo.require_other_owner(remove_member.project_id, remove_member.user_id);
  end if;
  delete from cogo.project_members m
   where m.project_id = remove_member.project_id and m.user_id = remove_member.user_id;
  return jsonb_build_object('removed', true);
end
$$;
revoke all on function cogo_api.remove_member(uuid, uuid) from public;
grant execute on function cogo_api.remove_member(uuid, uuid) to anon, authenticated, service_role;

-- sql/core/260_fn_create_token.sql
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

-- sql/core/270_fn_list_tokens.sql
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

-- sql/core/280_fn_revoke_token.sql
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

-- sql/core/290_fn_whoami.sql
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

-- sql/core/300_fn_version.sql
-- cogo_api.version: {schema_version, postgres, embedded, extensions:{name: version}, capabilities:{cron, net, realtime, vault}}.
-- A capability is true where its SQL names exist, whoever supplies them.
create function cogo_api.version()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'schema_version', cogo.schema_version(),
    'postgres', current_setting('server_version'),
    'embedded', version() ~* 'emscripten|wasm',
    'extensions', (
      select coalesce(jsonb_object_agg(e.extname, e.extversion), '{}')
        from pg_catalog.pg_extension e
       where e.extname in ('vector', 'pgmq', 'pg_cron', 'pg_net', 'pg_trgm', 'pgcrypto')),
    'capabilities', jsonb_build_object(
      'cron', to_regnamespace('cron') is not null,
      'net', to_regnamespace('net') is not null,
      'realtime', to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null,
      'vault', to_regnamespace('vault') is not null))
$$;
revoke all on function cogo_api.version() from public;
grant execute on function cogo_api.version() to anon, authenticated, service_role;

-- sql/bus/010_tables.sql
-- Traces and their events: what every request, job and run of COGO leaves behind.
--
-- A trace is made by the first request that carries its id (http/request_begin) and belongs to that principal. Events are
-- append-only; a trigger broadcasts each on the Realtime topic trace:{trace_id}. The row is the truth, the broadcast a hint.
create table cogo.traces (
  trace_id     text primary key,
  project_id   uuid references cogo.projects (id) on delete cascade,
  function     text not null,
  route        text,
  principal    text not null,
  session_id   uuid,
  status       text not null default 'running',
  http_status  int,
  output       jsonb,
  error        jsonb,
  created_at   timestamptz not null default clock_timestamp(),
  finished_at  timestamptz,
  duration_ms  numeric,
  constraint traces_id_form check (trace_id ~ '^[A-Za-z0-9._:-]{1,128}$'),
  constraint traces_status_known check (status in ('queued', 'running', 'ready', 'failed')),
  constraint traces_finished check ((status in ('ready', 'failed')) = (finished_at is not null))
) with (fillfactor = 80);
create index traces_project on cogo.traces (project_id, created_at desc);
create index traces_created on cogo.traces (created_at);

create table cogo.bus_events (
  id          bigint generated always as identity primary key,
  trace_id    text not null,
  event_type  text not null,
  source      text not null,
  project_id  uuid references cogo.projects (id) on delete cascade,
  payload     jsonb not null default '{}',
  created_at  timestamptz not null default clock_timestamp(),
  constraint bus_events_type_form check (event_type ~ '^[a-z][a-z0-9_.-]{0,99}$')
);
create index bus_events_trace on cogo.bus_events (trace_id, id desc);
create index bus_events_created on cogo.bus_events (created_at);

alter table cogo.traces enable row level security;
alter table cogo.bus_events enable row level security;

-- sql/bus/100_fn_broadcast.sql
-- cogo.broadcast: sends one message on a private Realtime topic, where Realtime exists. A broadcast is a hint: whatever goes wrong
-- in it is swallowed, so that it never undoes the change it tells of. Returns whether it was handed over.
create function cogo.broadcast(topic text, event text, payload jsonb)
returns boolean
language plpgsql
volatile
set search_path = ''
as $$
begin
  if to_regprocedure('realtime.send(jsonb,text,text,boolean)') is null then
    return false;
  end if;
  perform realtime.send(broadcast.payload, broadcast.event, broadcast.topic, true);
  return true;
exception when others then
  return false;
end
$$;

-- sql/bus/110_fn_bus_events_broadcast.sql
-- Trigger: every new row of bus_events goes out on trace:{trace_id}; events whose source is 'system' also on system:events.
create function cogo.bus_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  event cogo.bus_events;
  body  jsonb;
begin
  for event in select * from inserted order by id loop
    body := jsonb_build_object('id', event.id, 'trace_id', event.trace_id, 'event_type', event.event_type,
      'source', event.source, 'project_id', event.project_id, 'payload', event.payload, 'ts', event.created_at);
    perform cogo.broadcast('trace:' || event.trace_id, event.event_type, body);
    if event.source = 'system' then
      perform cogo.broadcast('system:events', event.event_type, body);
    end if;
  end loop;
  return null;
end
$$;

create trigger bus_events_broadcast
  after insert on cogo.bus_events
  referencing new table as inserted
  for each statement execute function cogo.bus_events_broadcast();

-- sql/bus/120_fn_record_events.sql
-- cogo.record_events: inserts events given as [{trace_id, event_type, source, project_id?, payload?}] and returns how many.
-- An event without project_id takes that of its trace. Error: CG000 where it is not an array of such objects.
create function cogo.record_events(events jsonb)
returns int
language plpgsql
set search_path = ''
as $$
declare
  made int;
begin
  if record_events.events is null then
    return 0;
  end if;
  if jsonb_typeof(record_events.events) <> 'array' then
    perform cogo.fail('CG000', 'events must be an array');
  end if;
  insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
  select e.trace_id, e.event_type, coalesce(e.source, 'edge'), coalesce(e.project_id, t.project_id), coalesce(e.payload, '{}')
    from jsonb_array_elements(record_events.events) with ordinality as item(body, nth)
   cross join lateral jsonb_to_record(item.body)
      as e(trace_id text, event_type text, source text, project_id uuid, payload jsonb)
    left join cogo.traces t on t.trace_id = e.trace_id
   order by item.nth;
  get diagnostics made = row_count;
  return made;
exception
  when not_null_violation or check_violation or invalid_text_representation or invalid_parameter_value then
    perform cogo.fail('CG000', 'an event needs trace_id and event_type (lower-case words joined by dots)',
      jsonb_build_object('reason', sqlerrm));
    return 0;
end
$$;

-- sql/bus/130_fn_can_read_trace.sql
-- cogo.can_read_trace: whether the caller may read a trace: the server; whoever started it; a reader of its project.
create function cogo.can_read_trace(trace_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  trace record;
  me    text;
begin
  me := cogo.principal();
  if me = 'service' then
    return true;
  end if;
  select t.project_id, t.principal into trace from cogo.traces t where t.trace_id = can_read_trace.trace_id;
  if not found then
    return false;
  end if;
  -- 'anon' is everybody, so it owns nothing
  if me <> 'anon' and trace.principal = me then
    return true;
  end if;
  return trace.project_id is not null and cogo.role_in(trace.project_id) is not null;
end
$$;

-- sql/bus/140_fn_can_read_topic.sql
-- cogo.can_read_topic: whether the caller may listen on a Realtime topic. Used by the policy on realtime.messages, so it must be
-- callable by every API role; it discloses nothing but that answer.
--   trace:{trace_id}      as can_read_trace: join after the trace exists (the first frame or answer of the request has come)
--   jobs:{job_id}         readers of the job's project
--   agents:{executor_id}  members of the executor's project, and its workers
--   system:events         the server only
-- Every other topic is none of COGO's: false here leaves it to other policies.
create function cogo.can_read_topic(topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  family text := split_part(topic, ':', 1);
  name   text := substr(topic, length(split_part(topic, ':', 1)) + 2);
begin
  if topic is null then
    return false;
  end if;
  return coalesce(case family
    when 'trace' then cogo.can_read_trace(name)
    when 'jobs' then cogo.can_read_job(name)
    when 'agents' then cogo.can_read_executor(name)
    when 'system' then (cogo.identity()).kind = 'service'
  end, false);
exception when sqlstate 'CG001' then
  -- a revoked token reads nothing
  return false;
end
$$;

-- sql/bus/150_fn_can_write_topic.sql
-- cogo.can_write_topic: whether the caller may send on a Realtime topic: the server, and a worker on the topic of an executor of
-- its own (presence). Everything else is sent by the database.
create function cogo.can_write_topic(topic text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  kind text := (cogo.identity()).kind;
begin
  return kind = 'service'
    or (kind = 'worker' and split_part(topic, ':', 1) = 'agents' and cogo.can_read_topic(topic));
exception when sqlstate 'CG001' then
  return false;
end
$$;

-- sql/bus/210_fn_emit_events.sql
-- cogo_api.emit_events: the server records events [{trace_id, event_type, source, project_id?, payload?}]; returns how many.
-- Errors: CG000 malformed, CG002 not the server.
create function cogo_api.emit_events(events jsonb)
returns int
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_service();
  return cogo.record_events(emit_events.events);
end
$$;
revoke all on function cogo_api.emit_events(jsonb) from public;
grant execute on function cogo_api.emit_events(jsonb) to service_role;

-- sql/bus/220_fn_trace_status.sql
-- cogo_api.trace_status: {trace_id, project_id, status, function, route, counts:{event_type: n}, started_at, finished_at,
-- duration_ms, http_status, events:[newest first, at most 200], output, error}.
-- Error: CG003 unknown, or not the caller's to read.
create function cogo_api.trace_status(trace_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  trace cogo.traces;
begin
  select t.* into trace from cogo.traces t where t.trace_id = trace_status.trace_id;
  if not found or not cogo.can_read_trace(trace_status.trace_id) then
    perform cogo.fail('CG003', 'no such trace', jsonb_build_object('trace_id', trace_status.trace_id));
  end if;
  return jsonb_build_object(
    'trace_id', trace.trace_id, 'project_id', trace.project_id, 'status', trace.status, 'function', trace.function,
    'route', trace.route, 'started_at', trace.created_at, 'finished_at', trace.finished_at, 'duration_ms', trace.duration_ms,
    'http_status', trace.http_status, 'output', trace.output, 'error', trace.error,
    'counts', coalesce((
      select jsonb_object_agg(c.event_type, c.n)
        from (select e.event_type, count(*) as n from cogo.bus_events e
               where e.trace_id = trace_status.trace_id group by e.event_type) c), '{}'),
    'events', coalesce((
      select jsonb_agg(jsonb_build_object('id', e.id, 'event_type', e.event_type, 'source', e.source, 'payload', e.payload,
               'ts', e.created_at) order by e.id desc)
        from (select * from cogo.bus_events b where b.trace_id = trace_status.trace_id order by b.id desc limit 200) e), '[]'));
end
$$;
revoke all on function cogo_api.trace_status(text) from public;
grant execute on function cogo_api.trace_status(text) to anon, authenticated, service_role;

-- sql/bus/230_fn_list_traces.sql
-- cogo_api.list_traces: the newest traces of a project, without their events, at most 500. Needs viewer.
create function cogo_api.list_traces(project_id uuid, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(list_traces.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('trace_id', t.trace_id, 'function', t.function, 'route', t.route, 'status', t.status,
             'http_status', t.http_status, 'started_at', t.created_at, 'finished_at', t.finished_at,
             'duration_ms', t.duration_ms) order by t.created_at desc, t.trace_id)
      from (select * from cogo.traces x where x.project_id = list_traces.project_id
             order by x.created_at desc, x.trace_id limit least(greatest(coalesce(list_traces.lim, 50), 1), 500)) t), '[]');
end
$$;
revoke all on function cogo_api.list_traces(uuid, int) from public;
grant execute on function cogo_api.list_traces(uuid, int) to anon, authenticated, service_role;

-- sql/bus/900_realtime_policies.sql
-- Private Realtime topics are rows of realtime.messages; these two policies decide who joins and who sends.
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;

do $$
begin
  if to_regclass('realtime.messages') is null or to_regprocedure('realtime.topic()') is null then
    return;
  end if;
  execute 'drop policy if exists cogo_topics_read on realtime.messages';
  execute 'drop policy if exists cogo_topics_write on realtime.messages';
  execute 'create policy cogo_topics_read on realtime.messages for select to anon, authenticated
             using (cogo.can_read_topic((select realtime.topic())))';
  execute 'create policy cogo_topics_write on realtime.messages for insert to anon, authenticated
             with check (cogo.can_write_topic((select realtime.topic())))';
end
$$;

-- sql/http/010_tables.sql
-- What the HTTP plane keeps between requests: idempotency keys and rate buckets. Only request_begin and request_end touch them.
--
-- An idempotency key belongs to (principal, function). running: one request holds it by lock_token until locked_until; a holder
-- that died loses it then. done: the stored answer is replayed until expires_at.
create table cogo.idempotency_keys (
  principal     text not null,
  function      text not null,
  key           text not null,
  request_hash  text not null,
  state         text not null,
  lock_token    uuid,
  locked_until  timestamptz,
  response      jsonb,
  trace_id      text,
  created_at    timestamptz not null default clock_timestamp(),
  expires_at    timestamptz not null,
  primary key (principal, function, key),
  constraint idempotency_keys_state_known check (state in ('running', 'done')),
  constraint idempotency_keys_running check ((state = 'running') = (lock_token is not null and locked_until is not null)),
  constraint idempotency_keys_done check ((state = 'done') = (response is not null)),
  constraint idempotency_keys_key_form check (length(key) between 1 and 255)
);
create index idempotency_keys_expiry on cogo.idempotency_keys (expires_at);

-- A token bucket: tokens as of updated_at; it refills by the rate each caller states.
create table cogo.rate_buckets (
  bucket      text primary key,
  tokens      double precision not null,
  full_at     timestamptz not null,
  updated_at  timestamptz not null
) with (fillfactor = 50);
-- a bucket that is full again says nothing and is deleted by housekeeping
create index rate_buckets_full on cogo.rate_buckets (full_at);

alter table cogo.idempotency_keys enable row level security;
alter table cogo.rate_buckets enable row level security;

-- sql/http/100_fn_take_rate.sql
-- cogo.take_rate: takes cost tokens from a bucket in one statement and returns {allowed, limit, remaining, reset_s, retry_after_s}.
-- rate: {bucket, capacity, refill_per_s, cost?}. A refused call takes nothing. reset_s: seconds until the bucket is full.
create function cogo.take_rate(rate jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  capacity double precision := greatest((rate ->> 'capacity')::double precision, 1);
  refill   double precision := greatest((rate ->> 'refill_per_s')::double precision, 1e-6);
  cost     double precision := coalesce((rate ->> 'cost')::double precision, 1);
  moment   timestamptz := clock_timestamp();
  level    double precision;
  took     boolean;
begin
  if rate ->> 'bucket' is null or rate ->> 'capacity' is null or rate ->> 'refill_per_s' is null or cost < 0 then
    perform cogo.fail('CG000', 'rate needs bucket, capacity and refill_per_s');
  end if;
  insert into cogo.rate_buckets as b (bucket, tokens, full_at, updated_at)
  values (rate ->> 'bucket', capacity, moment, moment)
  on conflict (bucket) do nothing;
  -- refill and take under the row lock; the level before the take decides
  select least(capacity, b.tokens + refill * greatest(extract(epoch from moment - b.updated_at), 0)) into level
    from cogo.rate_buckets b where b.bucket = rate ->> 'bucket' for update;
  took := level >= cost;
  if took then
    level := level - cost;
    update cogo.rate_buckets b
       set tokens = level, updated_at = moment, full_at = moment + make_interval(secs => (capacity - level) / refill)
     where b.bucket = rate ->> 'bucket';
  end if;
  return jsonb_build_object(
    'allowed', took, 'limit', capacity, 'remaining', floor(level),
    'reset_s', ceil((capacity - level) / refill),
    'retry_after_s', case when took then 0 else greatest(ceil((cost - level) / refill), 1) end);
end
$$;

-- sql/http/110_fn_take_idempotency.sql
-- cogo.take_idempotency: claims a key for (principal, function) and returns the verdict:
--   {state:"new", lock_token}       the caller executes and must end with request_end
--   {state:"replay", response}      answered before with the same input
--   {state:"running"}               another request with the same input executes now; ask again
--   {state:"conflict"}              the key was used with another input
-- spec: {key, request_hash, ttl_s?}. A holder that has not ended after 180 s is taken for dead.
create function cogo.take_idempotency(principal text, function text, spec jsonb, trace_id text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  lock_life constant interval := interval '180 seconds';
  held   cogo.idempotency_keys;
  moment timestamptz := clock_timestamp();
  token  uuid := gen_random_uuid();
  ends   timestamptz := moment + make_interval(secs => least(greatest(coalesce((spec ->> 'ttl_s')::int, 86400), 1), 604800));
begin
  if spec ->> 'request_hash' is null or coalesce(length(spec ->> 'key'), 0) not between 1 and 255 then
    perform cogo.fail('CG000', 'idempotency needs key (1 to 255 characters) and request_hash');
  end if;
  insert into cogo.idempotency_keys as k (principal, function, key, request_hash, state, lock_token, locked_until, trace_id, expires_at)
  values (take_idempotency.principal, take_idempotency.function, spec ->> 'key', spec ->> 'request_hash', 'running', token,
    moment + lock_life, take_idempotency.trace_id, ends)
  on conflict on constraint idempotency_keys_pkey do nothing;
  if found then
    return jsonb_build_object('state', 'new', 'lock_token', token);
  end if;

  select k.* into held from cogo.idempotency_keys k
   where k.principal = take_idempotency.principal and k.function = take_idempotency.function and k.key = spec ->> 'key'
     for update;
  if not found then
    -- released between the two statements; the next try finds the key free
    return jsonb_build_object('state', 'running');
  end if;
  if held.expires_at > moment then
    if held.request_hash <> spec ->> 'request_hash' then
      return jsonb_build_object('state', 'conflict');
    elsif held.state = 'done' then
      return jsonb_build_object('state', 'replay', 'response', held.response, 'trace_id', held.trace_id);
    elsif held.locked_until > moment then
      return jsonb_build_object('state', 'running');
    end if;
  end if;
  update cogo.idempotency_keys k
     set request_hash = spec ->> 'request_hash', state = 'running', lock_token = token, locked_until = moment + lock_life,
         response = null, trace_id = take_idempotency.trace_id, created_at = moment, expires_at = ends
   where k.principal = held.principal and k.function = held.function and k.key = held.key;
  return jsonb_build_object('state', 'new', 'lock_token', token);
end
$$;

-- sql/http/210_fn_request_begin.sql
-- cogo_api.request_begin: the first database call of every request, one round trip: rate, idempotency, trace.
--
-- request: {trace_id, function, principal, project_id?, session_id?, route?, rate?, idempotency?} (shapes: take_rate,
-- take_idempotency). Returns {trace:{trace_id, created_at}, rate?, idempotency?}. A refusal is a verdict, never an exception:
-- rate.allowed = false ends it there; a key in any other state than "new" makes no trace row (trace is then null).
-- A trace id that exists belongs to the principal that made it. Anyone else's request gets a new id, returned as trace.trace_id
-- with renamed = true: one tenant cannot write into the trace of another.
-- Errors: CG000 malformed, CG002 not the server, CG003 unknown project.
create function cogo_api.request_begin(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  asked   record;
  verdict jsonb := '{}';
  part    jsonb;
  id      text;
  made    timestamptz;
begin
  perform cogo.require_service();
  select * into asked from jsonb_to_record(request)
    as r(trace_id text, function text, project_id uuid, principal text, session_id uuid, route text, rate jsonb, idempotency jsonb);
  if asked.trace_id is null or asked.function is null or asked.principal is null then
    perform cogo.fail('CG000', 'request needs trace_id, function and principal');
  end if;

  if jsonb_typeof(asked.rate) = 'object' then
    part := cogo.take_rate(asked.rate);
    verdict := jsonb_build_object('rate', part, 'trace', null);
    if not (part ->> 'allowed')::boolean then
      return verdict;
    end if;
  end if;

  if jsonb_typeof(asked.idempotency) = 'object' then
    part := cogo.take_idempotency(asked.principal, asked.function, asked.idempotency, asked.trace_id);
    verdict := verdict || jsonb_build_object('idempotency', part, 'trace', null);
    if part ->> 'state' <> 'new' then
      return verdict;
    end if;
  end if;

  id := asked.trace_id;
  insert into cogo.traces as t (trace_id, project_id, function, route, principal, session_id)
  values (id, asked.project_id, asked.function, asked.route, asked.principal, asked.session_id)
  on conflict (trace_id) do update
    set status = 'running', finished_at = null, duration_ms = null, http_status = null
    where t.principal = excluded.principal and t.project_id is not distinct from excluded.project_id
  returning t.created_at into made;
  if not found then
    id := replace(gen_random_uuid()::text, '-', '');
    insert into cogo.traces as t (trace_id, project_id, function, route, principal, session_id)
    values (id, asked.project_id, asked.function, asked.route, asked.principal, asked.session_id)
    returning t.created_at into made;
    verdict := verdict || jsonb_build_object('trace', jsonb_build_object('trace_id', id, 'created_at', made, 'renamed', true));
    return verdict;
  end if;
  return verdict || jsonb_build_object('trace', jsonb_build_object('trace_id', id, 'created_at', made));
exception
  when foreign_key_violation then
    perform cogo.fail('CG003', 'no such project', jsonb_build_object('project_id', request ->> 'project_id'));
    return null;
  when invalid_text_representation or check_violation or invalid_parameter_value or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'request is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.request_begin(jsonb) from public;
grant execute on function cogo_api.request_begin(jsonb) to service_role;

-- sql/http/220_fn_request_end.sql
-- cogo_api.request_end: the last database call of every request, one round trip: events, trace, idempotency.
--
-- request: {trace_id, function, principal, status, duration_ms, trace_status:"ready"|"failed"|"running", output?, error?,
-- idempotency?:{key, lock_token, store, response?:{status, headers, content_type, body}}, events?}.
-- store = true keeps the response for replays; false frees the key for a retry (5xx, aborts). A lock token that is no longer the
-- holder's changes nothing: stored is then false. A trace of another principal is never touched.
-- Returns {events, stored}. Errors: CG000 malformed, CG002 not the server.
create function cogo_api.request_end(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  asked  record;
  sent   int := 0;
  stored boolean := false;
  moment timestamptz := clock_timestamp();
begin
  perform cogo.require_service();
  select * into asked from jsonb_to_record(request)
    as r(trace_id text, function text, principal text, status int, duration_ms numeric, trace_status text, output jsonb,
         error jsonb, idempotency jsonb, events jsonb);
  if asked.trace_id is null or asked.function is null or asked.principal is null then
    perform cogo.fail('CG000', 'request needs trace_id, function and principal');
  end if;

  if jsonb_typeof(asked.events) = 'array' and jsonb_array_length(asked.events) > 0 then
    sent := cogo.record_events(asked.events);
  end if;

  if asked.trace_status is not null then
    update cogo.traces t
       set status = asked.trace_status, http_status = asked.status, duration_ms = asked.duration_ms,
           output = coalesce(asked.output, t.output), error = coalesce(asked.error, t.error),
           finished_at = case when asked.trace_status in ('ready', 'failed') then moment end
     where t.trace_id = asked.trace_id and t.principal = asked.principal;
  end if;

  if jsonb_typeof(asked.idempotency) = 'object' then
    if coalesce((asked.idempotency ->> 'store')::boolean, false) then
      update cogo.idempotency_keys k
         set state = 'done', lock_token = null, locked_until = null, response = asked.idempotency -> 'response'
       where k.principal = asked.principal and k.function = asked.function and k.key = asked.idempotency ->> 'key'
         and k.lock_token = (asked.idempotency ->> 'lock_token')::uuid;
      stored := found;
    else
      delete from cogo.idempotency_keys k
       where k.principal = asked.principal and k.function = asked.function and k.key = asked.idempotency ->> 'key'
         and k.lock_token = (asked.idempotency ->> 'lock_token')::uuid;
    end if;
  end if;
  return jsonb_build_object('events', sent, 'stored', stored);
exception
  when invalid_text_representation or check_violation or invalid_parameter_value then
    perform cogo.fail('CG000', 'request is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.request_end(jsonb) from public;
grant execute on function cogo_api.request_end(jsonb) to service_role;

-- sql/knowledge/010_tables.sql
-- Knowledge: indexed files, their chunks, an inverted index for BM25 and vectors.
--
-- Generations. Each repository of a project has one published generation; an index run writes the next one. A reader sees rows
-- with generation <= the published one, so nothing of a run shows until index_finish, which in one transaction removes what the
-- run replaced and publishes. Unchanged files keep their rows and their older generation.
-- Counts. lex_terms.df and lex_stats hold exactly the published rows of a project; only index_finish changes them.
create table cogo.repos (
  id           bigint generated always as identity primary key,
  project_id   uuid not null references cogo.projects (id) on delete cascade,
  repo         text not null,
  generation   bigint not null default 0,
  commit_sha   text,
  meta         jsonb not null default '{}',
  published_at timestamptz,
  constraint repos_name_key unique (project_id, repo),
  constraint repos_name_form check (length(repo) between 1 and 400)
);

create table cogo.index_runs (
  id           uuid primary key default gen_random_uuid(),
  project_id   uuid not null references cogo.projects (id) on delete cascade,
  repo_id      bigint not null references cogo.repos (id) on delete cascade,
  generation   bigint not null,
  state        text not null default 'running',
  commit_sha   text,
  meta         jsonb not null default '{}',
  stats        jsonb,
  reason       text,
  files        int not null default 0,
  chunks       int not null default 0,
  started_at   timestamptz not null default clock_timestamp(),
  touched_at   timestamptz not null default clock_timestamp(),
  finished_at  timestamptz,
  constraint index_runs_generation_key unique (repo_id, generation),
  constraint index_runs_state_known check (state in ('running', 'published', 'aborted')),
  constraint index_runs_finished check ((state = 'running') = (finished_at is null))
);
-- one run at a time: index_begin aborts the one before it
create unique index index_runs_one_running on cogo.index_runs (repo_id) where state = 'running';
create index index_runs_project on cogo.index_runs (project_id, started_at desc);

create table cogo.source_files (
  id            bigint generated always as identity primary key,
  project_id    uuid not null references cogo.projects (id) on delete cascade,
  repo_id       bigint not null references cogo.repos (id) on delete cascade,
  generation    bigint not null,
  -- the run (by its generation) that will drop this file when it publishes
  dropped_by    bigint,
  path          text not null,
  content_hash  text not null,
  language      text,
  bytes         bigint,
  extractor     text not null,
  warning       text,
  indexed_at    timestamptz not null default clock_timestamp(),
  constraint source_files_path_key unique (repo_id, path, generation)
);
create index source_files_dropped on cogo.source_files (repo_id, dropped_by) where dropped_by is not null;
create index source_files_project on cogo.source_files (project_id);

create table cogo.chunks (
  id            bigint generated always as identity primary key,
  project_id    uuid not null references cogo.projects (id) on delete cascade,
  repo_id       bigint not null references cogo.repos (id) on delete cascade,
  file_id       bigint not null references cogo.source_files (id) on delete cascade,
  generation    bigint not null,
  ordinal       int not null,
  kind          text not null,
  symbol        text,
  signature     text,
  heading       text,
  start_line    int not null,
  end_line      int not null,
  text          text not null,
  content_hash  text not null,
  -- tokens in the chunk, the length of BM25
  length        int not null,
  -- its terms, sorted: makes removal exact without an index on lex_postings.chunk_id
  term_ids      int[] not null default '{}',
  constraint chunks_ordinal_key unique (file_id, ordinal),
  constraint chunks_lines check (start_line >= 0 and end_line >= start_line),
  constraint chunks_length check (length >= 0)
);
create index chunks_project on cogo.chunks (project_id, repo_id, generation);

create table cogo.lex_terms (
  id          int generated always as identity primary key,
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  term        text not null,
  df          int not null default 0,
  constraint lex_terms_term_key unique (project_id, term),
  constraint lex_terms_df check (df >= 0)
) with (fillfactor = 80);

-- The inverted index: how often a term occurs in each field of a chunk. Carries no project_id: a term belongs to one project, and
-- 16 bytes more a row would be half its size. length is the chunk's, so that scoring reads nothing else.
create table cogo.lex_postings (
  term_id   int not null,
  length    int not null,
  chunk_id  bigint not null,
  path      smallint not null,
  name      smallint not null,
  doc       smallint not null,
  body      smallint not null,
  constraint lex_postings_pkey primary key (term_id, chunk_id)
);

create table cogo.lex_stats (
  project_id    uuid primary key references cogo.projects (id) on delete cascade,
  chunks        bigint not null default 0,
  total_length  bigint not null default 0,
  constraint lex_stats_positive check (chunks >= 0 and total_length >= 0)
);

-- One row per embedding model; only vectors of the same model are compared.
create table cogo.embedding_models (
  id           smallint generated always as identity primary key,
  name         text not null,
  dims         int not null,
  fingerprint  text,
  status       text not null default 'active',
  constraint embedding_models_name_key unique (name),
  constraint embedding_models_status_known check (status in ('active', 'building', 'retired'))
);
insert into cogo.embedding_models (name, dims) values ('hash-1024-v1', 1024);

create table cogo.chunk_embeddings (
  chunk_id    bigint not null references cogo.chunks (id) on delete cascade,
  model_id    smallint not null references cogo.embedding_models (id),
  project_id  uuid not null,
  embedding   extensions.halfvec(1024) not null,
  primary key (chunk_id, model_id)
);
-- 2,056 bytes are just over the TOAST threshold; in line, an exact scan reads pages in order instead of one TOAST row a vector
alter table cogo.chunk_embeddings alter column embedding set storage plain;
-- exact scan of one project; no HNSW below about 20,000 rows (40 s to build 5,000 in WASM, for a scan of 40 ms)
create index chunk_embeddings_project on cogo.chunk_embeddings (project_id, model_id);

alter table cogo.repos enable row level security;
alter table cogo.index_runs enable row level security;
alter table cogo.source_files enable row level security;
alter table cogo.chunks enable row level security;
alter table cogo.lex_terms enable row level security;
alter table cogo.lex_postings enable row level security;
alter table cogo.lex_stats enable row level security;
alter table cogo.embedding_models enable row level security;
alter table cogo.chunk_embeddings enable row level security;

-- sql/knowledge/100_fn_drop_files.sql
-- cogo.drop_files: removes files with their chunks, postings and vectors. Postings go by the terms each chunk lists.
-- Does not touch df or lex_stats: the caller knows whether the rows were counted.
create function cogo.drop_files(file_ids bigint[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(cardinality(file_ids), 0) = 0 then
    return;
  end if;
  delete from cogo.lex_postings p
   using (select unnest(c.term_ids) as term_id, c.id as chunk_id from cogo.chunks c where c.file_id = any (file_ids)) gone
   where p.term_id = gone.term_id and p.chunk_id = gone.chunk_id;
  delete from cogo.chunks c where c.file_id = any (file_ids);
  delete from cogo.source_files f where f.id = any (file_ids);
end
$$;

-- sql/knowledge/110_fn_running_run.sql
-- cogo.running_run: locks an index run for one of its steps and returns it.
-- Errors: CG003 unknown run or a project the caller may not see, CG001/CG002 as require_role (editor, or a worker of the project),
-- CG031 the run is over (published, aborted, or overtaken by a newer index_begin).
create function cogo.running_run(run_id uuid)
returns cogo.index_runs
language plpgsql
set search_path = ''
as $$
declare
  run cogo.index_runs;
begin
  select r.* into run from cogo.index_runs r where r.id = running_run.run_id for update;
  if not found or cogo.role_in(run.project_id) is null then
    perform cogo.fail('CG003', 'no such index run', jsonb_build_object('run_id', running_run.run_id));
  end if;
  perform cogo.require_role(run.project_id, 'editor', true);
  if run.state <> 'running' then
    perform cogo.fail('CG031', format('the index run is %s: %s', run.state, coalesce(run.reason, 'finished')),
      jsonb_build_object('run_id', run.id, 'state', run.state), 'Begin a new run');
  end if;
  return run;
end
$$;

-- sql/knowledge/120_fn_abort_run.sql
-- cogo.abort_run: ends a running run and removes what it wrote. The published generation is untouched.
create function cogo.abort_run(run cogo.index_runs, why text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform cogo.drop_files(array(
    select f.id from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation));
  update cogo.source_files f set dropped_by = null where f.repo_id = run.repo_id and f.dropped_by = run.generation;
  update cogo.index_runs r
     set state = 'aborted', reason = left(coalesce(why, 'aborted'), 1000), finished_at = clock_timestamp()
   where r.id = run.id;
end
$$;

-- sql/knowledge/130_fn_chunk_json.sql
-- cogo.chunk_json: a chunk as search and get_chunks show it. generation and commit_sha are the published ones of its repository.
create function cogo.chunk_json(c cogo.chunks, f cogo.source_files, r cogo.repos)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'chunk_id', c.id, 'repo', r.repo, 'path', f.path, 'language', f.language, 'kind', c.kind, 'symbol', c.symbol,
    'signature', c.signature, 'heading', c.heading, 'start_line', c.start_line, 'end_line', c.end_line, 'text', c.text,
    'content_hash', c.content_hash, 'commit_sha', r.commit_sha, 'generation', r.generation)
$$;

-- sql/knowledge/210_fn_index_begin.sql
-- cogo_api.index_begin: opens the next generation of a repository and returns {run_id, generation, repo}.
-- A run of the same repository that is still open is aborted first: its writer died or lost; its later calls raise CG031.
-- Needs editor (or a worker of the project). Errors: as require_role; CG004 bad repo name.
create function cogo_api.index_begin(project_id uuid, repo text, commit_sha text default null, meta jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  home cogo.repos;
  old  cogo.index_runs;
  run  cogo.index_runs;
begin
  perform cogo.require_role(index_begin.project_id, 'editor', true);
  if coalesce(length(index_begin.repo), 0) not between 1 and 400 then
    perform cogo.fail('CG004', 'repo must have 1 to 400 characters', jsonb_build_object('field', 'repo'));
  end if;
  insert into cogo.repos as r (project_id, repo) values (index_begin.project_id, index_begin.repo)
  on conflict on constraint repos_name_key do nothing;
  -- the row lock makes two begins of one repository take turns
  select r.* into home from cogo.repos r
   where r.project_id = index_begin.project_id and r.repo = index_begin.repo for update;
  for old in select r.* from cogo.index_runs r where r.repo_id = home.id and r.state = 'running' for update loop
    perform cogo.abort_run(old, 'overtaken by a newer run');
  end loop;
  insert into cogo.index_runs as r (project_id, repo_id, generation, commit_sha, meta)
  values (index_begin.project_id, home.id,
    greatest(home.generation, coalesce((select max(x.generation) from cogo.index_runs x where x.repo_id = home.id), 0)) + 1,
    index_begin.commit_sha, coalesce(index_begin.meta, '{}'))
  returning r.* into run;
  return jsonb_build_object('run_id', run.id, 'generation', run.generation, 'repo', home.repo);
end
$$;
revoke all on function cogo_api.index_begin(uuid, text, text, jsonb) from public;
grant execute on function cogo_api.index_begin(uuid, text, text, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/220_fn_index_files.sql
-- cogo_api.index_files: the published files of a repository, [{path, content_hash, extractor}] by path: what an incremental run
-- compares with. A repository never indexed answers []. Needs viewer.
create function cogo_api.index_files(project_id uuid, repo text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(index_files.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('path', f.path, 'content_hash', f.content_hash, 'extractor', f.extractor) order by f.path)
      from cogo.repos r
      join cogo.source_files f on f.repo_id = r.id and f.generation <= r.generation
     where r.project_id = index_files.project_id and r.repo = index_files.repo), '[]');
end
$$;
revoke all on function cogo_api.index_files(uuid, text) from public;
grant execute on function cogo_api.index_files(uuid, text) to anon, authenticated, service_role;

-- sql/knowledge/230_fn_index_put.sql
-- cogo_api.index_put: writes files with all their chunks into an open run and returns {files, chunks}. Each file is replaced whole,
-- and the call is atomic: all of its files, or none. Readers see nothing of it before index_finish.
--
-- files: [{path, content_hash, language?, bytes?, extractor, warning?, chunks:[{ordinal, kind, symbol?, signature?, heading?,
--   start_line, end_line, text, content_hash, tokens:{path:{t:n}, name:{..}, doc:{..}, body:{..}}, length, embedding?}]}]
-- embedding: '[x,y,...]' of the run's model (meta.embedder of index_begin, default hash-1024-v1) or null.
-- Errors: CG003/CG031 as running_run; CG000 malformed; CG004 a path twice, unknown embedder.
create function cogo_api.index_put(run_id uuid, files jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run      cogo.index_runs := cogo.running_run(index_put.run_id);
  model    smallint;
  n_files  int;
  n_chunks int;
begin
  if jsonb_typeof(files) is distinct from 'array' then
    perform cogo.fail('CG000', 'files must be an array');
  end if;
  select m.id into model from cogo.embedding_models m where m.name = coalesce(run.meta ->> 'embedder', 'hash-1024-v1');
  if not found then
    perform cogo.fail('CG004', 'unknown embedding model', jsonb_build_object('embedder', run.meta ->> 'embedder'));
  end if;

  -- a file put twice in one run: the later one counts
  perform cogo.drop_files(array(
    select f.id from cogo.source_files f
     where f.repo_id = run.repo_id and f.generation = run.generation
       and f.path in (select item ->> 'path' from jsonb_array_elements(files) item)));

  insert into cogo.source_files (project_id, repo_id, generation, path, content_hash, language, bytes, extractor, warning)
  select run.project_id, run.repo_id, run.generation, f.path, f.content_hash, f.language, f.bytes, f.extractor, f.warning
    from jsonb_to_recordset(files)
      as f(path text, content_hash text, language text, bytes bigint, extractor text, warning text);
  get diagnostics n_files = row_count;

  -- new terms in a fixed order, so that two runs of one project cannot wait for each other in a circle
  insert into cogo.lex_terms (project_id, term)
  select run.project_id, t.term
    from (select distinct token.key as term
            from jsonb_array_elements(files) f,
                 jsonb_array_elements(f -> 'chunks') c,
                 jsonb_each(c -> 'tokens') field,
                 jsonb_each(field.value) token) t
   where not exists (select from cogo.lex_terms known where known.project_id = run.project_id and known.term = t.term)
   order by t.term
  on conflict do nothing;

  with item as materialized (
    select sf.id as file_id, nextval('cogo.chunks_id_seq') as chunk_id, c.body
      from jsonb_array_elements(files) f
      join cogo.source_files sf
        on sf.repo_id = run.repo_id and sf.generation = run.generation and sf.path = f ->> 'path'
     cross join lateral jsonb_array_elements(f -> 'chunks') as c(body)
  ),
  counted as materialized (
    select i.chunk_id, term.id as term_id,
           coalesce(sum(token.value::int) filter (where field.key = 'path'), 0) as path,
           coalesce(sum(token.value::int) filter (where field.key = 'name'), 0) as name,
           coalesce(sum(token.value::int) filter (where field.key = 'doc'), 0) as doc,
           coalesce(sum(token.value::int) filter (where field.key = 'body'), 0) as body
      from item i
     cross join lateral jsonb_each(i.body -> 'tokens') field
     cross join lateral jsonb_each_text(field.value) token
      join cogo.lex_terms term on term.project_id = run.project_id and term.term = token.key
     group by i.chunk_id, term.id
  ),
  chunk as (
    insert into cogo.chunks (id, project_id, repo_id, file_id, generation, ordinal, kind, symbol, signature, heading,
                             start_line, end_line, text, content_hash, length, term_ids)
    overriding system value
    select i.chunk_id, run.project_id, run.repo_id, i.file_id, run.generation, r.ordinal, r.kind, r.symbol, r.signature, r.heading,
           r.start_line, r.end_line, r.text, r.content_hash, coalesce(r.length, 0), coalesce(terms.ids, '{}')
      from item i
     cross join lateral jsonb_to_record(i.body)
        as r(ordinal int, kind text, symbol text, signature text, heading text, start_line int, end_line int, text text,
             content_hash text, length int)
      left join (select n.chunk_id, array_agg(n.term_id order by n.term_id) as ids from counted n group by n.chunk_id) terms
        on terms.chunk_id = i.chunk_id
    returning id, length
  ),
  posting as (
    insert into cogo.lex_postings (term_id, length, chunk_id, path, name, doc, body)
    select n.term_id, k.length, n.chunk_id, least(n.path, 32767), least(n.name, 32767), least(n.doc, 32767), least(n.body, 32767)
      from counted n join chunk k on k.id = n.chunk_id
     order by n.term_id, n.chunk_id
  ),
  vector as (
    insert into cogo.chunk_embeddings (chunk_id, model_id, project_id, embedding)
    select i.chunk_id, model, run.project_id, (i.body ->> 'embedding')::extensions.halfvec
      from item i
     where i.body ->> 'embedding' is not null
  )
  select count(*) into n_chunks from chunk;

  update cogo.index_runs r
     set files = r.files + n_files, chunks = r.chunks + n_chunks, touched_at = clock_timestamp()
   where r.id = run.id;
  return jsonb_build_object('files', n_files, 'chunks', n_chunks);
exception
  when unique_violation then
    perform cogo.fail('CG004', 'a path or an ordinal occurs twice in one call', jsonb_build_object('reason', sqlerrm));
    return null;
  when not_null_violation or check_violation or invalid_text_representation or invalid_parameter_value or data_exception then
    perform cogo.fail('CG000', 'files is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.index_put(uuid, jsonb) from public;
grant execute on function cogo_api.index_put(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/240_fn_index_delete.sql
-- cogo_api.index_delete: marks published files that the run's commit no longer has; index_finish removes them. Also undoes an
-- index_put of the same path in this run. Returns {deleted}. Errors: CG003/CG031 as running_run.
create function cogo_api.index_delete(run_id uuid, paths text[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run    cogo.index_runs := cogo.running_run(index_delete.run_id);
  marked int;
begin
  perform cogo.drop_files(array(
    select f.id from cogo.source_files f
     where f.repo_id = run.repo_id and f.generation = run.generation and f.path = any (paths)));
  update cogo.source_files f
     set dropped_by = run.generation
   where f.repo_id = run.repo_id and f.generation < run.generation and f.path = any (paths);
  get diagnostics marked = row_count;
  update cogo.index_runs r set touched_at = clock_timestamp() where r.id = run.id;
  return jsonb_build_object('deleted', marked);
end
$$;
revoke all on function cogo_api.index_delete(uuid, text[]) from public;
grant execute on function cogo_api.index_delete(uuid, text[]) to anon, authenticated, service_role;

-- sql/knowledge/250_fn_index_finish.sql
-- cogo_api.index_finish: publishes a run in one transaction: what it replaced or deleted goes, df and lengths are brought up to
-- date by the difference, and the repository shows the new generation. Cost follows the size of the change, not of the project.
-- Returns {generation, files, chunks, removed_files} (files and chunks: of the whole repository now).
-- Errors: CG003/CG031 as running_run.
create function cogo_api.index_finish(run_id uuid, stats jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run      cogo.index_runs;
  obsolete bigint[];
  answer   jsonb;
begin
  -- the repository before the run, as index_begin does; then the project's counters
  perform from cogo.repos r
    where r.id = (select x.repo_id from cogo.index_runs x where x.id = index_finish.run_id) for update;
  run := cogo.running_run(index_finish.run_id);
  insert into cogo.lex_stats (project_id) values (run.project_id) on conflict do nothing;
  perform from cogo.lex_stats s where s.project_id = run.project_id for update;

  obsolete := array(
    select f.id from cogo.source_files f
     where f.repo_id = run.repo_id and f.generation < run.generation
       and (f.dropped_by = run.generation
            or f.path in (select n.path from cogo.source_files n where n.repo_id = run.repo_id and n.generation = run.generation)));

  with moved as (
    select c.id, c.length, c.term_ids, 1 as sign
      from cogo.chunks c where c.project_id = run.project_id and c.repo_id = run.repo_id and c.generation = run.generation
    union all
    select c.id, c.length, c.term_ids, -1 from cogo.chunks c where c.file_id = any (obsolete)
  ),
  change as (
    select t.term_id, sum(m.sign)::int as delta
      from moved m cross join lateral unnest(m.term_ids) as t(term_id)
     group by t.term_id
    having sum(m.sign) <> 0
  ),
  counted as (
    update cogo.lex_terms t set df = t.df + change.delta from change where t.id = change.term_id
  )
  update cogo.lex_stats s
     set chunks = s.chunks + total.chunks, total_length = s.total_length + total.length
    from (select coalesce(sum(m.sign), 0) as chunks, coalesce(sum(m.sign * m.length), 0) as length from moved m) total
   where s.project_id = run.project_id;

  perform cogo.drop_files(obsolete);
  update cogo.repos r
     set generation = run.generation, commit_sha = run.commit_sha, meta = run.meta, published_at = clock_timestamp()
   where r.id = run.repo_id;

  answer := jsonb_build_object(
    'generation', run.generation,
    'files', (select count(*) from cogo.source_files f where f.repo_id = run.repo_id),
    'chunks', (select count(*) from cogo.chunks c where c.project_id = run.project_id and c.repo_id = run.repo_id),
    'removed_files', cardinality(obsolete));
  update cogo.index_runs r
     set state = 'published', stats = coalesce(index_finish.stats, '{}') || answer, finished_at = clock_timestamp()
   where r.id = run.id;
  return answer;
end
$$;
revoke all on function cogo_api.index_finish(uuid, jsonb) from public;
grant execute on function cogo_api.index_finish(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/260_fn_index_abort.sql
-- cogo_api.index_abort: gives a run up and removes what it wrote. Returns {state:"aborted"}. Errors: CG003/CG031 as running_run.
create function cogo_api.index_abort(run_id uuid, reason text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.abort_run(cogo.running_run(index_abort.run_id), index_abort.reason);
  return jsonb_build_object('state', 'aborted');
end
$$;
revoke all on function cogo_api.index_abort(uuid, text) from public;
grant execute on function cogo_api.index_abort(uuid, text) to anon, authenticated, service_role;

-- sql/knowledge/270_fn_index_status.sql
-- cogo_api.index_status: {chunks, terms, avg_length, repos:[{repo, generation, commit_sha, published_at, files, chunks, warnings,
-- last_run:{run_id, state, generation, files, chunks, started_at, finished_at, stats, reason}}]}. Needs viewer.
create function cogo_api.index_status(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(index_status.project_id, 'viewer');
  return jsonb_build_object(
    'chunks', coalesce((select s.chunks from cogo.lex_stats s where s.project_id = index_status.project_id), 0),
    'terms', (select count(*) from cogo.lex_terms t where t.project_id = index_status.project_id and t.df > 0),
    'avg_length', coalesce((select round(s.total_length::numeric / nullif(s.chunks, 0), 3)
                              from cogo.lex_stats s where s.project_id = index_status.project_id), 0),
    'repos', coalesce((
      select jsonb_agg(jsonb_build_object(
               'repo', r.repo, 'generation', r.generation, 'commit_sha', r.commit_sha, 'published_at', r.published_at,
               'files', f.n, 'warnings', f.warnings,
               'chunks', (select count(*) from cogo.chunks c
                           where c.project_id = r.project_id and c.repo_id = r.id and c.generation <= r.generation),
               'last_run', (
                 select jsonb_build_object('run_id', x.id, 'state', x.state, 'generation', x.generation, 'files', x.files,
                          'chunks', x.chunks, 'started_at', x.started_at, 'finished_at', x.finished_at, 'stats', x.stats,
                          'reason', x.reason)
                   from cogo.index_runs x where x.repo_id = r.id order by x.generation desc limit 1))
             order by r.repo)
        from cogo.repos r
       cross join lateral (
         select count(*) as n, count(sf.warning) as warnings
           from cogo.source_files sf where sf.repo_id = r.id and sf.generation <= r.generation) f
       where r.project_id = index_status.project_id), '[]'));
end
$$;
revoke all on function cogo_api.index_status(uuid) from public;
grant execute on function cogo_api.index_status(uuid) to anon, authenticated, service_role;

-- sql/knowledge/280_fn_lexicon.sql
-- cogo_api.lexicon: {n, avg_length, df:{term: count}} of the project's published chunks, for the query side of idf. Terms nobody
-- uses are left out of df. Needs viewer.
create function cogo_api.lexicon(project_id uuid, terms text[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(lexicon.project_id, 'viewer');
  return jsonb_build_object(
    'n', coalesce((select s.chunks from cogo.lex_stats s where s.project_id = lexicon.project_id), 0),
    'avg_length', coalesce((select s.total_length::double precision / nullif(s.chunks, 0)
                              from cogo.lex_stats s where s.project_id = lexicon.project_id), 0),
    'df', coalesce((
      select jsonb_object_agg(t.term, t.df)
        from cogo.lex_terms t
       where t.project_id = lexicon.project_id and t.term = any (lexicon.terms) and t.df > 0), '{}'));
end
$$;
revoke all on function cogo_api.lexicon(uuid, text[]) from public;
grant execute on function cogo_api.lexicon(uuid, text[]) to anon, authenticated, service_role;

-- sql/knowledge/300_fn_search.sql
-- cogo_api.search: BM25F over the inverted index and exact vector similarity, fused linearly after division by each one's maximum.
--
-- query: {q?, terms:{term: weight}, vector?: '[x,y,...]', limit?, strategy?, route?, explain?,
--   weights?: {lexical, vector, path, name, doc, body, k1, b},
--   filter?: {path_prefix?, languages?, kinds?, repo?}}
-- strategy: lexical | vector | hybrid (anything else is hybrid); a part that cannot answer (no terms, no vector) is left out.
-- Defaults: lexical 1, vector 0.3; fields path 1, name 2, doc 1, body 1; k1 1.2, b 0.75; limit 10, at most 200.
-- BM25F: sum over terms of weight * ln(1 + (n - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average)),
-- tf the field-weighted count (Robertson, Zaragoza 2009, one length for all fields). Vector: 1 - cosine distance, all chunks of a
-- project of up to 20,000 vectors, above that the best 1,000 lexical candidates.
-- Every score is exact: a candidate of one list gets its true value in the other. Ties go by chunk id.
-- Returns {items:[chunk_json + {score, signals?}], route, strategy, generation, took_ms}. generation: the newest one searched.
-- Errors: as require_role (viewer); CG000 malformed.
create function cogo_api.search(project_id uuid, query jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  started   timestamptz := clock_timestamp();
  w         jsonb := coalesce(query -> 'weights', '{}');
  k1        double precision := coalesce((w ->> 'k1')::double precision, 1.2);
  b         double precision := coalesce((w ->> 'b')::double precision, 0.75);
  w_path    double precision := coalesce((w ->> 'path')::double precision, 1);
  w_name    double precision := coalesce((w ->> 'name')::double precision, 2);
  w_doc     double precision := coalesce((w ->> 'doc')::double precision, 1);
  w_body    double precision := coalesce((w ->> 'body')::double precision, 1);
  w_lexical double precision := coalesce((w ->> 'lexical')::double precision, 1);
  w_vector  double precision := coalesce((w ->> 'vector')::double precision, 0.3);
  strategy  text := coalesce(query ->> 'strategy', 'hybrid');
  lim       int := least(greatest(coalesce((query ->> 'limit')::int, 10), 1), 200);
  explain   boolean := coalesce((query ->> 'explain')::boolean, false);
  filter    jsonb := coalesce(query -> 'filter', '{}');
  prefix    text := filter ->> 'path_prefix';
  languages text[] := case when filter ? 'languages' then array(select jsonb_array_elements_text(filter -> 'languages')) end;
  kinds     text[] := case when filter ? 'kinds' then array(select jsonb_array_elements_text(filter -> 'kinds')) end;
  one_repo  text := filter ->> 'repo';
  goal      extensions.halfvec;
  model     smallint;
  n         double precision;
  average   double precision;
  repo_ids  bigint[];
  newest    bigint;
  all_vectors boolean;
  -- k1 * (1 - b + b * length / average), its constant parts taken out of the loop
  k_flat    double precision;
  k_long    double precision;
  items     jsonb;
begin
  perform cogo.require_role(search.project_id, 'viewer');
  select s.chunks, s.total_length::double precision / nullif(s.chunks, 0) into n, average
    from cogo.lex_stats s where s.project_id = search.project_id;
  select array_agg(r.id), max(r.generation) into repo_ids, newest
    from cogo.repos r
   where r.project_id = search.project_id and r.generation > 0 and (one_repo is null or r.repo = one_repo);
  if strategy <> 'lexical' and query ->> 'vector' is not null then
    goal := (query ->> 'vector')::extensions.halfvec;
    select m.id into model from cogo.embedding_models m
     where m.name = coalesce(query ->> 'embedder', 'hash-1024-v1') and m.status = 'active';
  end if;
  all_vectors := coalesce(n, 0) <= 20000;
  k_flat := k1 * (1 - b);
  k_long := k1 * b / greatest(average, 1);

  with term as materialized (
    select t.id, asked.value::double precision * ln(1 + (n - t.df + 0.5) / (t.df + 0.5)) as worth
      from jsonb_each_text(coalesce(query -> 'terms', '{}')) asked
     -- the limit keeps it one index probe a term, also where no statistics are (nothing analyses tables in the embedded place)
     cross join lateral (
       select x.id, x.df from cogo.lex_terms x
        where x.project_id = search.project_id and x.term = asked.key limit 1) t
     where t.df > 0 and strategy <> 'vector'
  ),
  bm25 as materialized (
    select s.chunk_id, sum(s.worth * s.tf * (k1 + 1) / (s.tf + k_flat + k_long * s.length)) as score
      from (select p.chunk_id, p.length, t.worth, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body as tf
              from term t
             -- offset 0 for the same reason: an index range a term, never a scan of all postings
             cross join lateral (select x.* from cogo.lex_postings x where x.term_id = t.id offset 0) p) s
     where s.tf > 0
     group by s.chunk_id
  ),
  -- Best first, then the filter as a scalar subquery: the planner cannot push that below the sort, so only as many chunks are
  -- looked at as it takes to fill the list.
  lexical as materialized (
    select l.chunk_id, l.score
      from (select * from bm25 order by score desc, chunk_id) l
     where (
             select c.generation <= r.generation and (kinds is null or c.kind = any (kinds))
                    and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.chunks c
               join cogo.repos r on r.id = c.repo_id
               join cogo.source_files f on f.id = c.file_id
              where c.id = l.chunk_id and c.repo_id = any (repo_ids))
     order by l.score desc, l.chunk_id
     limit case when all_vectors then 200 else 1000 end
  ),
  near as materialized (
    select v.chunk_id, 1 - v.distance as score
      from (select e.chunk_id, e.embedding operator(extensions.<=>) goal as distance
              from cogo.chunk_embeddings e
             where all_vectors and goal is not null and e.project_id = search.project_id and e.model_id = model
             order by distance, e.chunk_id) v
     where (
             select c.generation <= r.generation and (kinds is null or c.kind = any (kinds))
                    and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.chunks c
               join cogo.repos r on r.id = c.repo_id
               join cogo.source_files f on f.id = c.file_id
              where c.id = v.chunk_id and c.repo_id = any (repo_ids))
     order by v.distance, v.chunk_id
     limit 100
  ),
  candidate as (
    select l.chunk_id from lexical l union select v.chunk_id from near v
  ),
  scored as materialized (
    select k.chunk_id, greatest(coalesce(l.score, 0), 0) as lexical,
           greatest(coalesce(
             v.score,
             (select 1 - (e.embedding operator(extensions.<=>) goal) from cogo.chunk_embeddings e
               where goal is not null and e.chunk_id = k.chunk_id and e.model_id = model), 0), 0) as vector
      from candidate k
      left join bm25 l on l.chunk_id = k.chunk_id
      left join near v on v.chunk_id = k.chunk_id
  ),
  fused as (
    select s.chunk_id, s.lexical, s.vector,
           w_lexical * coalesce(s.lexical / nullif(max(s.lexical) over (), 0), 0)
           + case when goal is null then 0 else w_vector * coalesce(s.vector / nullif(max(s.vector) over (), 0), 0) end as score
      from scored s
  ),
  best as (
    select f.* from fused f where f.score > 0 order by f.score desc, f.chunk_id limit lim
  )
  select jsonb_agg(
           cogo.chunk_json(c, f, r) || jsonb_build_object('score', h.score)
           || case when explain then jsonb_build_object('signals', jsonb_build_object('lexical', h.lexical, 'vector', h.vector)) else '{}' end
           order by h.score desc, h.chunk_id)
    into items
    from best h
    join cogo.chunks c on c.id = h.chunk_id
    join cogo.source_files f on f.id = c.file_id
    join cogo.repos r on r.id = c.repo_id;

  return jsonb_build_object('items', coalesce(items, '[]'), 'route', query ->> 'route', 'strategy', strategy, 'generation', newest,
    'took_ms', round(extract(epoch from clock_timestamp() - started) * 1000, 3));
exception
  when invalid_text_representation or data_exception then
    perform cogo.fail('CG000', 'query is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.search(uuid, jsonb) from public;
grant execute on function cogo_api.search(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/310_fn_get_chunks.sql
-- cogo_api.get_chunks: published chunks by id, in the order asked for, at most 500; ids the project does not show are left out.
-- Needs viewer.
create function cogo_api.get_chunks(project_id uuid, ids bigint[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(get_chunks.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(cogo.chunk_json(c, f, r) order by wanted.nth)
      from unnest(get_chunks.ids[1:500]) with ordinality as wanted(id, nth)
      join cogo.chunks c on c.id = wanted.id and c.project_id = get_chunks.project_id
      join cogo.source_files f on f.id = c.file_id
      join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation), '[]');
end
$$;
revoke all on function cogo_api.get_chunks(uuid, bigint[]) from public;
grant execute on function cogo_api.get_chunks(uuid, bigint[]) to anon, authenticated, service_role;

-- sql/chat/010_tables.sql
-- Chat sessions, their messages, and what answering cost.
--
-- A session belongs to a project and to the principal that opened it (owner: service, anon, user:<uuid>, token:<uuid>, …). Nobody
-- else reads it, other members of the project included. An anonymous session is held by whoever knows its id.
create table cogo.chat_sessions (
  id          uuid primary key default gen_random_uuid(),
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  owner       text not null,
  title       text,
  created_at  timestamptz not null default clock_timestamp(),
  updated_at  timestamptz not null default clock_timestamp()
);
create index chat_sessions_project on cogo.chat_sessions (project_id, owner, updated_at desc);

create table cogo.chat_messages (
  id          bigint generated always as identity primary key,
  session_id  uuid not null references cogo.chat_sessions (id) on delete cascade,
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  role        text not null,
  content     text not null,
  trace_id    text,
  role_id     text,
  model       text,
  -- of an answer: citations, provider, mode and the like, as the function gave them
  answer      jsonb,
  created_at  timestamptz not null default clock_timestamp(),
  constraint chat_messages_role_known check (role in ('system', 'user', 'assistant', 'tool'))
);
create index chat_messages_session on cogo.chat_messages (session_id, id desc);
create index chat_messages_project on cogo.chat_messages (project_id);

-- Append-only. cost_usd null means the price is unknown, which is not the same as 0.
create table cogo.usage_events (
  id             bigint generated always as identity primary key,
  project_id     uuid not null references cogo.projects (id) on delete cascade,
  principal      text not null,
  trace_id       text,
  function       text not null,
  provider       text not null,
  model          text not null,
  input_tokens   bigint not null default 0,
  output_tokens  bigint not null default 0,
  cost_usd       numeric,
  estimated      boolean not null default false,
  created_at     timestamptz not null default clock_timestamp(),
  constraint usage_events_tokens check (input_tokens >= 0 and output_tokens >= 0),
  constraint usage_events_cost check (cost_usd >= 0)
);
create index usage_events_project on cogo.usage_events (project_id, created_at desc);

alter table cogo.chat_sessions enable row level security;
alter table cogo.chat_messages enable row level security;
alter table cogo.usage_events enable row level security;

-- sql/chat/100_fn_own_session.sql
-- cogo.own_session: a session the caller may use. Error: CG003 unknown, another's, or of a project the caller cannot read.
create function cogo.own_session(session_id uuid)
returns cogo.chat_sessions
language plpgsql
stable
set search_path = ''
as $$
declare
  session cogo.chat_sessions;
  me      text := cogo.principal();
begin
  select s.* into session from cogo.chat_sessions s where s.id = own_session.session_id;
  if not found or (me <> 'service' and session.owner <> me) or cogo.role_in(session.project_id) is null then
    perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', own_session.session_id));
  end if;
  return session;
end
$$;

-- sql/chat/110_fn_messages_json.sql
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

-- sql/chat/210_fn_chat_begin.sql
-- cogo_api.chat_begin: opens or continues a session and stores what the user said; returns {session_id, message_id, history}.
-- history: up to 50 messages before this call, [{role, content}], oldest first. message_id: the last message stored.
-- messages: [{role, content}] as the request had them. A client may send the whole conversation each time: on a session that
-- has messages, only those after its last assistant message are stored.
-- Needs viewer. Errors: as require_role; CG003 another's session; CG004 no message, or one without role and content.
create function cogo_api.chat_begin(
  project_id uuid, session_id uuid, trace_id text, messages jsonb, model text, role_id text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  session cogo.chat_sessions;
  history jsonb := '[]';
  first   int := 1;
  last_id bigint;
begin
  perform cogo.require_role(chat_begin.project_id, 'viewer');
  if jsonb_typeof(messages) is distinct from 'array' or jsonb_array_length(messages) = 0 then
    perform cogo.fail('CG004', 'at least one message is needed', jsonb_build_object('field', 'messages'));
  end if;
  if chat_begin.session_id is null then
    insert into cogo.chat_sessions as s (project_id, owner, title)
    values (chat_begin.project_id, cogo.principal(), left(messages -> -1 ->> 'content', 120))
    returning s.* into session;
  else
    session := cogo.own_session(chat_begin.session_id);
    if session.project_id <> chat_begin.project_id then
      perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', chat_begin.session_id));
    end if;
    history := cogo.messages_json(session.id, 50, false);
    if jsonb_array_length(history) > 0 then
      select coalesce(max(m.nth), 0) + 1 into first
        from jsonb_array_elements(messages) with ordinality as m(body, nth) where m.body ->> 'role' = 'assistant';
    end if;
    update cogo.chat_sessions s set updated_at = clock_timestamp() where s.id = session.id;
  end if;

  with said as (
    insert into cogo.chat_messages as c (session_id, project_id, role, content, trace_id, role_id, model)
    select session.id, session.project_id, m.body ->> 'role', m.body ->> 'content', chat_begin.trace_id, chat_begin.role_id, chat_begin.model
      from jsonb_array_elements(messages) with ordinality as m(body, nth)
     where m.nth >= first
     order by m.nth
    returning c.id
  )
  select max(said.id) into last_id from said;
  return jsonb_build_object('session_id', session.id, 'message_id', last_id, 'history', history);
exception
  when not_null_violation or check_violation then
    perform cogo.fail('CG004', 'a message needs role (system, user, assistant or tool) and content',
      jsonb_build_object('field', 'messages'));
    return null;
end
$$;
revoke all on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text) from public;
grant execute on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text) to anon, authenticated, service_role;

-- sql/chat/220_fn_chat_end.sql
-- cogo_api.chat_end: stores the answer and what it cost; returns {message_id}.
-- answer: {text, citations?, provider?, mode?, …}, kept whole. usage: {provider, model, input_tokens, output_tokens, cost_usd?,
-- estimated?}; a missing cost_usd is stored as unknown, never as 0.
-- Errors: CG003 unknown or another's session; CG004 no text, or usage out of range.
create function cogo_api.chat_end(session_id uuid, trace_id text, answer jsonb, usage jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  session cogo.chat_sessions := cogo.own_session(chat_end.session_id);
  made    bigint;
begin
  insert into cogo.chat_messages as m (session_id, project_id, role, content, trace_id, model, answer)
  values (session.id, session.project_id, 'assistant', answer ->> 'text', chat_end.trace_id, usage ->> 'model', answer)
  returning m.id into made;
  update cogo.chat_sessions s set updated_at = clock_timestamp() where s.id = session.id;
  if usage is not null then
    insert into cogo.usage_events (project_id, principal, trace_id, function, provider, model, input_tokens, output_tokens, cost_usd, estimated)
    values (session.project_id, session.owner, chat_end.trace_id, 'chat', coalesce(usage ->> 'provider', 'unknown'),
      coalesce(usage ->> 'model', 'unknown'), coalesce((usage ->> 'input_tokens')::bigint, 0),
      coalesce((usage ->> 'output_tokens')::bigint, 0), (usage ->> 'cost_usd')::numeric,
      coalesce((usage ->> 'estimated')::boolean, false));
  end if;
  return jsonb_build_object('message_id', made);
exception
  when not_null_violation or check_violation or invalid_text_representation then
    perform cogo.fail('CG004', 'the answer needs text, and usage whole numbers of tokens', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.chat_end(uuid, text, jsonb, jsonb) from public;
grant execute on function cogo_api.chat_end(uuid, text, jsonb, jsonb) to anon, authenticated, service_role;

-- sql/chat/230_fn_chat_history.sql
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

-- sql/chat/240_fn_usage_summary.sql
-- cogo_api.usage_summary: {since, total:{calls, input_tokens, output_tokens, cost_usd, unpriced_calls, estimated_calls},
-- by_model:[{provider, model, …the same}]} of a project, by default for the last 30 days. cost_usd sums the known prices only;
-- unpriced_calls says how many are missing from it. Needs viewer.
create function cogo_api.usage_summary(project_id uuid, since timestamptz default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  start  timestamptz := coalesce(usage_summary.since, clock_timestamp() - interval '30 days');
  answer jsonb;
begin
  perform cogo.require_role(usage_summary.project_id, 'viewer');
  with line as (
    select u.provider, u.model, grouping(u.provider) as is_total,
           jsonb_build_object('calls', count(*), 'input_tokens', coalesce(sum(u.input_tokens), 0),
             'output_tokens', coalesce(sum(u.output_tokens), 0), 'cost_usd', coalesce(sum(u.cost_usd), 0),
             'unpriced_calls', count(*) filter (where u.cost_usd is null),
             'estimated_calls', count(*) filter (where u.estimated)) as sums
      from cogo.usage_events u
     where u.project_id = usage_summary.project_id and u.created_at >= start
     group by grouping sets ((), (u.provider, u.model))
  )
  select jsonb_build_object('since', start,
           'total', (select l.sums from line l where l.is_total = 1),
           'by_model', coalesce((
             select jsonb_agg(jsonb_build_object('provider', l.provider, 'model', l.model) || l.sums order by l.provider, l.model)
               from line l where l.is_total = 0), '[]'))
    into answer;
  return answer;
end
$$;
revoke all on function cogo_api.usage_summary(uuid, timestamptz) from public;
grant execute on function cogo_api.usage_summary(uuid, timestamptz) to anon, authenticated, service_role;
