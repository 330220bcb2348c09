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
    begin
      if ext.target_schema is null then
        execute format('create extension if not exists %I', ext.name);
      else
        execute format('create extension if not exists %I with schema %I', ext.name, ext.target_schema);
      end if;
    exception when others then
      -- pg_cron, for one, wants its library preloaded and lives in one database of a server; what cannot be missing is checked below
      raise notice 'COGO: the extension % could not be created: %', ext.name, sqlerrm;
    end;
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
-- cogo_api.list_projects: the projects the caller belongs to (all of them for the server), and the public ones; newest first, the
-- caller's own before others', at most 500.
create function cogo_api.list_projects()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  who record := cogo.identity();
begin
  return coalesce((
    select jsonb_agg(cogo.project_json(p, mine.role) order by mine.own desc, p.created_at desc, p.id)
      from (
        select x.id, x.role, x.own
          from (
            select q.id, 'service' as role, true as own, q.created_at from cogo.projects q where who.kind = 'service'
            union all
            select m.project_id, m.role, true, q.created_at
              from cogo.project_members m join cogo.projects q on q.id = m.project_id
             where who.kind = 'user' and m.user_id = who.user_id
            union all
            select q.id, case who.kind when 'worker' then 'worker' else 'editor' end, true, q.created_at
              from cogo.projects q where who.kind in ('token', 'worker') and q.id = who.project_id
            union all
            select q.id, 'viewer', false, q.created_at
              from cogo.projects q
             where who.kind <> 'service' and q.visibility = 'public' and q.id is distinct from who.project_id
               and not exists (select from cogo.project_members m where m.project_id = q.id and m.user_id = who.user_id)
          ) x
         order by x.own desc, x.created_at desc, x.id
         limit 500
      ) mine
      join cogo.projects p on p.id = mine.id), '[]');
end
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
  -- compared for equality only: bytes, not words of a language
  term        text collate "C" not null,
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
  -- false: the vectors are made of the words themselves, so a chunk without a word of the query is hardly near it
  semantic     boolean not null default true,
  status       text not null default 'active',
  constraint embedding_models_name_key unique (name),
  constraint embedding_models_status_known check (status in ('active', 'building', 'retired'))
);
insert into cogo.embedding_models (name, dims, semantic) values ('hash-1024-v1', 1024, false);

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

  -- Terms are looked up and made in one statement, so nobody else may make terms of the project meanwhile: they would be neither
  -- in its snapshot nor among those it made.
  perform pg_advisory_xact_lock(hashtextextended('cogo.lex_terms ' || run.project_id, 0));

  with item as materialized (
    select sf.id as file_id, nextval('cogo.chunks_id_seq') as chunk_id, c.body
      from jsonb_array_elements(files) f
      join cogo.source_files sf
        on sf.repo_id = run.repo_id and sf.generation = run.generation and sf.path = f ->> 'path'
     cross join lateral jsonb_array_elements(f -> 'chunks') as c(body)
  ),
  token as materialized (
    select i.chunk_id, token.key as term,
           coalesce(sum(token.value::int) filter (where field.key = 'path'), 0) as path,
           coalesce(sum(token.value::int) filter (where field.key = 'name'), 0) as name,
           coalesce(sum(token.value::int) filter (where field.key = 'doc'), 0) as doc,
           coalesce(sum(token.value::int) filter (where field.key = 'body'), 0) as body
      from item i
     cross join lateral jsonb_each(i.body -> 'tokens') field
     cross join lateral jsonb_each_text(field.value) token
     group by i.chunk_id, token.key
  ),
  known as materialized (
    select w.term, k.id
      from (select distinct t.term from token t) w
      -- one index probe a term, however many terms the project has
      left join lateral (
        select x.id from cogo.lex_terms x where x.project_id = run.project_id and x.term = w.term limit 1) k on true
  ),
  added as (
    insert into cogo.lex_terms (project_id, term)
    select run.project_id, k.term from known k where k.id is null
    returning id, term
  ),
  counted as materialized (
    select t.chunk_id, ids.id as term_id, t.path, t.name, t.doc, t.body
      from token t
      join (select k.id, k.term from known k where k.id is not null union all select a.id, a.term from added a) ids
        on ids.term = t.term
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
-- tf the field-weighted count (Robertson, Zaragoza 2009, one length for all fields). Vector: 1 - cosine distance, over all chunks of a
-- project of up to 20,000 chunks, above that over the best 1,000 lexical candidates. A lexical model (hash-1024-v1) is scanned over
-- all chunks only where words found fewer candidates than looked at: a scan costs about 10 us a vector in WASM, and a chunk that shares
-- no word with the query is seldom near it.
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
  semantic  boolean;
  n         double precision;
  average   double precision;
  repo_ids  bigint[];
  newest    bigint;
  all_vectors boolean;
  -- Lexical candidates that get a vector score: each costs a look at its chunk and 80 us in WASM for its vector.
  depth     int;
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
    if extensions.vector_dims(goal) <> 1024 then
      perform cogo.fail('CG000', 'the vector must have 1024 dimensions', jsonb_build_object('dims', extensions.vector_dims(goal)));
    end if;
    select m.id, m.semantic into model, semantic from cogo.embedding_models m
     where m.name = coalesce(query ->> 'embedder', 'hash-1024-v1') and m.status = 'active';
  end if;
  all_vectors := coalesce(n, 0) <= 20000;
  depth := case when all_vectors then greatest(lim, 50) else 1000 end;
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
     limit depth
  ),
  near as materialized (
    select v.chunk_id, 1 - v.distance as score
      from (select e.chunk_id, e.embedding operator(extensions.<=>) goal as distance
              from cogo.chunk_embeddings e
             where all_vectors and goal is not null and (semantic or (select count(*) from lexical) < depth)
               and e.project_id = search.project_id and e.model_id = model
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

-- sql/jobs/010_tables.sql
-- Durable jobs: enqueue -> claim -> beat -> finish | fail | release.
--
-- cogo.jobs is the truth; a pgmq queue per lane is a list of the jobs that are ready, which can be rebuilt from it at any time.
-- A claim takes the message out of the queue and writes the lease (executor, until, token) into the job row, in one transaction.
-- The token is unique per attempt; beat, finish, fail and release carry it and do nothing when it is no longer the job's. So a job
-- may be executed more than once, but exactly one outcome is recorded.
--
--   scheduled -> blocked -> queued -> running -> succeeded
--       ^                     ^          |-> scheduled  fail: retry after a backoff
--       |                     |          |-> queued     release, lease lost: no failure counted
--       |                     |          |-> dead       failures or lease losses spent, or not retryable
--       +--- any of these, not final ----+-> cancelled
--
-- scheduled: waits for run_at. queued: runnable now. blocked: waits on
--   slot      a free slot of its concurrency key
--   children  the jobs it awaits
--   turn      its project has its share of the lane's ready list; claims serve the rest round-robin (never a message)
-- Locks are taken in this order: rate -> slot -> job (parents with their children) -> queue row; several of a kind by id. Claiming
-- skips what is locked. Ids are UUIDs of version 7, so their order is that of enqueueing.
--
-- The tables of a job refer to each other by id without foreign keys: checking one costs as much as writing the row, and would lock
-- the project's row once a job. enqueue locks the project once a call instead, and a trigger on cogo.projects deletes what is left.
create table cogo.lanes (
  name           text primary key,
  executor       text not null,
  capability     text not null default 'default',
  band           smallint not null,
  queue_name     text not null,
  reconciled_at  timestamptz not null default clock_timestamp(),
  -- whether jobs may wait for their turn: a claim looks for them only then
  backlog        boolean not null default false,
  constraint lanes_route_key unique (executor, capability, band),
  constraint lanes_queue_key unique (queue_name),
  constraint lanes_executor_known check (executor in ('cogo-plan', 'cogo-work')),
  constraint lanes_band_known check (band between 0 and 2),
  constraint lanes_queue_form check (queue_name ~ '^[a-z][a-z0-9_]{0,39}$')
);

-- What may be enqueued: an exact type, or a prefix ending in '.*'. The longest match decides.
create table cogo.job_types (
  pattern       text primary key,
  executor      text not null,
  max_attempts  int not null default 5,
  constraint job_types_pattern_form check (pattern ~ '^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?$'),
  constraint job_types_executor_known check (executor in ('cogo-plan', 'cogo-work')),
  constraint job_types_attempts check (max_attempts between 1 and 50)
);

create sequence cogo.lease_tokens as bigint cache 1;

create table cogo.jobs (
  id                   uuid primary key,
  project_id           uuid not null,
  type                 text not null,
  lane                 text not null,
  band                 smallint not null,
  state                text not null,
  blocked_on           text,
  -- one of very many made at once: its turns are not broadcast one by one
  quiet                boolean not null default false,
  run_at               timestamptz not null default clock_timestamp(),
  msg_id               bigint,
  attempt              int not null default 0,
  failures             int not null default 0,
  lease_losses         int not null default 0,
  releases             int not null default 0,
  max_attempts         int not null,
  lease_s              int,
  lease_token          bigint,
  lease_until          timestamptz,
  leased_at            timestamptz,
  -- who runs it, or ran it last
  executor_id          text,
  pinned_executor_id   text,
  concurrency_key      text,
  cancel_requested_at  timestamptz,
  parent_id            uuid,
  -- children that are not over
  pending_children     int not null default 0,
  batch_id             uuid,
  redriven_from        uuid,
  trace_id             text,
  created_by           text not null,
  created_at           timestamptz not null default clock_timestamp(),
  queued_at            timestamptz,
  started_at           timestamptz,
  finished_at          timestamptz,
  -- written with the last change of the row, so it costs no write of its own
  result               jsonb,
  constraint jobs_state_known check (state in ('scheduled', 'blocked', 'queued', 'running', 'succeeded', 'cancelled', 'dead')),
  constraint jobs_running check ((state = 'running') = (lease_token is not null)),
  constraint jobs_lease check ((lease_token is null) = (lease_until is null)),
  constraint jobs_running_has_executor check (state <> 'running' or (executor_id is not null and lease_s is not null)),
  constraint jobs_queued_has_message check ((state = 'queued' and pinned_executor_id is null) = (msg_id is not null)),
  constraint jobs_blocked_has_cause check ((state = 'blocked') = (blocked_on is not null)),
  constraint jobs_blocked_on_known check (blocked_on in ('slot', 'children', 'turn')),
  constraint jobs_slot_has_key check (blocked_on <> 'slot' or concurrency_key is not null),
  constraint jobs_finished check ((state in ('succeeded', 'cancelled', 'dead')) = (finished_at is not null)),
  constraint jobs_counts check (least(attempt, failures, lease_losses, releases, pending_children) >= 0 and max_attempts between 1 and 50)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Partial indexes in the order each reader walks them. None holds a lease column, so that a beat is a HOT update; whole ones but the
-- key are kept off this table, where every change of state would write them.
create index jobs_due on cogo.jobs (run_at) where state = 'scheduled';
create index jobs_scheduled on cogo.jobs (project_id) where state = 'scheduled';
create index jobs_ready on cogo.jobs (lane, project_id, msg_id) where state = 'queued' and pinned_executor_id is null;
create index jobs_turn on cogo.jobs (lane, project_id, type, run_at, id) where state = 'blocked' and blocked_on = 'turn';
create index jobs_pinned on cogo.jobs (pinned_executor_id, band, queued_at) where state = 'queued' and pinned_executor_id is not null;
create index jobs_blocked on cogo.jobs (project_id, concurrency_key, band, id) where state = 'blocked' and blocked_on = 'slot';
create index jobs_running_now on cogo.jobs (id) where state = 'running';
create index jobs_parent on cogo.jobs (parent_id) where parent_id is not null;
create index jobs_batch on cogo.jobs (batch_id) where batch_id is not null;

-- The wide part of a job, apart from the row that claims and beats rewrite. Its index by project lists jobs: ids are in time order.
create table cogo.job_payloads (
  job_id       uuid primary key,
  project_id   uuid not null,
  input        jsonb not null default '{}',
  error        jsonb,
  checkpoint   jsonb,
  progress     jsonb,
  progress_at  timestamptz
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index job_payloads_project on cogo.job_payloads (project_id, job_id);

-- Attempts that are over without having ended the job well. The one that runs, or that succeeded, is in the job's own row:
-- cogo.attempts shows all.
create table cogo.job_attempts (
  job_id       uuid not null,
  attempt      int not null,
  project_id   uuid not null,
  lease_token  bigint not null,
  executor_id  text not null,
  started_at   timestamptz not null,
  ended_at     timestamptz not null default clock_timestamp(),
  outcome      text not null,
  error        jsonb,
  primary key (job_id, attempt),
  constraint job_attempts_outcome_known check (outcome in ('failed', 'released', 'awaiting', 'lost', 'cancelled'))
);

-- Outputs of the steps of a job: a later attempt finds them and skips the step. The first output of a name stays.
create table cogo.job_steps (
  job_id      uuid not null,
  name        text not null,
  project_id  uuid not null,
  output      jsonb,
  attempt     int not null,
  at          timestamptz not null default clock_timestamp(),
  primary key (job_id, name),
  constraint job_steps_name_form check (length(name) between 1 and 200)
);

-- What happened to a job, a partition a day: cogo.keep_partitions makes and drops them.
create table cogo.job_events (
  id          bigint generated always as identity,
  job_id      uuid not null,
  project_id  uuid not null,
  kind        text not null,
  data        jsonb not null default '{}',
  trace_id    text,
  quiet       boolean not null default false,
  at          timestamptz not null default clock_timestamp()
) partition by range (at);
create index job_events_job on cogo.job_events (job_id, id);

-- Idempotency keys of enqueue. No reference to jobs: a key outlives the job it made.
create table cogo.job_keys (
  project_id    uuid not null,
  key           text not null,
  job_id        uuid not null,
  request_hash  bytea not null,
  created_at    timestamptz not null default clock_timestamp(),
  expires_at    timestamptz not null,
  primary key (project_id, key)
);
create index job_keys_expiry on cogo.job_keys using brin (expires_at);

create table cogo.job_dead (
  job_id       uuid primary key references cogo.jobs (id) on delete cascade,
  project_id   uuid not null,
  reason       text not null,
  error        jsonb,
  redriven_to  uuid,
  at           timestamptz not null default clock_timestamp(),
  constraint job_dead_reason_known check (reason in ('parse_error', 'validation_failed', 'dependency_unavailable', 'timeout',
    'exhausted_retries', 'policy_violation', 'infrastructure_failure', 'compensation_failed', 'lease_lost'))
);
create index job_dead_project on cogo.job_dead (project_id, at desc);

-- Jobs that ended well or were cancelled, moved here by housekeeping, a partition a week of their end. The columns are those of
-- cogo.jobs in the same order, then the payload's.
create table cogo.jobs_history (like cogo.jobs including defaults) partition by range (finished_at);
alter table cogo.jobs_history
  alter column finished_at set not null,
  add column input jsonb,
  add column error jsonb,
  add column progress jsonb;
create index jobs_history_id on cogo.jobs_history (id);
create index jobs_history_project on cogo.jobs_history (project_id, id);
create index jobs_history_parent on cogo.jobs_history (parent_id) where parent_id is not null;
create index jobs_history_batch on cogo.jobs_history (batch_id) where batch_id is not null;

create view cogo.attempts as
  select a.job_id, a.attempt, a.project_id, a.executor_id, a.started_at, a.ended_at, a.outcome, a.error from cogo.job_attempts a
  union all
  select j.id, j.attempt, j.project_id, j.executor_id, j.leased_at, j.finished_at, case j.state when 'succeeded' then 'succeeded' end, null
    from cogo.jobs j where j.state in ('running', 'succeeded')
  union all
  select h.id, h.attempt, h.project_id, h.executor_id, h.leased_at, h.finished_at, 'succeeded', null
    from cogo.jobs_history h where h.state = 'succeeded';

-- How many jobs of a concurrency key are queued or running, and may be.
create table cogo.job_slots (
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  key         text not null,
  slots       int not null default 1,
  used        int not null default 0,
  primary key (project_id, key),
  -- used may exceed slots after the limit was lowered: nothing is admitted until it is below again
  constraint job_slots_used check (used >= 0 and slots between 1 and 10000)
) with (fillfactor = 50);

-- Rates: jobs of a key (rate_key of the job, else its type) start at most every interval_s, burst of them at once (GCRA; tat is the
-- theoretical arrival time of the next one).
create table cogo.job_rates (
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  key         text not null,
  interval_s  double precision not null,
  burst       int not null default 1,
  tat         timestamptz not null default '-infinity',
  primary key (project_id, key),
  constraint job_rates_range check (interval_s between 0.0001 and 86400 and burst between 1 and 100000)
) with (fillfactor = 50);

-- What a project may have waiting. counted: its waiting jobs when they were counted last; enqueue counts again the sooner the less
-- room that left.
create table cogo.job_quotas (
  project_id   uuid primary key references cogo.projects (id) on delete cascade,
  queue_limit  int not null default 500000,
  ready_share  int not null default 100,
  counted      int not null default 0,
  counted_at   timestamptz not null default clock_timestamp(),
  constraint job_quotas_range check (queue_limit >= 0 and ready_share >= 1)
) with (fillfactor = 50);

create table cogo.job_batches (
  id          uuid primary key default gen_random_uuid(),
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  name        text,
  jobs        int not null default 0,
  created_by  text not null,
  created_at  timestamptz not null default clock_timestamp(),
  constraint job_batches_name_form check (length(name) between 1 and 200)
);
create index job_batches_project on cogo.job_batches (project_id, created_at desc);

-- Presence. project_id null: an executor of the server itself, serving every project.
create table cogo.executors (
  id           text primary key,
  project_id   uuid references cogo.projects (id) on delete cascade,
  kind         text not null,
  info         jsonb not null default '{}',
  -- one per process: what an older process of the same id sends is refused
  epoch        int not null default 1,
  instance     text,
  -- how often it promised to be heard of; after three misses its leases end at once
  beat_s       int,
  dead_at      timestamptz,
  draining     boolean not null default false,
  started_at   timestamptz not null default clock_timestamp(),
  last_seen    timestamptz not null default clock_timestamp(),
  constraint executors_id_form check (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
  constraint executors_kind_known check (kind in ('cogo-plan', 'cogo-work')),
  constraint executors_beat_range check (beat_s between 1 and 300)
) with (fillfactor = 50);
create index executors_project on cogo.executors (project_id);

-- One item of enqueue on its way to a row.
create type cogo.planned_job as (
  nth int, job_id uuid, fresh boolean, type text, payload jsonb, lane text, band smallint, run_at timestamptz, wait text,
  max_attempts int, key text, request_hash bytea, pin text, concurrency_key text, rate_key text, parent_id uuid, trace_id text,
  msg_id bigint, problem text);

alter table cogo.lanes enable row level security;
alter table cogo.job_types enable row level security;
alter table cogo.jobs enable row level security;
alter table cogo.job_payloads enable row level security;
alter table cogo.job_attempts enable row level security;
alter table cogo.job_events enable row level security;
alter table cogo.job_keys enable row level security;
alter table cogo.job_dead enable row level security;
alter table cogo.job_slots enable row level security;
alter table cogo.job_steps enable row level security;
alter table cogo.job_rates enable row level security;
alter table cogo.job_quotas enable row level security;
alter table cogo.job_batches enable row level security;
alter table cogo.jobs_history enable row level security;
alter table cogo.executors enable row level security;

insert into cogo.job_types (pattern, executor, max_attempts) values
  ('code.build.test', 'cogo-work', 3),
  ('code.debug', 'cogo-work', 3),
  ('index.repo', 'cogo-work', 5),
  ('index.file', 'cogo-work', 5),
  ('quality.*', 'cogo-plan', 5),
  ('research.run', 'cogo-plan', 5);

-- sql/jobs/012_fn_keep_partitions.sql
-- cogo.keep_partitions: makes the partitions of job_events (a day each, three ahead) and jobs_history (a week each, two ahead) and
-- drops those past their time: events after 14 days, history after 13 weeks. Rows that came before their partition lie in a default
-- one, which is emptied by age. Returns {made, dropped}. Gives up after 2 s where somebody reads a partition it would drop.
create function cogo.keep_partitions(events_days int default 14, history_weeks int default 13)
returns jsonb
language plpgsql
set search_path = ''
set lock_timeout = '2s'
as $$
declare
  kind    record;
  first   date;
  part    text;
  made    int := 0;
  dropped int := 0;
begin
  for kind in
    select * from (values
      ('job_events', 'd', interval '1 day', 3, current_date - events_days),
      ('jobs_history', 'w', interval '7 days', 2, date_trunc('week', current_date)::date - history_weeks * 7)) as k(parent, tag, step, ahead, oldest)
  loop
    if to_regclass(format('cogo.%I', kind.parent || '_rest')) is null then
      execute format('create table cogo.%I partition of cogo.%I default', kind.parent || '_rest', kind.parent);
      execute format('alter table cogo.%I enable row level security', kind.parent || '_rest');
    end if;
    for i in 0..kind.ahead loop
      first := (case kind.tag when 'd' then current_date else date_trunc('week', current_date)::date end + i * kind.step)::date;
      part := kind.parent || to_char(first, '_YYYYMMDD');
      if to_regclass(format('cogo.%I', part)) is null then
        begin
          execute format('create table cogo.%I partition of cogo.%I for values from (%L) to (%L)',
            part, kind.parent, first::timestamptz, (first + kind.step)::timestamptz);
          execute format('alter table cogo.%I enable row level security', part);
          made := made + 1;
        exception when check_violation then
          -- the default partition has rows of that time: they stay there
          null;
        end;
      end if;
    end loop;
    for part in
      select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
       where i.inhparent = format('cogo.%I', kind.parent)::regclass
         and c.relname < kind.parent || to_char(kind.oldest, '_YYYYMMDD') and c.relname ~ '_[0-9]{8}$'
    loop
      execute format('drop table cogo.%I', part);
      dropped := dropped + 1;
    end loop;
  end loop;
  delete from cogo.job_events_rest e where e.ctid = any (array(
    select x.ctid from cogo.job_events_rest x where x.at < current_date - events_days limit 20000));
  delete from cogo.jobs_history_rest h where h.ctid = any (array(
    select x.ctid from cogo.jobs_history_rest x where x.finished_at < current_date - history_weeks * 7 limit 20000));
  return jsonb_build_object('made', made, 'dropped', dropped);
end
$$;

-- sql/jobs/014_partitions.sql
do $$ begin perform cogo.keep_partitions(); end $$;

-- What a deleted project leaves in the tables that do not refer to it.
create function cogo.forget_jobs()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from cogo.jobs j using gone g where j.project_id = g.id;
  delete from cogo.job_payloads p using gone g where p.project_id = g.id;
  delete from cogo.job_attempts a using gone g where a.project_id = g.id;
  delete from cogo.job_steps s using gone g where s.project_id = g.id;
  delete from cogo.job_events e using gone g where e.project_id = g.id;
  delete from cogo.job_keys k using gone g where k.project_id = g.id;
  delete from cogo.jobs_history h using gone g where h.project_id = g.id;
  return null;
end
$$;

create trigger projects_forget_jobs
  after delete on cogo.projects
  referencing old table as gone
  for each statement execute function cogo.forget_jobs();

-- sql/jobs/015_fn_ensure_queue.sql
-- cogo.ensure_queue: makes the pgmq queue where its table is not there. Queue tables belong to the extension in pgmq 1.5.1, so a
-- logical dump or a branch can come back without them.
create function cogo.ensure_queue(queue text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if to_regclass(format('pgmq.%I', 'q_' || queue)) is not null then
    return false;
  end if;
  perform pgmq.create(queue);
  return true;
end
$$;

-- sql/jobs/020_fn_create_lane.sql
-- cogo.create_lane: makes a lane, its pgmq queue, its low watermark, and the functions that touch the queue's table.
--
-- They are generated so that their SQL is static: pgmq's own functions build SQL on each call and are planned on each call.
-- Only columns of pgmq 1.5.1 are used: msg_id, vt, message. vt is never in the future: delays live in cogo.jobs.run_at.
--   push_<queue>(ids)        adds a message per job; (job_id, msg_id); 'rows 20' keeps the planner from a hash over all jobs
--   pop_<queue>(qty)         takes out the oldest messages and returns their jobs, locked; drops messages whose job moved on; leaves
--                            those whose job is locked by someone else. Waits for nothing.
--   drop_<queue>(msg_ids)    removes messages; one that is being claimed just now is left to its claimer, who finds it stale
--   head_<queue>()           (oldest message or null, newest message ever)
--   lost_<queue>(lim)        queued jobs whose message is gone, or lies below the watermark for 10 s; locked
-- The watermark low_<queue> is a sequence: a hint below which nobody looks, which keeps claims off the dead rows at the queue's head
-- while an old snapshot keeps them from being vacuumed. A sequence has no row versions of its own, so it is cheap under just that.
-- turn_<queue> is the same for jobs that wait for their turn: microseconds of run_at, which sweep moves, also down.
-- It trails the oldest message taken by 500 ids, for transactions that took an id and commit late; sweep re-sends what is later still.
create function cogo.create_lane(executor text, capability text, band smallint)
returns text
language plpgsql
set search_path = ''
as $$
declare
  lane  text := format('%s/%s/%s', executor, capability, band);
  queue text := replace(format('%s_%s_%s', executor, capability, band), '-', '_');
begin
  insert into cogo.lanes (name, executor, capability, band, queue_name)
  values (lane, create_lane.executor, create_lane.capability, create_lane.band, queue);
  perform cogo.ensure_queue(queue);
  execute format('create sequence cogo.low_%s as bigint', queue);
  execute format('create sequence cogo.turn_%s as bigint', queue);

  execute format($sql$
    create function cogo.push_%1$s(ids uuid[])
    returns table (job_id uuid, msg_id bigint)
    language sql
    rows 20
    set search_path = ''
    as $fn$
      insert into pgmq.q_%1$s as q (vt, message)
      select clock_timestamp(), jsonb_build_object('j', i.id)
        from unnest(ids) with ordinality as i(id, nth)
       order by i.nth
      returning (q.message ->> 'j')::uuid, q.msg_id
    $fn$
  $sql$, queue);

  execute format($sql$
    create function cogo.pop_%1$s(qty int)
    returns uuid[]
    language plpgsql
    set search_path = ''
    as $fn$
    declare
      low      bigint := (select s.last_value from cogo.low_%1$s s);
      places   tid[];
      messages bigint[];
      wanted   uuid[];
      taken    uuid[];
      done     bigint[];
    begin
      select array_agg(p.ctid), array_agg(p.msg_id), array_agg(p.job_id) into places, messages, wanted
        from (select q.ctid, q.msg_id, (q.message ->> 'j')::uuid as job_id
                from pgmq.q_%1$s q
               where q.msg_id >= low
               order by q.msg_id
               limit qty
                 for update skip locked) p;
      if messages is null then
        return '{}';
      end if;
      select array_agg(l.id order by l.msg_id), array_agg(l.msg_id) into taken, done
        from (select j.id, j.msg_id from cogo.jobs j
               where j.id = any (wanted) and j.state = 'queued' and j.msg_id = any (messages)
               order by j.id
                 for update skip locked) l;
      if cardinality(done) = cardinality(messages) then
        delete from pgmq.q_%1$s q where q.ctid = any (places);
      else
        delete from pgmq.q_%1$s q
         where q.msg_id = any (messages)
           and (q.msg_id = any (done)
                or not exists (select from cogo.jobs j
                                where j.id = (q.message ->> 'j')::uuid and j.state = 'queued' and j.msg_id = q.msg_id));
      end if;
      if messages[1] - 500 > low + 100 then
        perform setval('cogo.low_%1$s', messages[1] - 500);
      end if;
      return coalesce(taken, '{}');
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create function cogo.drop_%1$s(msg_ids bigint[])
    returns void
    language sql
    set search_path = ''
    as $fn$
      delete from pgmq.q_%1$s q
       where q.msg_id in (select x.msg_id from pgmq.q_%1$s x where x.msg_id = any (msg_ids) order by x.msg_id for update skip locked)
    $fn$
  $sql$, queue);

  execute format($sql$
    create function cogo.head_%1$s(out oldest bigint, out newest bigint)
    language sql
    set search_path = ''
    as $fn$
      select (select q.msg_id from pgmq.q_%1$s q order by q.msg_id limit 1), s.last_value
        from pgmq.q_%1$s_msg_id_seq s
    $fn$
  $sql$, queue);

  execute format($sql$
    create function cogo.lost_%1$s(lim int)
    returns uuid[]
    language sql
    set search_path = ''
    as $fn$
      select array(
        select j.id from cogo.jobs j
         where j.lane = %2$L and j.state = 'queued' and j.pinned_executor_id is null
           and j.queued_at < clock_timestamp() - interval '10 seconds'
           and (j.msg_id < (select s.last_value from cogo.low_%1$s s)
                or not exists (select from pgmq.q_%1$s q where q.msg_id = j.msg_id))
         order by j.id limit lim
           for update skip locked)
    $fn$
  $sql$, queue, lane);
  return lane;
end
$$;

-- cogo.create_dispatch: makes cogo.push, pop, drop_messages and low, which call the functions of a lane by its name without building
-- SQL, and open_lanes: the lanes of an executor kind (null: all) by band that have a message or a backlog, found in one statement. To
-- be called after lanes are made.
create function cogo.create_dispatch()
returns void
language plpgsql
set search_path = ''
as $$
declare
  push  text;
  pop   text;
  gone  text;
  low   text;
  open  text;
  turn  text;
begin
  select string_agg(format('when %L then return query select * from cogo.push_%s(ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return cogo.pop_%s(qty);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then perform cogo.drop_%s(msg_ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.low_%s s);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then exists (select from pgmq.q_%s q where q.msg_id >= (select s.last_value from cogo.low_%s s))',
           l.name, l.queue_name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.turn_%s s);', l.name, l.queue_name), e'\n    ' order by l.name)
    into push, pop, gone, low, open, turn
    from cogo.lanes l;
  execute format($sql$
    create or replace function cogo.push(lane text, ids uuid[]) returns table (job_id uuid, msg_id bigint)
    language plpgsql rows 20 set search_path = '' as $fn$ #variable_conflict use_column
    begin case lane
    %s
    end case; end $fn$ $sql$, push);
  execute format($sql$
    create or replace function cogo.pop(lane text, qty int) returns uuid[]
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, pop);
  execute format($sql$
    create or replace function cogo.drop_messages(lane text, msg_ids bigint[]) returns void
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, gone);
  execute format($sql$
    create or replace function cogo.low(lane text) returns bigint
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, low);
  execute format($sql$
    create or replace function cogo.turn(lane text) returns bigint
    language plpgsql set search_path = '' as $fn$ begin case lane
    %s
    end case; end $fn$ $sql$, turn);
  execute format($sql$
    create or replace function cogo.open_lanes(executor text) returns table (name text, backlog boolean, ready boolean)
    language plpgsql set search_path = '' as $fn$ #variable_conflict use_column
    begin return query select o.name, o.backlog, o.ready from (
    select l.name, l.backlog, l.band, case l.name
    %s
    end as ready from cogo.lanes l where open_lanes.executor is null or l.executor = open_lanes.executor) o
    where o.ready or o.backlog order by o.band, o.name; end $fn$ $sql$, open);
end
$$;

-- sql/jobs/030_lanes.sql
-- The lanes: executor x priority band; 0 is served before 1, 1 before 2. Capabilities narrower than 'default' come later.
do $$
declare
  route record;
begin
  for route in
    select e.executor, b.band::smallint as band
      from unnest(array['cogo-plan', 'cogo-work']) as e(executor)
     cross join generate_series(0, 2) as b(band)
     order by e.executor, b.band
  loop
    perform cogo.create_lane(route.executor, 'default', route.band);
  end loop;
  perform cogo.create_dispatch();
end
$$;

-- sql/jobs/040_fn_new_job_id.sql
-- cogo.new_job_id: a UUID of version 7: the millisecond, then the place in its batch, then 62 random bits. Ids in time order keep the
-- indexes of the hot tables growing at one end.
create function cogo.new_job_id(moment timestamptz, nth int default 0)
returns uuid
language sql
volatile
set search_path = ''
as $$
  select encode(int8send(((extract(epoch from moment) * 1000)::bigint << 16) | 28672 | (nth & 4095))
    || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid
$$;

-- sql/jobs/100_fn_can_read_job.sql
-- cogo.can_read_job: whether the caller may read the job with this id (any text; what is no id is nobody's).
create function cogo.can_read_job(job_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  home uuid;
begin
  select j.project_id into home from cogo.jobs j where j.id = can_read_job.job_id::uuid;
  if not found then
    select h.project_id into home from cogo.jobs_history h where h.id = can_read_job.job_id::uuid limit 1;
  end if;
  return home is not null and cogo.role_in(home) is not null;
exception when invalid_text_representation then
  return false;
end
$$;

-- sql/jobs/110_fn_can_read_executor.sql
-- cogo.can_read_executor: whether the caller may follow an executor: the server, members of its project, and the project's workers.
-- An executor that has not registered is known to nobody but the server.
create function cogo.can_read_executor(executor_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  home uuid;
  mine text;
begin
  if (cogo.identity()).kind = 'service' then
    return true;
  end if;
  select e.project_id into home from cogo.executors e where e.id = can_read_executor.executor_id;
  if not found or home is null then
    return false;
  end if;
  mine := cogo.role_in(home);
  -- readers of a public project do not see its machines
  return mine = 'worker' or exists (
    select from cogo.project_members m where m.project_id = home and m.user_id = (cogo.identity()).user_id);
end
$$;

-- sql/jobs/115_fn_past_job.sql
-- cogo.past_job: a job of the history as a row of cogo.jobs, or none.
create function cogo.past_job(job_id uuid)
returns setof cogo.jobs
language sql
stable
set search_path = ''
as $$
  select (jsonb_populate_record(null::cogo.jobs, to_jsonb(h) - array['input', 'error', 'progress'])).*
    from cogo.jobs_history h where h.id = past_job.job_id limit 1
$$;

-- sql/jobs/120_fn_readable_job.sql
-- cogo.readable_job: the job, also one that was moved to the history, for a caller whose role in its project reaches minimum. Error: CG003 unknown or not the caller's to
-- see; CG001/CG002 as require_role.
create function cogo.readable_job(job_id uuid, minimum text)
returns cogo.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  job cogo.jobs;
begin
  select j.* into job from cogo.jobs j where j.id = readable_job.job_id;
  if not found then
    select j.* into job from cogo.past_job(readable_job.job_id) j;
  end if;
  if job.id is null or cogo.role_in(job.project_id) is null then
    perform cogo.fail('CG003', 'no such job', jsonb_build_object('job_id', readable_job.job_id));
  end if;
  perform cogo.require_role(job.project_id, minimum);
  return job;
end
$$;

-- sql/jobs/130_fn_job_events_broadcast.sql
-- Trigger: new rows of job_events go out on jobs:{job_id}; the turns of a job's life (not its progress and logs) also become bus
-- events of its trace. job.enqueued is not broadcast: nobody can listen on a topic before the id of the job is known.
-- Bounded: at most 100 broadcasts a statement. Quiet jobs (made by the dozen in one call) are not broadcast at all, and give their
-- trace one event a statement and kind, with their number. The rows are there all the same for who reads on from the last id.
create function cogo.job_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  event record;
begin
  if exists (select from inserted i where not i.quiet) then
    for event in select * from inserted i where i.kind <> 'job.enqueued' and not i.quiet order by i.id limit 100 loop
      perform cogo.broadcast('jobs:' || event.job_id, event.kind,
        jsonb_build_object('id', event.id, 'job_id', event.job_id, 'kind', event.kind, 'data', event.data, 'ts', event.at));
    end loop;
  end if;
  if exists (select from inserted i where i.trace_id is not null) then
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select i.trace_id, i.kind, 'jobs', i.project_id, i.data || jsonb_build_object('job_id', i.job_id, 'type', j.type)
      from inserted i
      join cogo.jobs j on j.id = i.job_id
     where i.trace_id is not null and not i.quiet and i.kind not in ('job.progress', 'job.log')
     order by i.id;
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select i.trace_id, i.kind, 'jobs', i.project_id, jsonb_build_object('jobs', count(*))
      from inserted i
     where i.trace_id is not null and i.quiet and i.kind not in ('job.progress', 'job.log')
     group by i.trace_id, i.kind, i.project_id;
  end if;
  return null;
end
$$;

create trigger job_events_broadcast
  after insert on cogo.job_events
  referencing new table as inserted
  for each statement execute function cogo.job_events_broadcast();

-- sql/jobs/135_fn_tell.sql
-- cogo.tell: records one event of each of the jobs, with the same data.
create function cogo.tell(ids uuid[], kind text, data jsonb)
returns void
language sql
set search_path = ''
as $$
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select j.id, j.project_id, tell.kind, tell.data || jsonb_build_object('attempt', j.attempt), j.trace_id, j.quiet
    from cogo.jobs j where j.id = any (ids) order by j.id
$$;

-- sql/jobs/140_fn_ring.sql
-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20. One message each on agents:{executor_id}; a hint, everyone polls as well.
create function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
returns void
language plpgsql
set search_path = ''
as $$
declare
  bell text;
begin
  for bell in
    select e.id
      from cogo.executors e
     where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
       and e.kind = split_part(ring.lane, '/', 1)
       and (e.project_id is null or e.project_id = ring.project_id)
       and not e.draining and e.dead_at is null
       and e.last_seen > clock_timestamp() - interval '60 seconds'
     order by e.last_seen desc
     limit least(20, ring.jobs + 4)
  loop
    perform cogo.broadcast('agents:' || bell, 'wake', jsonb_build_object('lane', ring.lane));
  end loop;
end
$$;

-- sql/jobs/150_fn_push_jobs.sql
-- cogo.push_jobs: makes locked jobs queued: each gets a new message in its lane's queue, or none where it is pinned. Their slots
-- must be taken already. Rings the executors.
create function cogo.push_jobs(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  batch record;
begin
  if cardinality(ids) = 0 then
    return;
  end if;
  for batch in
    select j.lane, array_agg(j.id order by j.id) as ids
      from cogo.jobs j
     where j.id = any (push_jobs.ids) and j.pinned_executor_id is null
     group by j.lane
     order by j.lane
  loop
    update cogo.jobs j
       set state = 'queued', blocked_on = null, msg_id = p.msg_id, queued_at = clock_timestamp(), lease_token = null, lease_until = null
      from cogo.push(batch.lane, batch.ids) p
     where j.id = p.job_id;
  end loop;
  update cogo.jobs j
     set state = 'queued', blocked_on = null, msg_id = null, queued_at = clock_timestamp(), lease_token = null, lease_until = null
   where j.id = any (push_jobs.ids) and j.pinned_executor_id is not null;
  perform cogo.ring(w.project_id, w.lane, w.pinned_executor_id, w.n)
     from (select j.project_id, j.lane, j.pinned_executor_id, count(*) as n
             from cogo.jobs j where j.id = any (push_jobs.ids) group by 1, 2, 3) w;
end
$$;

-- sql/jobs/160_fn_lock_jobs.sql
-- cogo.lock_jobs: locks the slots the jobs may touch, then the jobs and their parents, each sorted: the first step of everything that
-- changes jobs by id. Concurrency keys and parents never change, so they can be read before the lock.
create function cogo.lock_jobs(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  parents uuid[];
  keyed   boolean;
begin
  select array_agg(j.parent_id) filter (where j.parent_id is not null), bool_or(j.concurrency_key is not null)
    into parents, keyed
    from cogo.jobs j where j.id = any (ids);
  if keyed or parents is not null then
    perform from cogo.job_slots s
      where (s.project_id, s.key) in (
        select j.project_id, j.concurrency_key from cogo.jobs j
         where j.id = any (ids || parents) and j.concurrency_key is not null)
      order by s.project_id, s.key
        for update;
  end if;
  perform from cogo.jobs j where j.id = any (ids || parents) order by j.id for update;
end
$$;

-- sql/jobs/163_fn_has_backlog.sql
-- cogo.has_backlog: whether jobs of the lane, and of the project where given, wait for their turn. In the order of the index: EXISTS
-- alone may walk the table for its first row.
create function cogo.has_backlog(lane text, project_id uuid default null)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  if has_backlog.project_id is null then
    return coalesce((
      select true from cogo.jobs j
       where j.lane = has_backlog.lane and j.state = 'blocked' and j.blocked_on = 'turn'
       order by j.project_id, j.type, j.run_at limit 1), false);
  end if;
  return coalesce((
    select true from cogo.jobs j
     where j.lane = has_backlog.lane and j.project_id = has_backlog.project_id and j.state = 'blocked' and j.blocked_on = 'turn'
     order by j.type, j.run_at limit 1), false);
end
$$;

-- sql/jobs/165_fn_ready_room.sql
-- cogo.ready_room: how many more jobs of the project may be on the lane's ready list: its share less what is there; none while some
-- wait for their turn, so that nobody overtakes them. Approximate under concurrency, which fairness can bear.
create function cogo.ready_room(project_id uuid, lane text)
returns int
language plpgsql
set search_path = ''
as $$
declare
  share int := coalesce((select q.ready_share from cogo.job_quotas q where q.project_id = ready_room.project_id), 100);
begin
  if (select l.backlog from cogo.lanes l where l.name = ready_room.lane) and cogo.has_backlog(ready_room.lane, ready_room.project_id) then
    return 0;
  end if;
  return share - (
    select count(*) from (
      select from cogo.jobs j
       where j.lane = ready_room.lane and j.project_id = ready_room.project_id and j.state = 'queued' and j.pinned_executor_id is null
         and j.msg_id >= cogo.low(ready_room.lane)
       limit share) r)::int;
end
$$;

-- sql/jobs/167_fn_mark_backlog.sql
-- cogo.mark_backlog: notes that jobs of the lanes wait for their turn; written once, sweep takes it back when none do.
create function cogo.mark_backlog(names text[])
returns void
language sql
set search_path = ''
as $$
  update cogo.lanes l set backlog = true
   where l.name in (select x.name from cogo.lanes x where x.name = any (names) and not x.backlog order by x.name for update)
$$;

-- sql/jobs/170_fn_admit_jobs.sql
-- cogo.admit_jobs: makes locked jobs that are due queued, or blocked: on slot where their concurrency key has none left (jobs of one
-- key take its slots by band and age), on turn where their project has its share of the lane's ready list. The caller holds the locks
-- of lock_jobs.
create function cogo.admit_jobs(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  admitted uuid[];
  late     uuid[];
begin
  if cardinality(ids) = 0 then
    return;
  end if;
  with wanting as (
    select j.id, j.project_id, j.concurrency_key,
           row_number() over (partition by j.project_id, j.concurrency_key order by j.band, j.id) as place
      from cogo.jobs j
     where j.id = any (admit_jobs.ids) and j.state in ('scheduled', 'blocked')
  ),
  free as (
    select w.id, w.project_id, w.concurrency_key
      from wanting w
      left join cogo.job_slots s on s.project_id = w.project_id and s.key = w.concurrency_key
     where w.concurrency_key is null or w.place <= s.slots - s.used
  ),
  taken as (
    update cogo.job_slots s
       set used = s.used + f.n
      from (select x.project_id, x.concurrency_key, count(*)::int as n from free x
             where x.concurrency_key is not null group by x.project_id, x.concurrency_key) f
     where s.project_id = f.project_id and s.key = f.concurrency_key
  )
  select coalesce(array_agg(f.id), '{}') into admitted from free f;

  update cogo.jobs j set state = 'blocked', blocked_on = 'slot'
   where j.id = any (admit_jobs.ids) and j.state in ('scheduled', 'blocked') and not (j.id = any (admitted))
     and j.blocked_on is distinct from 'slot';

  select coalesce(array_agg(p.id), '{}') into late
    from (select j.id, row_number() over (partition by j.project_id, j.lane order by j.id) as place, h.room
            from cogo.jobs j
            join (select r.project_id, r.lane, cogo.ready_room(r.project_id, r.lane) as room
                    from (select distinct x.project_id, x.lane from cogo.jobs x
                           where x.id = any (admitted) and x.pinned_executor_id is null and x.concurrency_key is null
                           offset 0) r) h
              on h.project_id = j.project_id and h.lane = j.lane
           where j.id = any (admitted) and j.pinned_executor_id is null and j.concurrency_key is null) p
   where p.place > p.room;
  if cardinality(late) > 0 then
    update cogo.jobs j set state = 'blocked', blocked_on = 'turn' where j.id = any (late);
    perform cogo.mark_backlog(array(select distinct j.lane from cogo.jobs j where j.id = any (late)));
    admitted := array(select a from unnest(admitted) a except select l from unnest(late) l);
  end if;
  perform cogo.push_jobs(admitted);
end
$$;

-- sql/jobs/180_fn_free_slots.sql
-- cogo.free_slots: gives back the slots of jobs that stopped being queued or running, and admits the next blocked ones of the same
-- keys. The caller holds the locks of lock_jobs for the given jobs, so their slots are locked; blocked jobs are locked here, and one
-- that is locked by another is left to it (sweep finds a slot that stays free).
create function cogo.free_slots(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  freed record;
  free  int;
begin
  for freed in
    select j.project_id, j.concurrency_key as key, count(*)::int as n
      from cogo.jobs j
     where j.id = any (free_slots.ids) and j.concurrency_key is not null
     group by j.project_id, j.concurrency_key
     order by j.project_id, j.concurrency_key
  loop
    update cogo.job_slots s set used = greatest(s.used - freed.n, 0)
     where s.project_id = freed.project_id and s.key = freed.key
    returning s.slots - s.used into free;
    if free > 0 then
      perform cogo.admit_jobs(array(
        select j.id from cogo.jobs j
         where j.project_id = freed.project_id and j.concurrency_key = freed.key and j.state = 'blocked' and j.blocked_on = 'slot'
         order by j.band, j.id
         limit free
           for update skip locked));
    end if;
  end loop;
end
$$;

-- sql/jobs/185_fn_jobs_over.sql
-- cogo.jobs_over: what follows when jobs became succeeded, cancelled or dead: their parents have fewer children to await, and go on
-- when none is left. held: those of them that had a slot, which is given back. The caller holds the locks of lock_jobs.
create function cogo.jobs_over(ids uuid[], held uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  resumed uuid[];
begin
  if exists (select from cogo.jobs j where j.id = any (ids) and j.parent_id is not null) then
    with fewer as (
      update cogo.jobs p
         set pending_children = greatest(p.pending_children - c.n, 0)
        from (select j.parent_id, count(*)::int as n from cogo.jobs j
               where j.id = any (ids) and j.parent_id is not null group by j.parent_id) c
       where p.id = c.parent_id
      returning p.id, p.pending_children, p.blocked_on
    )
    select array_agg(f.id order by f.id) into resumed from fewer f where f.pending_children = 0 and f.blocked_on = 'children';
    if resumed is not null then
      perform cogo.tell(resumed, 'job.resumed', '{}');
      perform cogo.admit_jobs(resumed);
    end if;
  end if;
  perform cogo.free_slots(held);
end
$$;

-- sql/jobs/190_fn_bury_job.sql
-- cogo.bury_job: makes a locked job dead, with a reason, and writes it to the dead letters. An unknown reason becomes fallback.
create function cogo.bury_job(job_id uuid, reason text, fallback text, error jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  known text := case when reason in ('parse_error', 'validation_failed', 'dependency_unavailable', 'timeout', 'exhausted_retries',
    'policy_violation', 'infrastructure_failure', 'compensation_failed', 'lease_lost') then reason else fallback end;
  home  uuid;
begin
  update cogo.jobs j
     set state = 'dead', blocked_on = null, finished_at = clock_timestamp(), lease_token = null, lease_until = null, msg_id = null
   where j.id = bury_job.job_id
  returning j.project_id into home;
  insert into cogo.job_dead (job_id, project_id, reason, error) values (bury_job.job_id, home, known, bury_job.error);
  perform cogo.tell(array[bury_job.job_id], 'job.error', jsonb_build_object('state', 'dead', 'reason', known, 'error', bury_job.error));
end
$$;

-- sql/jobs/195_fn_settle_cancelled.sql
-- cogo.settle_cancelled: ends locked jobs as cancelled and records it. What follows is jobs_over's.
create function cogo.settle_cancelled(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  if cardinality(ids) > 0 then
    update cogo.jobs j
       set state = 'cancelled', blocked_on = null, finished_at = clock_timestamp(), lease_token = null, lease_until = null, msg_id = null
     where j.id = any (ids);
    perform cogo.tell(ids, 'job.cancelled', '{"state":"cancelled"}');
  end if;
end
$$;

-- sql/jobs/200_fn_executor_scope.sql
-- cogo.executor_scope: who works here: (kind, project_id) the caller may serve as executor_id. A worker token: its executor kind in
-- its project. The server: the kind the executor registered with, or every kind (null), in every project (null).
-- current: epoch is none, or that of its newest process; draining as it registered. Takes note of its presence.
-- Errors: CG001 anonymous, CG002 not a worker or the id is another project's, CG004 malformed id.
create function cogo.executor_scope(
  executor_id text, epoch int, insist boolean, out kind text, out project_id uuid, out current boolean, out draining boolean)
language plpgsql
set search_path = ''
as $$
declare
  who  record := cogo.identity();
  home record;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers take jobs', null, 'Use a worker token');
  end if;
  if coalesce(executor_id, '') !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
    perform cogo.fail('CG004', 'executor_id must be 1 to 100 letters, digits, dots, dashes or underscores',
      jsonb_build_object('field', 'executor_id'));
  end if;
  select e.* into home from cogo.executors e where e.id = executor_scope.executor_id;
  executor_scope.current := coalesce(executor_scope.epoch >= home.epoch, true);
  executor_scope.draining := coalesce(home.draining, false);
  if who.kind = 'service' then
    executor_scope.kind := home.kind;
    executor_scope.project_id := home.project_id;
  elsif home.kind is not null and (home.project_id is distinct from who.project_id or home.kind <> who.executor) then
    perform cogo.fail('CG002', 'this executor id is not yours', null, 'Choose another executor id');
  else
    executor_scope.kind := who.executor;
    executor_scope.project_id := who.project_id;
  end if;
  if executor_scope.current and (insist or home.dead_at is not null
       or home.last_seen < clock_timestamp() - make_interval(secs => least(10, coalesce(home.beat_s, 10) / 2.0))) then
    update cogo.executors e set last_seen = clock_timestamp(), dead_at = null where e.id = executor_scope.executor_id;
  end if;
end
$$;

-- sql/jobs/205_fn_fenced.sql
-- What a worker's call says of one job, and whether its token holds the lease.
create type cogo.fenced_item as (
  job_id uuid, token bigint, body jsonb, held boolean, cancel_requested boolean, keyed boolean, parented boolean);

-- cogo.fenced: reads [{job_id, token, …}] of a worker's call, locks those jobs in order, and returns each item once with whether its
-- token still holds the lease. Jobs outside the caller's project answer lost, as unknown ones do.
-- Errors: CG001/CG002 not a worker, CG000 malformed.
create function cogo.fenced(items jsonb)
returns cogo.fenced_item[]
language plpgsql
set search_path = ''
as $$
declare
  who    record := cogo.identity();
  ids    uuid[];
  tokens bigint[];
  bodies jsonb[];
  answer cogo.fenced_item[];
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers report on jobs', null, 'Use a worker token');
  end if;
  if jsonb_typeof(items) is distinct from 'array' then
    perform cogo.fail('CG000', 'an array of {job_id, token, …} is needed');
  end if;
  -- only the reading of the input is in a block with a handler: row locks of a subtransaction cost the update after it
  begin
    select array_agg((e ->> 'job_id')::uuid), array_agg((e ->> 'token')::bigint), array_agg(e)
      into ids, tokens, bodies
      from jsonb_array_elements(items) e where e ->> 'job_id' is not null;
  exception
    when invalid_text_representation or numeric_value_out_of_range then
      perform cogo.fail('CG000', 'job_id must be a uuid and token a number', jsonb_build_object('reason', sqlerrm));
  end;
  if ids is null then
    return '{}';
  end if;
  perform cogo.lock_jobs(ids);
  -- an id said twice keeps the item with the right token
  select array_agg((f.job_id, f.token, f.body, f.held, f.cancel_requested, f.keyed, f.parented)::cogo.fenced_item order by f.job_id)
    into answer
    from (select distinct on (i.id) i.id as job_id, i.token, i.body,
                 coalesce(j.state = 'running' and j.lease_token = i.token, false) as held,
                 j.cancel_requested_at is not null as cancel_requested,
                 j.concurrency_key is not null as keyed, j.parent_id is not null as parented
            from unnest(ids, tokens, bodies) as i(id, token, body)
            left join cogo.jobs j on j.id = i.id and (who.kind = 'service' or j.project_id = who.project_id)
           order by i.id, (j.lease_token is not distinct from i.token) desc) f;
  return answer;
end
$$;

-- sql/jobs/210_fn_close_attempts.sql
-- cogo.close_attempts: records the attempts of running, locked jobs as over without having ended the job well. To be called before
-- their state changes.
create function cogo.close_attempts(ids uuid[], outcome text, error jsonb default null)
returns void
language sql
set search_path = ''
as $$
  insert into cogo.job_attempts (job_id, attempt, project_id, lease_token, executor_id, started_at, outcome, error)
  select j.id, j.attempt, j.project_id, j.lease_token, j.executor_id, j.leased_at, close_attempts.outcome, close_attempts.error
    from cogo.jobs j where j.id = any (ids) and j.state = 'running' order by j.id
$$;

-- sql/jobs/225_fn_claim_job_keys.sql
-- cogo.claim_job_keys: the idempotency of enqueue. Claims the key of each planned item; where a key has a job already, the item gets
-- that job_id and fresh = false. Keys are taken in order, so two calls with the same keys take turns instead of deadlocking.
-- Error: CG023 the key belongs to another input.
create function cogo.claim_job_keys(project_id uuid, plan cogo.planned_job[])
returns cogo.planned_job[]
language plpgsql
set search_path = ''
as $$
declare
  wanted  int := (select count(*) from unnest(plan) p where p.key is not null);
  claimed int;
  bad     record;
  answer  cogo.planned_job[];
begin
  insert into cogo.job_keys as k (project_id, key, job_id, request_hash, expires_at)
  select distinct on (p.key) claim_job_keys.project_id, p.key, p.job_id, p.request_hash, clock_timestamp() + interval '7 days'
    from unnest(plan) p
   where p.key is not null
   order by p.key, p.nth
  on conflict on constraint job_keys_pkey do update
    set job_id = excluded.job_id, request_hash = excluded.request_hash, expires_at = excluded.expires_at, created_at = clock_timestamp()
    where k.expires_at < clock_timestamp();
  get diagnostics claimed = row_count;
  if claimed = wanted then
    return plan;
  end if;

  select p.key, p.nth - 1 as index into bad
    from unnest(plan) p
    join cogo.job_keys k on k.project_id = claim_job_keys.project_id and k.key = p.key
   where k.request_hash <> p.request_hash
   limit 1;
  if found then
    perform cogo.fail('CG023', format('jobs[%s]: the key was used before with another input', bad.index),
      jsonb_build_object('index', bad.index, 'key', bad.key), 'Use a new key for a new input');
  end if;
  select array_agg((p.nth, coalesce(k.job_id, p.job_id), k.key is null or k.job_id = p.job_id, p.type, p.payload, p.lane, p.band,
           p.run_at, p.wait, p.max_attempts, p.key, p.request_hash, p.pin, p.concurrency_key, p.rate_key, p.parent_id, p.trace_id,
           p.msg_id, p.problem)::cogo.planned_job order by p.nth)
    into answer
    from unnest(plan) p
    left join cogo.job_keys k on k.project_id = claim_job_keys.project_id and k.key = p.key;
  return answer;
end
$$;

-- sql/jobs/227_fn_apply_rates.sql
-- cogo.apply_rates: puts off items whose key has a rate (job_rates), by GCRA: the n-th of them starts when the rate lets it. Locks the
-- rates in order of their keys. Nothing is checked later: a claim costs the same with a rate and without.
create function cogo.apply_rates(project_id uuid, plan cogo.planned_job[])
returns cogo.planned_job[]
language plpgsql
set search_path = ''
as $$
declare
  answer cogo.planned_job[];
  moment timestamptz := clock_timestamp();
begin
  if not exists (select from cogo.job_rates r where r.project_id = apply_rates.project_id) then
    return plan;
  end if;
  perform from cogo.job_rates r
    where r.project_id = apply_rates.project_id and r.key in (select p.rate_key from unnest(plan) p where p.fresh)
    order by r.key for update;
  select array_agg((p.nth, p.job_id, p.fresh, p.type, p.payload, p.lane, p.band,
           greatest(p.run_at, r.at), case when r.at > moment and p.wait is null then 'time' else p.wait end,
           p.max_attempts, p.key, p.request_hash, p.pin, p.concurrency_key, p.rate_key, p.parent_id, p.trace_id, p.msg_id,
           p.problem)::cogo.planned_job order by p.nth)
    into answer
    from unnest(plan) p
    left join lateral (
      select greatest(r.tat, moment) + make_interval(secs => r.interval_s
               * ((select count(*) from unnest(plan) x where x.fresh and x.rate_key = p.rate_key and x.nth < p.nth) - r.burst + 1)) as at
        from cogo.job_rates r
       where r.project_id = apply_rates.project_id and r.key = p.rate_key and p.fresh) r on true;
  update cogo.job_rates r
     set tat = greatest(r.tat, moment) + make_interval(secs => r.interval_s * n.jobs)
    from (select p.rate_key, count(*) as jobs from unnest(plan) p where p.fresh group by p.rate_key) n
   where r.project_id = apply_rates.project_id and r.key = n.rate_key;
  return answer;
end
$$;

-- sql/jobs/228_fn_check_quota.sql
-- cogo.check_quota: refuses jobs over what a project may have waiting (scheduled, blocked, queued). Waiting jobs are counted, not
-- kept in a counter, which every claim would have to write; the count is taken the more likely the more of the room left since the
-- last one this call would fill, so the limit is kept within a few percent at no cost far from it, and exactly near it.
-- Error: CG024.
create function cogo.check_quota(project_id uuid, jobs int)
returns void
language plpgsql
set search_path = ''
as $$
declare
  quota   cogo.job_quotas;
  waiting int;
begin
  select q.* into quota from cogo.job_quotas q where q.project_id = check_quota.project_id;
  if not found then
    insert into cogo.job_quotas (project_id) values (check_quota.project_id)
    on conflict do nothing;
    select q.* into quota from cogo.job_quotas q where q.project_id = check_quota.project_id;
  end if;
  if random() * (quota.queue_limit - quota.counted) >= jobs * 10 then
    return;
  end if;
  select count(*) into waiting from (
    (select from cogo.jobs j join cogo.lanes l on l.name = j.lane
      where j.project_id = check_quota.project_id and j.state = 'queued' and j.pinned_executor_id is null limit quota.queue_limit + 1)
    union all
    (select from cogo.lanes l join cogo.jobs j on j.lane = l.name
      where j.project_id = check_quota.project_id and j.state = 'blocked' and j.blocked_on = 'turn' limit quota.queue_limit + 1)
    union all
    (select from cogo.jobs j
      where j.project_id = check_quota.project_id and j.state = 'blocked' and j.blocked_on = 'slot' limit quota.queue_limit + 1)
    union all
    (select from cogo.jobs j where j.project_id = check_quota.project_id and j.state = 'scheduled' limit quota.queue_limit + 1)) w;
  if waiting + jobs > quota.queue_limit then
    perform cogo.fail('CG024', format('the project has %s jobs waiting, of at most %s', waiting, quota.queue_limit),
      jsonb_build_object('waiting', waiting, 'limit', quota.queue_limit, 'asked', jobs),
      'Wait until some are done, or have an admin raise the limit');
  end if;
  update cogo.job_quotas q set counted = waiting + jobs, counted_at = clock_timestamp()
   where q.project_id in (select x.project_id from cogo.job_quotas x where x.project_id = check_quota.project_id for update skip locked);
end
$$;

-- sql/jobs/229_fn_open_batch.sql
-- cogo.open_batch: makes a batch of jobs or finds the one to add to; returns its id. Errors: CG000 malformed, CG003 not of the project.
create function cogo.open_batch(project_id uuid, batch jsonb, jobs int)
returns uuid
language plpgsql
set search_path = ''
as $$
declare
  made uuid;
begin
  if jsonb_typeof(batch) <> 'object' or coalesce(length(batch ->> 'name'), 1) not between 1 and 200 then
    perform cogo.fail('CG000', 'batch must be {id?, name?} with a name of 1 to 200 characters', jsonb_build_object('field', 'batch'));
  end if;
  if batch ->> 'id' is null then
    insert into cogo.job_batches (project_id, name, jobs, created_by)
    values (open_batch.project_id, batch ->> 'name', open_batch.jobs, cogo.principal())
    returning id into made;
    return made;
  end if;
  begin
    update cogo.job_batches b set jobs = b.jobs + open_batch.jobs
     where b.id = (batch ->> 'id')::uuid and b.project_id = open_batch.project_id
    returning b.id into made;
  exception when invalid_text_representation then
    perform cogo.fail('CG000', 'batch.id must be a uuid', jsonb_build_object('field', 'batch.id'));
  end;
  if made is null then
    perform cogo.fail('CG003', 'no such batch', jsonb_build_object('batch_id', batch ->> 'id'));
  end if;
  return made;
end
$$;

-- sql/jobs/230_fn_plan_jobs.sql
-- cogo.plan_jobs: checks the items of enqueue and finds their lanes. Returns them in order, each with a new job_id and what it waits
-- for: null nothing, time, pin, slot. The hash of an item, which makes two enqueues of one key the same input, covers all of it but
-- its key and trace: jsonb's text form is canonical, with keys sorted and numbers normalised. Errors: those of enqueue.
create function cogo.plan_jobs(project_id uuid, jobs jsonb)
returns cogo.planned_job[]
language plpgsql
set search_path = ''
as $$
declare
  bad    record;
  plan   cogo.planned_job[];
  moment timestamptz := clock_timestamp();
  -- as cogo.new_job_id, spelled out: calling a function that pins its search path costs more than all the rest of an item
  id_prefix bigint := ((extract(epoch from moment) * 1000)::bigint << 16) | 28672;
begin
  if jsonb_typeof(jobs) is distinct from 'array' or jsonb_array_length(jobs) > 1000 then
    perform cogo.fail('CG000', 'jobs must be an array of at most 1,000');
  end if;
  begin
    with asked as materialized (
      select i.ordinality::int as nth, i.value as item, i.value ->> 'type' as type, i.value -> 'payload' as payload,
             coalesce((i.value ->> 'priority')::int, 1) as band, coalesce((i.value ->> 'delay_s')::double precision, 0) as delay_s,
             i.value ->> 'key' as key, (i.value ->> 'max_attempts')::int as max_attempts, i.value ->> 'executor' as executor,
             i.value ->> 'pin' as pin, i.value ->> 'concurrency_key' as concurrency_key, i.value ->> 'rate_key' as rate_key,
             (i.value ->> 'parent_id')::uuid as parent_id, i.value ->> 'trace_id' as trace_id
        from jsonb_array_elements(jobs) with ordinality i
    ),
    rule as materialized (
      select t.type, r.executor, r.max_attempts
        from (select distinct a.type from asked a) t
       cross join lateral (
        select x.* from cogo.job_types x
         where x.pattern = t.type or (x.pattern like '%.*' and starts_with(t.type, left(x.pattern, -1)))
         order by length(x.pattern) desc limit 1) r
    )
    select array_agg((a.nth, encode(int8send(id_prefix | a.nth) || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid, true, a.type, case when a.payload is null or a.payload = 'null' then '{}' else a.payload end,
             coalesce(a.executor, r.executor) || '/default/' || a.band, a.band::smallint,
             case when a.delay_s > 0 then moment + make_interval(secs => a.delay_s) else moment end,
             case when a.delay_s > 0 then 'time' when a.concurrency_key is not null then 'slot' when a.pin is not null then 'pin' end,
             coalesce(a.max_attempts, r.max_attempts), a.key, case when a.key is not null then sha256(convert_to((
               '{"payload": {}, "priority": 1}' || a.item - array['key', 'trace_id'])::text, 'UTF8')) end,
             a.pin, a.concurrency_key, coalesce(a.rate_key, a.type), a.parent_id, a.trace_id, null,
             case
               when r.type is null then 'type is not known'
               when a.payload is not null and jsonb_typeof(a.payload) not in ('object', 'null') then 'payload must be an object'
               when a.band not between 0 and 2 then 'priority must be 0, 1 or 2'
               when a.delay_s not between 0 and 2592000 then 'delay_s must be 0 to 2592000'
               when length(a.key) not between 1 and 255 then 'key must have 1 to 255 characters'
               when length(a.concurrency_key) not between 1 and 255 then 'concurrency_key must have 1 to 255 characters'
               when length(a.rate_key) not between 1 and 255 then 'rate_key must have 1 to 255 characters'
               when a.max_attempts not between 1 and 50 then 'max_attempts must be 1 to 50'
               when a.executor not in ('cogo-plan', 'cogo-work') then 'executor must be cogo-plan or cogo-work'
               when a.pin !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then 'pin must be an executor id'
               when a.parent_id is not null and not exists (
                 select from cogo.jobs p where p.id = a.parent_id and p.project_id = plan_jobs.project_id) then 'parent_id is not a job of this project'
             end)::cogo.planned_job order by a.nth)
      into plan
      from asked a left join rule r on r.type = a.type;
  exception
    when invalid_text_representation or numeric_value_out_of_range or datetime_field_overflow then
      perform cogo.fail('CG000', 'jobs is malformed', jsonb_build_object('reason', sqlerrm));
  end;
  if plan is null then
    return '{}';
  end if;

  select p.problem, p.nth - 1 as index into bad from unnest(plan) p where p.problem is not null limit 1;
  if found then
    perform cogo.fail('CG004', format('jobs[%s]: %s', bad.index, bad.problem), jsonb_build_object('index', bad.index));
  end if;
  -- as text a payload has at most six times the bytes it has as jsonb
  select octet_length(p.payload::text) as bytes, p.nth - 1 as index into bad
    from unnest(plan) p where pg_column_size(p.payload) > 21845 and octet_length(p.payload::text) > 131072 limit 1;
  if found then
    perform cogo.fail('CG005', format('jobs[%s]: the payload has %s bytes, at most 131072 are stored', bad.index, bad.bytes),
      jsonb_build_object('index', bad.index, 'bytes', bad.bytes, 'limit', 131072), 'Upload it to Storage and send its path');
  end if;
  return plan;
end
$$;

-- sql/jobs/235_fn_make_jobs.sql
-- cogo.make_jobs: makes the fresh jobs of a plan, their messages, slots and events; returns the states [{job_id, state}] of all.
-- The caller has checked who asks, and locked the project against being deleted.
create function cogo.make_jobs(project_id uuid, plan cogo.planned_job[], made_by text, batch_id uuid)
returns table (job_id uuid, state text)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  total   int;
  parents boolean;
  keyed   boolean;
  other   boolean;
  route   record;
  pushed  uuid[] := '{}';
  msgs    bigint[] := '{}';
  sent    record;
begin
  select count(*) filter (where p.fresh), coalesce(bool_or(p.parent_id is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.concurrency_key is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.wait in ('slot', 'pin')) filter (where p.fresh), false)
    into total, parents, keyed, other
    from unnest(plan) p;
  -- the slots of the keys in play exist and are locked before any job is
  if keyed then
    insert into cogo.job_slots (project_id, key)
    select distinct make_jobs.project_id, p.concurrency_key from unnest(plan) p
     where p.concurrency_key is not null and p.fresh
     order by 2
    on conflict do nothing;
    perform from cogo.job_slots s
      where s.project_id = make_jobs.project_id and s.key in (select p.concurrency_key from unnest(plan) p where p.fresh)
      order by s.key for update;
  end if;
  if parents then
    perform from cogo.jobs j where j.id in (select p.parent_id from unnest(plan) p where p.fresh) order by j.id for update;
    update cogo.jobs j set pending_children = j.pending_children + c.n
      from (select p.parent_id, count(*)::int as n from unnest(plan) p where p.fresh and p.parent_id is not null group by p.parent_id) c
     where j.id = c.parent_id;
  end if;

  -- jobs that are ready right away get their message first, so that each row is written once; those over their project's share of
  -- the lane wait for their turn
  for route in
    select p.lane, array_agg(p.job_id order by p.nth) as ids from unnest(plan) p
     where p.fresh and p.wait is null group by p.lane order by p.lane
  loop
    declare
      room int := greatest(cogo.ready_room(make_jobs.project_id, route.lane), 0);
    begin
      if room < cardinality(route.ids) then
        perform cogo.mark_backlog(array[route.lane]);
      end if;
      if room > 0 then
        select array_agg(m.job_id) as ids, array_agg(m.msg_id) as msgs into sent from cogo.push(route.lane, route.ids[:room]) m;
        pushed := pushed || sent.ids;
        msgs := msgs || sent.msgs;
      end if;
    end;
  end loop;

  with item as materialized (
    select p.*, m.msg_id as message,
           case when m.msg_id is not null then 'queued' when p.wait is null then 'blocked' else 'scheduled' end as begins
      from unnest(plan) p left join unnest(pushed, msgs) as m(job_id, msg_id) on m.job_id = p.job_id
     where p.fresh
  ),
  made as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, quiet, run_at, msg_id, queued_at, max_attempts,
                           pinned_executor_id, concurrency_key, parent_id, batch_id, trace_id, created_by)
    select i.job_id, make_jobs.project_id, i.type, i.lane, i.band, i.begins, case i.begins when 'blocked' then 'turn' end, total > 25, i.run_at,
           i.message, case i.begins when 'queued' then clock_timestamp() end, i.max_attempts, i.pin, i.concurrency_key, i.parent_id,
           make_jobs.batch_id, i.trace_id, made_by
      from item i
  ),
  told as (
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select i.job_id, make_jobs.project_id, 'job.enqueued', jsonb_build_object('type', i.type), i.trace_id, total > 25 from item i
  )
  insert into cogo.job_payloads (job_id, project_id, input)
  select i.job_id, make_jobs.project_id, i.payload from item i;

  if other then
    perform cogo.admit_jobs(array(select p.job_id from unnest(plan) p where p.fresh and p.wait in ('slot', 'pin')));
  end if;
  perform cogo.ring(make_jobs.project_id, w.lane, null, w.n)
     from (select p.lane, count(*) as n from unnest(plan) p where p.fresh and p.wait is null group by p.lane) w;
  if not other and total = cardinality(plan) then
    return query
      select p.job_id, case when p.job_id = any (pushed) then 'queued' when p.wait is null then 'blocked' else 'scheduled' end
        from unnest(plan) p order by p.nth;
  else
    return query
      select p.job_id, coalesce(j.state, h.state, 'forgotten')
        from unnest(plan) p
        left join cogo.jobs j on j.id = p.job_id
        left join lateral (select x.state from cogo.jobs_history x where x.id = p.job_id and j.id is null limit 1) h on true
       order by p.nth;
  end if;
end
$$;

-- sql/jobs/240_fn_pick_jobs.sql
-- cogo.pick_jobs: the claim of an executor that may not take just any job of a lane: walks the ready index instead of the queue,
-- which knows neither project nor type. Returns the jobs, locked; their messages are removed, or found stale later. Waits for nothing.
create function cogo.pick_jobs(lane text, project_id uuid, every_type boolean, exact text[], prefixes text[], qty int)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  low   bigint := cogo.low(lane);
  taken uuid[];
  done  bigint[];
begin
  if pick_jobs.project_id is null then
    select array_agg(p.id), array_agg(p.msg_id) into taken, done
      from (select j.id, j.msg_id from cogo.jobs j
             where j.lane = pick_jobs.lane and j.state = 'queued' and j.pinned_executor_id is null and j.msg_id >= low
               and (every_type or j.type = any (exact) or j.type like any (prefixes))
             order by j.msg_id
             limit qty
               for update skip locked) p;
  else
    select array_agg(p.id), array_agg(p.msg_id) into taken, done
      from (select j.id, j.msg_id from cogo.jobs j
             where j.lane = pick_jobs.lane and j.state = 'queued' and j.pinned_executor_id is null and j.msg_id >= low
               and j.project_id = pick_jobs.project_id
               and (every_type or j.type = any (exact) or j.type like any (prefixes))
             order by j.msg_id
             limit qty
               for update skip locked) p;
  end if;
  if done is not null then
    perform cogo.drop_messages(lane, done);
  end if;
  return coalesce(taken, '{}');
end
$$;

-- sql/jobs/245_fn_take_turns.sql
-- cogo.take_turns: jobs that wait for their turn: the projects of the lane one after the other, and in a project its types, each
-- oldest first. Returns the jobs, locked. Waits for nothing. Up to 500 of these are looked at, from a random project on; what it costs
-- does not depend on how many jobs wait.
create function cogo.take_turns(lane text, project_id uuid, every_type boolean, exact text[], prefixes text[], qty int)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  start    uuid := gen_random_uuid();
  low      timestamptz := to_timestamp(cogo.turn(lane) / 1000000.0);
  projects uuid[];
  types    text[];
  more     uuid[];
  taken    uuid[] := '{}';
begin
  with recursive waiting as (
    (select j.project_id, j.type, 1 as n from cogo.jobs j
      where j.lane = take_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
        and (take_turns.project_id is null or j.project_id = take_turns.project_id)
      order by j.project_id, j.type limit 1)
    union all
    select f.project_id, f.type, w.n + 1
      from waiting w
     cross join lateral (
       select j.project_id, j.type from cogo.jobs j
        where j.lane = take_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
          and (j.project_id, j.type) > (w.project_id, w.type)
          and (take_turns.project_id is null or j.project_id = take_turns.project_id)
        order by j.project_id, j.type limit 1) f
     where w.n < 500
  )
  select array_agg(w.project_id order by w.project_id < start, w.project_id, w.type),
         array_agg(w.type order by w.project_id < start, w.project_id, w.type)
    into projects, types
    from waiting w where every_type or w.type = any (exact) or w.type like any (prefixes);
  while projects is not null and cardinality(taken) < qty loop
    select array_agg(x.id order by x.nth, x.run_at, x.id) into more
      from (select j.id, j.run_at, g.nth
              from unnest(projects, types) with ordinality g(project_id, type, nth)
             cross join lateral (
               select j.id, j.run_at from cogo.jobs j
                where j.lane = take_turns.lane and j.project_id = g.project_id and j.type = g.type
                  and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low and not (j.id = any (taken))
                order by j.run_at, j.id
                limit greatest((qty - cardinality(taken)) / cardinality(projects), 1)
                  for update skip locked) j
             limit qty - cardinality(taken)) x;
    exit when more is null;
    taken := taken || more;
    exit when cardinality(projects) = 1;
  end loop;
  return taken;
end
$$;

-- sql/jobs/247_fn_earlier_work.sql
-- cogo.earlier_work: what earlier attempts of a job left: {steps?: {name: output}, children?: [{job_id, type, state, result, error}]}.
create function cogo.earlier_work(job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce((select jsonb_build_object('steps', jsonb_object_agg(s.name, s.output))
                     from cogo.job_steps s where s.job_id = earlier_work.job_id having count(*) > 0), '{}')
      || coalesce((select jsonb_build_object('children', jsonb_agg(c.child order by c.id))
                     from (select j.id, jsonb_build_object('job_id', j.id, 'type', j.type, 'state', j.state, 'result', j.result, 'error', p.error) as child
                             from cogo.jobs j left join cogo.job_payloads p on p.job_id = j.id where j.parent_id = earlier_work.job_id
                           union all
                           select h.id, jsonb_build_object('job_id', h.id, 'type', h.type, 'state', h.state, 'result', h.result, 'error', h.error)
                             from cogo.jobs_history h where h.parent_id = earlier_work.job_id) c
                   having count(*) > 0), '{}')
$$;

-- sql/jobs/250_fn_lease_jobs.sql
-- cogo.lease_jobs: gives locked jobs to an executor: running, a new token. Returns what claim answers. steps and children are there
-- where a job has them, which a first attempt has not.
create function cogo.lease_jobs(ids uuid[], executor_id text, lease_s int)
returns jsonb
language sql
set search_path = ''
as $$
  with leased as (
    update cogo.jobs j
       set state = 'running', blocked_on = null, attempt = j.attempt + 1, msg_id = null, executor_id = lease_jobs.executor_id,
           lease_token = nextval('cogo.lease_tokens'), lease_s = lease_jobs.lease_s,
           lease_until = clock_timestamp() + make_interval(secs => lease_jobs.lease_s), leased_at = clock_timestamp(),
           started_at = coalesce(j.started_at, clock_timestamp())
     where j.id = any (ids)
    returning j.id, j.project_id, j.type, j.attempt, j.lease_token, j.trace_id, j.quiet, j.band, j.pinned_executor_id,
              j.cancel_requested_at
  ),
  told as (
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select l.id, l.project_id, 'job.started', jsonb_build_object('attempt', l.attempt, 'executor_id', lease_jobs.executor_id),
           l.trace_id, l.quiet
      from leased l
  )
  select jsonb_agg(jsonb_build_object(
           'job_id', l.id, 'token', l.lease_token::text, 'attempt', l.attempt, 'type', l.type, 'payload', p.input,
           'checkpoint', p.checkpoint, 'project_id', l.project_id, 'trace_id', l.trace_id, 'lease_s', lease_jobs.lease_s,
           'cancel_requested', l.cancel_requested_at is not null)
           || case when l.attempt = 1 then '{}' else cogo.earlier_work(l.id) end
           order by l.pinned_executor_id is null, l.band, l.id)
    from leased l left join cogo.job_payloads p on p.job_id = l.id
$$;

-- sql/jobs/260_fn_verdicts.sql
-- cogo.verdicts: the answer of fail and release: [{job_id, verdict, state}] by job id. A lost attempt learns no state: it may be
-- another project's job.
create function cogo.verdicts(items cogo.fenced_item[])
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('job_id', i.job_id,
           'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
           'state', case when i.held then j.state end) order by i.job_id), '[]')
    from unnest(items) i left join cogo.jobs j on j.id = i.job_id
$$;

-- sql/jobs/270_fn_job_json.sql
-- cogo.job_json: a job's own row as the API shows it.
create function cogo.job_json(j cogo.jobs)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('job_id', j.id, 'project_id', j.project_id, 'type', j.type, 'state', j.state, 'lane', j.lane,
    'attempt', j.attempt, 'failures', j.failures, 'lease_losses', j.lease_losses, 'releases', j.releases,
    'max_attempts', j.max_attempts, 'created_at', j.created_at, 'run_at', j.run_at, 'started_at', j.started_at,
    'finished_at', j.finished_at, 'trace_id', j.trace_id, 'executor_id', j.executor_id,
    'pinned_executor_id', j.pinned_executor_id, 'concurrency_key', j.concurrency_key, 'parent_id', j.parent_id,
    'blocked_on', j.blocked_on, 'pending_children', j.pending_children, 'batch_id', j.batch_id, 'redriven_from', j.redriven_from, 'cancel_requested', j.cancel_requested_at is not null)
$$;

-- sql/jobs/280_fn_expire_leases.sql
-- cogo.expire_leases: takes back leases that ran out, of jobs the caller has locked with lock_jobs: cancelled where that was asked for,
-- dead (lease_lost) at the third loss, else queued again. Returns {expired, dead}.
create function cogo.expire_leases(late uuid[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  max_losses constant int := 3;
  again     uuid[];
  cancelled uuid[];
  spent     uuid[];
begin
  select coalesce(array_agg(j.id) filter (where j.cancel_requested_at is not null), '{}'),
         coalesce(array_agg(j.id) filter (where j.cancel_requested_at is null and j.lease_losses + 1 >= max_losses), '{}'),
         coalesce(array_agg(j.id) filter (where j.cancel_requested_at is null and j.lease_losses + 1 < max_losses), '{}')
    into cancelled, spent, again
    from cogo.jobs j where j.id = any (late) and j.state = 'running' and j.lease_until <= clock_timestamp();
  late := cancelled || spent || again;
  if cardinality(late) = 0 then
    return '{"expired": 0, "dead": 0}';
  end if;
  perform cogo.close_attempts(late, 'lost');
  update cogo.jobs j set lease_losses = j.lease_losses + 1 where j.id = any (late);
  perform cogo.settle_cancelled(cancelled);
  perform cogo.bury_job(s.id, 'lease_lost', 'lease_lost', jsonb_build_object('code', 'lease_lost',
            'message', format('%s executors lost the lease, the last one was %s', max_losses, j.executor_id)))
     from unnest(spent) as s(id) join cogo.jobs j on j.id = s.id;
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select j.id, j.project_id, 'job.lease_lost', jsonb_build_object('attempt', j.attempt, 'executor_id', j.executor_id), j.trace_id, j.quiet
    from cogo.jobs j where j.id = any (again) order by j.id;
  perform cogo.push_jobs(again);
  perform cogo.jobs_over(cancelled || spent, cancelled || spent);
  return jsonb_build_object('expired', cardinality(late), 'dead', cardinality(spent));
end
$$;

-- sql/jobs/285_fn_fill_slots.sql
-- cogo.fill_slots: admits blocked jobs whose key has a free slot that nobody handed on. Returns how many.
create function cogo.fill_slots(lim int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  idle record;
  next uuid[];
  made int := 0;
begin
  for idle in
    select s.project_id, s.key, s.slots - s.used as free
      from cogo.job_slots s
     where s.used < s.slots
       and exists (select from cogo.jobs j where j.project_id = s.project_id and j.concurrency_key = s.key and j.state = 'blocked' and j.blocked_on = 'slot')
     order by s.project_id, s.key
     limit lim
       for update of s skip locked
  loop
    next := array(
      select j.id from cogo.jobs j
       where j.project_id = idle.project_id and j.concurrency_key = idle.key and j.state = 'blocked' and j.blocked_on = 'slot'
       order by j.band, j.id
       limit idle.free
         for update skip locked);
    perform cogo.admit_jobs(next);
    made := made + cardinality(next);
  end loop;
  return made;
end
$$;

-- sql/jobs/287_fn_waiting_turns.sql
-- cogo.waiting_turns: the oldest run_at of jobs that wait for their turn, for each project and type of the lane, at most 1,000.
create function cogo.waiting_turns(lane text)
returns table (project_id uuid, type text, run_at timestamptz)
language sql
stable
set search_path = ''
as $$
  with recursive waiting as (
    (select j.project_id, j.type, j.run_at, 1 as n from cogo.jobs j
      where j.lane = waiting_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn'
      order by j.project_id, j.type, j.run_at limit 1)
    union all
    select f.project_id, f.type, f.run_at, w.n + 1
      from waiting w
     cross join lateral (
       select j.project_id, j.type, j.run_at from cogo.jobs j
        where j.lane = waiting_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn'
          and (j.project_id, j.type) > (w.project_id, w.type)
        order by j.project_id, j.type, j.run_at limit 1) f
     where w.n < 1000
  )
  select w.project_id, w.type, w.run_at from waiting w
$$;

-- sql/jobs/290_fn_reconcile_lanes.sql
-- cogo.reconcile_lanes: moves low watermarks up to where the queues begin, and takes back the mark of a backlog that is gone. Once in
-- 15 s a lane it re-sends queued jobs whose message is gone (a purge, a lost queue table) or lies below the watermark (a slow
-- transaction took its id long before it committed). Returns how many were re-sent.
create function cogo.reconcile_lanes(lim int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  slack constant bigint := 500;
  lane   record;
  head   record;
  lost   uuid[];
  oldest timestamptz;
  made   int := 0;
begin
  for lane in
    select l.name, l.queue_name, l.backlog, l.reconciled_at < clock_timestamp() - interval '15 seconds' as due
      from cogo.lanes l order by l.name
  loop
    if lane.backlog and not cogo.has_backlog(lane.name) then
      -- whoever adds to it now has marked it already and would lose the mark, so only where that holds still under the lock
      update cogo.lanes l set backlog = false
       where l.name in (select x.name from cogo.lanes x where x.name = lane.name for update skip locked)
         and not cogo.has_backlog(lane.name);
    elsif not lane.backlog and cogo.has_backlog(lane.name) then
      perform cogo.mark_backlog(array[lane.name]);
    end if;
    if lane.backlog then
      -- the oldest of each project and type, found without the watermark; where there are too many to look at all, no watermark
      select case when count(*) < 1000 then min(w.run_at) else to_timestamp(3) end into oldest
        from cogo.waiting_turns(lane.name) w;
      perform setval(format('cogo.turn_%s', lane.queue_name),
        greatest(1, (extract(epoch from coalesce(oldest, clock_timestamp()) - interval '2 seconds') * 1000000)::bigint));
    end if;
    perform cogo.ensure_queue(lane.queue_name);
    execute format('select h.oldest, h.newest from cogo.head_%s() h', lane.queue_name) into head;
    if coalesce(head.oldest, head.newest) - slack > cogo.low(lane.name) then
      perform setval(format('cogo.low_%s', lane.queue_name), coalesce(head.oldest, head.newest) - slack);
    end if;
    continue when not lane.due;
    execute format('select cogo.lost_%s($1)', lane.queue_name) into lost using lim;
    if cardinality(lost) > 0 then
      perform cogo.push_jobs(lost);
      made := made + cardinality(lost);
    end if;
    update cogo.lanes l set reconciled_at = clock_timestamp() where l.name = lane.name;
  end loop;
  return made;
end
$$;

-- sql/jobs/300_fn_enqueue.sql
-- cogo_api.enqueue: makes jobs in one transaction with whatever else the caller does; returns [{job_id, state, duplicate, batch_id?}]
-- in order.
--
-- jobs: [{type, payload?, priority?, delay_s?, key?, max_attempts?, executor?, pin?, concurrency_key?, rate_key?, parent_id?,
-- trace_id?}], up to 1,000. priority is the band: 0 first, 1 default, 2 last. executor overrides the lane rule of the type. pin: only
-- this executor takes it. concurrency_key: as many jobs of the key at a time as its slots (1 unless set_job_limit). rate_key: the rate
-- to keep to, the type's unless said. parent_id links to a job of the same project, which may await it.
-- key: the first job made with it is returned again (duplicate = true) for 7 days, also when that job's row is gone.
-- batch: {} makes a batch of these jobs, {id} adds them to one of the project, {name} names it; see batch_status.
-- More than 25 jobs in a call are quiet: their turns are recorded, but not broadcast one by one.
-- Needs editor. Errors: as require_role; CG000 not an array; CG003 unknown batch; CG004 a field out of range or an unknown type;
-- CG005 a payload over 128 KB (put it in Storage and send the path); CG023 a key used with another input; CG024 the project has as
-- many jobs waiting as it may.
create function cogo_api.enqueue(project_id uuid, jobs jsonb, batch jsonb default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  plan   cogo.planned_job[];
  group_id uuid;
  answer jsonb;
begin
  perform cogo.require_role(enqueue.project_id, 'editor');
  perform from cogo.projects p where p.id = enqueue.project_id for key share;
  plan := cogo.plan_jobs(enqueue.project_id, enqueue.jobs);
  if exists (select from unnest(plan) p where p.key is not null) then
    plan := cogo.claim_job_keys(enqueue.project_id, plan);
  end if;
  perform cogo.check_quota(enqueue.project_id, cardinality(plan));
  plan := cogo.apply_rates(enqueue.project_id, plan);
  if batch is not null then
    group_id := cogo.open_batch(enqueue.project_id, batch, (select count(*)::int from unnest(plan) p where p.fresh));
  end if;
  select coalesce(jsonb_agg(case when group_id is null
             then jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not p.fresh)
             else jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not p.fresh, 'batch_id', group_id) end
           order by p.nth), '[]')
    into answer
    from rows from (cogo.make_jobs(enqueue.project_id, plan, cogo.principal(), group_id)) with ordinality as m(job_id, state, nth)
    join unnest(plan) p on p.nth = m.nth;
  return answer;
end
$$;
revoke all on function cogo_api.enqueue(uuid, jsonb, jsonb) from public;
grant execute on function cogo_api.enqueue(uuid, jsonb, jsonb) to anon, authenticated, service_role;

-- sql/jobs/310_fn_claim.sql
-- cogo_api.claim: leases up to qty ready jobs to an executor; returns [{job_id, token, attempt, type, payload, checkpoint, project_id,
-- trace_id, lease_s, cancel_requested, steps?, children?}]. token (a string: it is a bigint) goes with every later call for the
-- attempt. steps: outputs earlier attempts stored; children: the jobs it awaited, with their results.
--
-- Jobs pinned to the executor first, then its lanes by band, each roughly first in, first out, and no project more than its share
-- while others wait. A worker token gets jobs of its project only. include_types: exact types or prefixes ending in '.*'. epoch: as
-- register_executor gave it, so that a process another one of the same id has replaced gets nothing.
-- The lease ends lease_s after the last beat, by the database's clock: count it on a monotonic clock and stop at 80 %.
-- An empty answer is normal; nothing ever waits for a lock here.
-- Errors: CG001/CG002/CG004 as executor_scope; CG004 qty not 1 to 1000, lease_s not 5 to 3600; CG025 the executor is draining, or its
-- epoch is over.
create function cogo_api.claim(
  executor_id text, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  scope    record;
  chosen   uuid[];
  lane     record;
  exact    text[];
  prefixes text[];
begin
  if coalesce(qty, 0) not between 1 and 1000 then
    perform cogo.fail('CG004', 'qty must be 1 to 1000', jsonb_build_object('field', 'qty'));
  end if;
  if coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'lease_s must be 5 to 3600', jsonb_build_object('field', 'lease_s'));
  end if;
  scope := cogo.executor_scope(claim.executor_id, claim.epoch, false);
  if not scope.current then
    perform cogo.fail('CG025', 'a newer process runs as this executor', jsonb_build_object('epoch', claim.epoch), 'Stop this one');
  elsif scope.draining then
    perform cogo.fail('CG025', 'this executor is draining', null, 'Register it again to take jobs');
  end if;
  if include_types is not null then
    exact := array(select t from unnest(include_types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(include_types) t where t like '%.*');
  end if;

  chosen := array(
    select j.id from cogo.jobs j
     where j.pinned_executor_id = claim.executor_id and j.state = 'queued'
       and (scope.project_id is null or j.project_id = scope.project_id)
       and (include_types is null or j.type = any (exact) or j.type like any (prefixes))
     order by j.band, j.queued_at
     limit qty
       for update skip locked);

  for lane in
    select o.name, o.backlog, o.ready from cogo.open_lanes(scope.kind) o
  loop
    exit when cardinality(chosen) >= qty;
    if not lane.ready then
      null;
    elsif scope.project_id is null and include_types is null then
      chosen := chosen || cogo.pop(lane.name, qty - cardinality(chosen));
    else
      chosen := chosen || cogo.pick_jobs(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
    if lane.backlog and cardinality(chosen) < qty then
      chosen := chosen
        || cogo.take_turns(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
  end loop;
  if cardinality(chosen) = 0 then
    return '[]';
  end if;
  return cogo.lease_jobs(chosen, claim.executor_id, lease_s);
end
$$;
revoke all on function cogo_api.claim(text, int, int, text[], int) from public;
grant execute on function cogo_api.claim(text, int, int, text[], int) to anon, authenticated, service_role;

-- sql/jobs/315_fn_store_steps.sql
-- cogo.store_steps: keeps the steps held items carry: steps: [{name, output}]. The first output of a name stays.
-- Error: CG000 malformed.
create function cogo.store_steps(items cogo.fenced_item[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select from unnest(items) i where i.held and i.body ? 'steps') then
    return;
  end if;
  insert into cogo.job_steps (job_id, name, project_id, output, attempt)
  select i.job_id, s.value ->> 'name', j.project_id, s.value -> 'output', j.attempt
    from unnest(items) i
    join cogo.jobs j on j.id = i.job_id
   cross join lateral jsonb_array_elements(i.body -> 'steps') s
   where i.held and i.body ? 'steps'
   order by i.job_id
  on conflict do nothing;
exception
  when invalid_parameter_value or not_null_violation or check_violation or datatype_mismatch then
    perform cogo.fail('CG000', 'steps must be an array of {name, output}', jsonb_build_object('reason', sqlerrm));
end
$$;

-- sql/jobs/320_fn_beat.sql
-- cogo_api.beat: keeps leases alive, all of an executor's in one call; returns [{job_id, verdict}].
--   ok      the lease runs lease_s from now
--   cancel  the same, and somebody wants the job cancelled: stop it, then finish or fail it
--   lost    the token is not the job's any more, or the epoch is over: stop at once, nothing of this attempt counts
-- beats: [{job_id, token, progress?, log?, steps?}]; an empty list is presence only. progress replaces the last one; at most two a
-- second become events. log: text or a list of lines, up to 16,384 characters a beat are kept. steps: [{name, output}] done since the
-- last beat, which a later attempt finds in its claim.
-- Errors: CG001/CG002/CG004 as executor_scope; CG000 malformed.
create function cogo_api.beat(executor_id text, beats jsonb, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  scope  record;
  held   cogo.fenced_item[] := '{}';
  moment timestamptz;
begin
  scope := cogo.executor_scope(beat.executor_id, beat.epoch, coalesce(beats, '[]') = '[]');
  if coalesce(beats, '[]') <> '[]' then
    held := cogo.fenced(beats);
  end if;
  moment := clock_timestamp();
  if not scope.current then
    return (select coalesce(jsonb_agg(jsonb_build_object('job_id', f.job_id, 'verdict', 'lost')), '[]') from unnest(held) f);
  end if;
  update cogo.jobs j
     set lease_until = moment + make_interval(secs => j.lease_s)
    from unnest(held) f
   where j.id = f.job_id and f.held;
  perform cogo.store_steps(held);

  if exists (select from unnest(held) f where f.body ? 'progress') then
    with said as (
      select f.job_id, f.body -> 'progress' as progress
        from unnest(held) f
       where f.held and jsonb_typeof(f.body -> 'progress') <> 'null'
    ),
    due as (
      select s.job_id, s.progress, p.project_id from said s join cogo.job_payloads p on p.job_id = s.job_id
       where p.progress_at is null or p.progress_at <= moment - interval '500 milliseconds'
    ),
    kept as (
      update cogo.job_payloads p
         set progress = s.progress,
             progress_at = case when exists (select from due d where d.job_id = s.job_id) then moment else p.progress_at end
        from said s where p.job_id = s.job_id
    )
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select d.job_id, d.project_id, 'job.progress', jsonb_build_object('progress', d.progress), j.trace_id
      from due d join cogo.jobs j on j.id = d.job_id order by d.job_id;
  end if;

  if exists (select from unnest(held) f where f.body ? 'log') then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select f.job_id, j.project_id, 'job.log', jsonb_build_object('log', left(case jsonb_typeof(f.body -> 'log')
             when 'array' then (select string_agg(line, e'\n' order by n)
                                  from jsonb_array_elements_text(f.body -> 'log') with ordinality l(line, n))
             else f.body ->> 'log' end, 16384)), j.trace_id
      from unnest(held) f
      join cogo.jobs j on j.id = f.job_id
     where f.held and jsonb_typeof(f.body -> 'log') in ('string', 'array')
     order by f.job_id;
  end if;

  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', f.job_id,
             'verdict', case when not f.held then 'lost' when f.cancel_requested then 'cancel' else 'ok' end) order by f.job_id)
      from unnest(held) f), '[]');
end
$$;
revoke all on function cogo_api.beat(text, jsonb, int) from public;
grant execute on function cogo_api.beat(text, jsonb, int) to anon, authenticated, service_role;

-- sql/jobs/325_fn_await_children.sql
-- cogo.await_children: a running, locked job steps aside until its children are over: blocked, or queued again at once where none is
-- left. Its slot is given back meanwhile. Returns its new state.
create function cogo.await_children(job_id uuid, checkpoint jsonb)
returns text
language plpgsql
set search_path = ''
as $$
declare
  left_over int;
begin
  if checkpoint is not null and jsonb_typeof(checkpoint) <> 'null' then
    update cogo.job_payloads p set checkpoint = await_children.checkpoint where p.job_id = await_children.job_id;
  end if;
  perform cogo.close_attempts(array[await_children.job_id], 'awaiting');
  update cogo.jobs j set state = 'blocked', blocked_on = 'children', lease_token = null, lease_until = null
   where j.id = await_children.job_id
  returning j.pending_children into left_over;
  perform cogo.tell(array[await_children.job_id], 'job.awaiting', jsonb_build_object('children', left_over));
  perform cogo.free_slots(array[await_children.job_id]);
  if left_over = 0 then
    perform cogo.admit_jobs(array[await_children.job_id]);
  end if;
  return (select j.state from cogo.jobs j where j.id = await_children.job_id);
end
$$;

-- sql/jobs/327_fn_spawn_children.sql
-- cogo.spawn_children: makes the children and events held items of finish or release carry, in the same transaction. children: items of
-- enqueue, which get the job as parent; events: [{kind, data}], recorded on the job as job.<kind>.
-- Errors: as enqueue's items; CG000 malformed.
create function cogo.spawn_children(items cogo.fenced_item[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  item record;
  plan cogo.planned_job[];
begin
  for item in
    select i.job_id, i.body, j.project_id, j.trace_id, j.created_by, j.batch_id
      from unnest(items) i join cogo.jobs j on j.id = i.job_id
     where i.held and (i.body ? 'children' or i.body ? 'events')
     order by i.job_id
  loop
    if jsonb_typeof(item.body -> 'children') = 'array' then
      plan := cogo.plan_jobs(item.project_id, coalesce((
        select jsonb_agg(jsonb_build_object('trace_id', item.trace_id) || c.value || jsonb_build_object('parent_id', item.job_id) order by c.ordinality)
          from jsonb_array_elements(item.body -> 'children') with ordinality c where jsonb_typeof(c.value) = 'object'), '[]'));
      if exists (select from unnest(plan) p where p.key is not null) then
        plan := cogo.claim_job_keys(item.project_id, plan);
      end if;
      perform cogo.check_quota(item.project_id, cardinality(plan));
      plan := cogo.apply_rates(item.project_id, plan);
      perform cogo.make_jobs(item.project_id, plan, item.created_by, item.batch_id);
    end if;
    if jsonb_typeof(item.body -> 'events') = 'array' then
      if exists (select from jsonb_array_elements(item.body -> 'events') e where coalesce(e ->> 'kind', '') !~ '^[a-z_]{1,40}$') then
        perform cogo.fail('CG000', 'events must be [{kind, data}], kind of lower-case letters and _', jsonb_build_object('field', 'events'));
      end if;
      insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
      select item.job_id, item.project_id, 'job.' || (e.value ->> 'kind'), coalesce(e.value -> 'data', '{}'), item.trace_id
        from jsonb_array_elements(item.body -> 'events') with ordinality e order by e.ordinality limit 100;
    end if;
  end loop;
end
$$;

-- sql/jobs/330_fn_finish.sql
-- cogo_api.finish: records results; returns [{job_id, verdict, state}] by job id.
-- results: [{job_id, token, result, children?, events?, await?, checkpoint?}]. ok: the job succeeded. cancelled: somebody had asked for
-- that; the result is kept all the same. lost: the token is stale and nothing was changed.
-- children: jobs (as in enqueue) made in the same transaction, with this one as parent. await: the job is not over: it is blocked
-- until its children are, then claimed again with their results (state blocked, verdict ok); its checkpoint is kept.
-- Writes of the same transaction stand or fall with the verdict.
-- Errors: CG001/CG002/CG000 as fenced; as spawn_children.
create function cogo_api.finish(results jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  items     cogo.fenced_item[] := cogo.fenced(results);
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  select coalesce(bool_or(i.body ?| array['children', 'events', 'await']), false),
         coalesce(array_agg(i.job_id) filter (where i.cancel_requested), '{}'),
         coalesce(array_agg(i.job_id) filter (where not i.cancel_requested and i.body -> 'await' = 'true'), '{}')
    into special, cancelled, awaiting
    from unnest(items) i where i.held;
  if special then
    perform cogo.spawn_children(items);
  end if;
  if cardinality(cancelled) > 0 then
    perform cogo.close_attempts(cancelled, 'cancelled');
    perform cogo.settle_cancelled(cancelled);
    update cogo.jobs j set result = i.body -> 'result' from unnest(items) i where j.id = i.job_id and i.job_id = any (cancelled);
  end if;
  for i in 1..cardinality(awaiting) loop
    perform cogo.await_children(awaiting[i], (select x.body -> 'checkpoint' from unnest(items) x where x.job_id = awaiting[i]));
  end loop;

  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
           result = i.body -> 'result'
      from unnest(items) i
     where j.id = i.job_id and i.held and not i.cancel_requested and not (i.job_id = any (awaiting))
    returning j.id, j.project_id, j.attempt, j.trace_id, j.quiet
  )
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select d.id, d.project_id, 'job.done', jsonb_build_object('state', 'succeeded', 'attempt', d.attempt), d.trace_id, d.quiet from done d;

  -- most jobs have neither a key nor a parent
  select array_agg(i.job_id) into ended
    from unnest(items) i where i.held and (i.keyed or i.parented) and not (i.job_id = any (awaiting));
  if ended is not null then
    perform cogo.jobs_over(ended, ended);
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', i.job_id,
             'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
             'state', case when not i.held then null when i.cancel_requested then 'cancelled'
                           when i.job_id = any (awaiting) then (select j.state from cogo.jobs j where j.id = i.job_id)
                           else 'succeeded' end) order by i.job_id)
      from unnest(items) i), '[]');
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;

-- sql/jobs/340_fn_fail.sql
-- cogo_api.fail: records failed attempts; returns [{job_id, verdict, state}] by job id.
-- failures: [{job_id, token, error:{code, message, reason?}, retryable, retry_after_s?}].
-- A retryable failure is tried again after retry_after_s, or after a full-jitter backoff: random() * least(60, 0.5 * 2^(failures - 1))
-- seconds; when max_attempts failures are spent the job is dead (exhausted_retries). One that is not retryable is dead at once, with
-- error.reason where that is a dead-letter reason, else validation_failed.
-- Errors: CG001/CG002/CG000 as fenced.
create function cogo_api.fail(failures jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  items cogo.fenced_item[] := cogo.fenced(failures);
  item  record;
  job   cogo.jobs;
  error jsonb;
  delay double precision;
  held  uuid[] := '{}';
  over  uuid[] := '{}';
begin
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    error := coalesce(item.body -> 'error', '{}');
    perform cogo.close_attempts(array[item.job_id], case when item.cancel_requested then 'cancelled' else 'failed' end, error);
    update cogo.jobs j set failures = j.failures + 1 where j.id = item.job_id returning j.* into job;
    update cogo.job_payloads p set error = item.body -> 'error' where p.job_id = item.job_id;
    held := held || item.job_id;
    if item.cancel_requested then
      perform cogo.settle_cancelled(array[item.job_id]);
      over := over || item.job_id;
    elsif not coalesce((item.body ->> 'retryable')::boolean, true) then
      perform cogo.bury_job(job.id, error ->> 'reason', 'validation_failed', error);
      over := over || item.job_id;
    elsif job.failures >= job.max_attempts then
      perform cogo.bury_job(job.id, 'exhausted_retries', 'exhausted_retries', error);
      over := over || item.job_id;
    else
      delay := coalesce(
        least(greatest((item.body ->> 'retry_after_s')::double precision, 0), 2592000),
        random() * least(60, 0.5 * power(2, job.failures - 1)));
      update cogo.jobs j
         set state = 'scheduled', run_at = clock_timestamp() + make_interval(secs => delay), lease_token = null, lease_until = null
       where j.id = job.id;
      perform cogo.tell(array[job.id], 'job.retry',
        jsonb_build_object('failures', job.failures, 'delay_s', round(delay::numeric, 3), 'error', error));
    end if;
  end loop;
  perform cogo.jobs_over(over, held);
  return cogo.verdicts(items);
exception
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'retryable must be true or false, retry_after_s a number', jsonb_build_object('reason', sqlerrm));
end
$$;
revoke all on function cogo_api.fail(jsonb) from public;
grant execute on function cogo_api.fail(jsonb) to anon, authenticated, service_role;

-- sql/jobs/350_fn_release.sql
-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?, steps?, children?, await?}]; returns [{job_id, verdict, state}] by job id. The job is queued
-- again at once and its next claim gets the checkpoint; with await it is blocked until its children are over.
-- Errors: CG001/CG002/CG000 as fenced.
create function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  items     cogo.fenced_item[] := cogo.fenced(releases);
  item      record;
  again     uuid[] := '{}';
  cancelled uuid[] := '{}';
begin
  perform cogo.store_steps(items);
  perform cogo.spawn_children(items);
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    if item.cancel_requested then
      cancelled := cancelled || item.job_id;
    elsif item.body -> 'await' = 'true' then
      perform cogo.await_children(item.job_id, item.body -> 'checkpoint');
    else
      again := again || item.job_id;
    end if;
  end loop;
  perform cogo.close_attempts(cancelled, 'cancelled');
  perform cogo.settle_cancelled(cancelled);
  perform cogo.close_attempts(again, 'released');
  update cogo.job_payloads p set checkpoint = i.body -> 'checkpoint'
    from unnest(items) i
   where p.job_id = i.job_id and i.job_id = any (again) and jsonb_typeof(i.body -> 'checkpoint') <> 'null';
  update cogo.jobs j set releases = j.releases + 1 where j.id = any (again);
  perform cogo.tell(again, 'job.released', '{}');
  -- a released job keeps its slot: it is runnable now
  perform cogo.push_jobs(again);
  perform cogo.jobs_over(cancelled, cancelled);
  return cogo.verdicts(items);
end
$$;
revoke all on function cogo_api.release(jsonb) from public;
grant execute on function cogo_api.release(jsonb) to anon, authenticated, service_role;

-- sql/jobs/360_fn_cancel.sql
-- cogo_api.cancel: cancels a job; returns {job_id, state, cancel_requested}. One that does not run is cancelled at once; a running one
-- is asked to stop (by its next beat, and by the doorbell) and counts as cancelled when its worker reports or loses the lease.
-- Again on a cancelled job is harmless. Children go on. Needs editor.
-- Errors: CG003 as readable_job; CG022 the job succeeded or is dead.
create function cogo_api.cancel(job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(cancel.job_id, 'editor');
begin
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = job.id;
  if not found then
    job := cogo.readable_job(cancel.job_id, 'editor');
  end if;
  if job.state in ('succeeded', 'dead') then
    perform cogo.fail('CG022', format('the job is %s already', job.state), jsonb_build_object('state', job.state));
  elsif job.state = 'running' then
    if job.cancel_requested_at is null then
      update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = job.id;
      perform cogo.tell(array[job.id], 'job.cancel_requested', jsonb_build_object('executor_id', job.executor_id));
      perform cogo.broadcast('agents:' || job.executor_id, 'cancel', jsonb_build_object('job_id', job.id));
    end if;
  elsif job.state <> 'cancelled' then
    update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = job.id;
    perform cogo.settle_cancelled(array[job.id]);
    if job.msg_id is not null then
      perform cogo.drop_messages(job.lane, array[job.msg_id]);
    end if;
    perform cogo.jobs_over(array[job.id], case when job.state = 'queued' then array[job.id] else '{}' end);
  end if;
  job := cogo.readable_job(cancel.job_id, 'editor');
  return jsonb_build_object('job_id', job.id, 'state', job.state, 'cancel_requested', job.cancel_requested_at is not null);
end
$$;
revoke all on function cogo_api.cancel(uuid) from public;
grant execute on function cogo_api.cancel(uuid) to anon, authenticated, service_role;

-- sql/jobs/370_fn_redrive.sql
-- cogo_api.redrive: makes a new job from a dead one and links the two; returns {job_id, state, duplicate, redriven_from}. Again on
-- the same dead job returns the job made then (duplicate = true). Needs editor.
-- Errors: CG003 as readable_job; CG022 the job is not dead.
create function cogo_api.redrive(job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  job    cogo.jobs := cogo.readable_job(redrive.job_id, 'editor');
  letter cogo.job_dead;
  made   uuid := cogo.new_job_id(clock_timestamp());
begin
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = redrive.job_id;
  if not found then
    job := cogo.readable_job(redrive.job_id, 'editor');
  end if;
  select d.* into letter from cogo.job_dead d where d.job_id = redrive.job_id;
  if job.state <> 'dead' or letter.job_id is null then
    perform cogo.fail('CG022', format('only a dead job is redriven, this one is %s', job.state), jsonb_build_object('state', job.state));
  end if;
  if letter.redriven_to is not null then
    return jsonb_build_object('job_id', letter.redriven_to, 'duplicate', true, 'redriven_from', job.id,
      'state', coalesce((select j.state from cogo.jobs j where j.id = letter.redriven_to), 'forgotten'));
  end if;
  insert into cogo.jobs (id, project_id, type, lane, band, state, max_attempts, pinned_executor_id, concurrency_key, parent_id,
                         batch_id, trace_id, redriven_from, created_by)
  values (made, job.project_id, job.type, job.lane, job.band, 'scheduled', job.max_attempts, job.pinned_executor_id,
    job.concurrency_key, job.parent_id, job.batch_id, job.trace_id, job.id, cogo.principal());
  insert into cogo.job_payloads (job_id, project_id, input, checkpoint)
  select made, p.project_id, p.input, p.checkpoint from cogo.job_payloads p where p.job_id = job.id;
  if job.parent_id is not null then
    update cogo.jobs p set pending_children = p.pending_children + 1 where p.id = job.parent_id;
  end if;
  perform cogo.tell(array[made], 'job.enqueued', jsonb_build_object('type', job.type, 'redriven_from', job.id));
  update cogo.job_dead d set redriven_to = made where d.job_id = job.id;
  perform cogo.admit_jobs(array[made]);
  return jsonb_build_object('job_id', made, 'duplicate', false, 'redriven_from', job.id,
    'state', (select j.state from cogo.jobs j where j.id = made));
end
$$;
revoke all on function cogo_api.redrive(uuid) from public;
grant execute on function cogo_api.redrive(uuid) to anon, authenticated, service_role;

-- sql/jobs/380_fn_pin.sql
-- cogo_api.pin: binds a job that does not run to one executor, or frees it (executor_id null); returns {job_id, state,
-- pinned_executor_id}. Needs editor.
-- Errors: CG003 as readable_job; CG004 malformed id; CG022 the job runs or is over.
create function cogo_api.pin(job_id uuid, executor_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(pin.job_id, 'editor');
begin
  if pin.executor_id !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
    perform cogo.fail('CG004', 'executor_id is malformed', jsonb_build_object('field', 'executor_id'));
  end if;
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = pin.job_id;
  if not found then
    job := cogo.readable_job(pin.job_id, 'editor');
  end if;
  if job.state not in ('scheduled', 'blocked', 'queued') then
    perform cogo.fail('CG022', format('a job that is %s cannot be pinned', job.state), jsonb_build_object('state', job.state));
  end if;
  if job.state = 'queued' then
    if job.msg_id is not null then
      perform cogo.drop_messages(job.lane, array[job.msg_id]);
    end if;
    -- out of queued for a moment: queued, pin and message change together
    update cogo.jobs j set state = 'scheduled', msg_id = null, pinned_executor_id = pin.executor_id where j.id = job.id;
    perform cogo.push_jobs(array[job.id]);
  else
    update cogo.jobs j set pinned_executor_id = pin.executor_id where j.id = job.id;
    -- a pinned job has no turn to wait for
    if job.blocked_on = 'turn' and pin.executor_id is not null then
      perform cogo.push_jobs(array[job.id]);
    end if;
  end if;
  return (select jsonb_build_object('job_id', j.id, 'state', j.state, 'pinned_executor_id', j.pinned_executor_id)
            from cogo.jobs j where j.id = pin.job_id);
end
$$;
revoke all on function cogo_api.pin(uuid, text) from public;
grant execute on function cogo_api.pin(uuid, text) to anon, authenticated, service_role;

-- sql/jobs/390_fn_job_status.sql
-- cogo_api.job_status: {job_id, project_id, type, state, attempt, failures, lease_losses, releases, max_attempts, progress, result,
-- error, reason, created_at, run_at, started_at, finished_at, trace_id, executor_id, pinned_executor_id, parent_id, redriven_from,
-- redriven_to, cancel_requested}. reason: why a dead job is dead. Needs viewer. Error: CG003.
create function cogo_api.job_status(job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(job_status.job_id, 'viewer');
begin
  return (
    select cogo.job_json(job) || jsonb_build_object(
             'progress', coalesce(p.progress, h.progress), 'result', job.result, 'error', coalesce(p.error, h.error),
             'reason', d.reason, 'redriven_to', d.redriven_to)
      from (select job.id) j
      left join cogo.job_payloads p on p.job_id = j.id
      left join cogo.jobs_history h on h.id = j.id and p.job_id is null
      left join cogo.job_dead d on d.job_id = j.id);
end
$$;
revoke all on function cogo_api.job_status(uuid) from public;
grant execute on function cogo_api.job_status(uuid) to anon, authenticated, service_role;

-- sql/jobs/400_fn_job_events.sql
-- cogo_api.job_events: the events of a job after an id, oldest first, at most 1,000: [{id, kind, data, at}]. Needs viewer.
-- Error: CG003.
create function cogo_api.job_events(job_id uuid, after_id bigint default 0, lim int default 200)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.readable_job(job_events.job_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'data', e.data, 'at', e.at) order by e.id)
      from (select x.* from cogo.job_events x
             where x.job_id = job_events.job_id and x.id > coalesce(after_id, 0)
             order by x.id limit least(greatest(coalesce(lim, 200), 1), 1000)) e), '[]');
end
$$;
revoke all on function cogo_api.job_events(uuid, bigint, int) from public;
grant execute on function cogo_api.job_events(uuid, bigint, int) to anon, authenticated, service_role;

-- sql/jobs/410_fn_list_jobs.sql
-- cogo_api.list_jobs: the newest jobs of a project, of one state where given, at most 500, also those of the history. Needs viewer.
create function cogo_api.list_jobs(project_id uuid, state text default null, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  most int := least(greatest(coalesce(lim, 50), 1), 500);
begin
  perform cogo.require_role(list_jobs.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(x.body order by x.id desc)
      from (select * from (
              (select j.id, cogo.job_json(j) as body
                 from cogo.job_payloads p join cogo.jobs j on j.id = p.job_id
                where p.project_id = list_jobs.project_id and (list_jobs.state is null or j.state = list_jobs.state)
                order by p.job_id desc limit most)
              union all
              (select h.id, cogo.job_json(j) as body
                 from cogo.jobs_history h cross join lateral cogo.past_job(h.id) j
                where h.project_id = list_jobs.project_id and (list_jobs.state is null or h.state = list_jobs.state)
                order by h.id desc limit most)) both_of order by id desc limit most) x), '[]');
end
$$;
revoke all on function cogo_api.list_jobs(uuid, text, int) from public;
grant execute on function cogo_api.list_jobs(uuid, text, int) to anon, authenticated, service_role;

-- sql/jobs/415_fn_batch_status.sql
-- cogo_api.batch_status: {batch_id, name, jobs, states:{state: n}, done, created_at} of a batch; done when every job is over. Needs viewer
-- in its project. Error: CG003.
create function cogo_api.batch_status(batch_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  batch  cogo.job_batches;
  states jsonb;
begin
  select b.* into batch from cogo.job_batches b where b.id = batch_status.batch_id;
  if not found or cogo.role_in(batch.project_id) is null then
    perform cogo.fail('CG003', 'no such batch', jsonb_build_object('batch_id', batch_status.batch_id));
  end if;
  perform cogo.require_role(batch.project_id, 'viewer');
  select coalesce(jsonb_object_agg(s.state, s.n), '{}') into states
    from (select x.state, count(*) as n
            from (select j.state from cogo.jobs j where j.batch_id = batch.id
                  union all
                  select h.state from cogo.jobs_history h where h.batch_id = batch.id) x
           group by x.state) s;
  return jsonb_build_object('batch_id', batch.id, 'project_id', batch.project_id, 'name', batch.name, 'jobs', batch.jobs, 'states', states,
    'done', not states ?| array['scheduled', 'blocked', 'queued', 'running'], 'created_at', batch.created_at);
end
$$;
revoke all on function cogo_api.batch_status(uuid) from public;
grant execute on function cogo_api.batch_status(uuid) to anon, authenticated, service_role;

-- sql/jobs/420_fn_register_executor.sql
-- cogo_api.register_executor: announces an executor, or changes what it says of itself; returns {executor_id, kind, project_id, epoch}.
-- info: {version?, slots?, capabilities?, draining?, kind?, instance?, beat_s?, …}, kept whole. A worker token fixes kind and project;
-- the server may name a kind (default cogo-plan) and serves every project.
-- instance: a name of the process. Another instance of the same id begins a new epoch: claims and beats that carry an older one are
-- refused, and the leases of the old process end with the next sweep. The same instance again keeps its epoch and its leases; without
-- one, every registration is an epoch and leases are left alone.
-- beat_s: how often it will be heard of (1 to 300 s): after three misses it counts as dead and its leases end at once.
-- Errors: as executor_scope; CG004 unknown kind, beat_s out of range.
create function cogo_api.register_executor(executor_id text, info jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  scope record := cogo.executor_scope(register_executor.executor_id, null, false);
  kind  text;
  made  cogo.executors;
  old   cogo.executors;
begin
  if (cogo.identity()).kind = 'service' then
    kind := coalesce(info ->> 'kind', scope.kind, 'cogo-plan');
    if kind not in ('cogo-plan', 'cogo-work') then
      perform cogo.fail('CG004', 'kind must be cogo-plan or cogo-work', jsonb_build_object('field', 'kind'));
    end if;
  else
    kind := scope.kind;
  end if;
  select e.* into old from cogo.executors e where e.id = register_executor.executor_id for update;
  insert into cogo.executors as e (id, project_id, kind, info, draining, instance, beat_s)
  values (register_executor.executor_id, scope.project_id, kind, coalesce(info, '{}'), coalesce((info ->> 'draining')::boolean, false),
    left(info ->> 'instance', 200), (info ->> 'beat_s')::int)
  on conflict on constraint executors_pkey do update
    set kind = excluded.kind, info = excluded.info, draining = excluded.draining, instance = excluded.instance,
        beat_s = excluded.beat_s, dead_at = null,
        epoch = e.epoch + case when e.instance = excluded.instance then 0 else 1 end,
        started_at = case when e.instance = excluded.instance then e.started_at else clock_timestamp() end,
        last_seen = clock_timestamp()
    where e.project_id is not distinct from excluded.project_id
  returning e.* into made;
  if not found then
    perform cogo.fail('CG002', 'this executor id is not yours', null, 'Choose another executor id');
  end if;
  if old.instance <> made.instance then
    -- the old process is gone, or will find out: what it held is free. Whose row is locked just now is being reported on.
    update cogo.jobs j set lease_until = clock_timestamp()
     where j.id in (select x.id from cogo.jobs x
                     where x.state = 'running' and x.executor_id = made.id and x.lease_until > clock_timestamp()
                     order by x.id for update skip locked);
  end if;
  perform cogo.broadcast('agents:' || made.id, 'presence',
    jsonb_build_object('executor_id', made.id, 'kind', made.kind, 'epoch', made.epoch, 'draining', made.draining, 'info', made.info));
  return jsonb_build_object('executor_id', made.id, 'kind', made.kind, 'project_id', made.project_id, 'epoch', made.epoch);
exception
  when check_violation or invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG004', 'info is out of range: beat_s is 1 to 300, draining true or false', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.register_executor(text, jsonb) from public;
grant execute on function cogo_api.register_executor(text, jsonb) to anon, authenticated, service_role;

-- sql/jobs/425_fn_set_job_limit.sql
-- cogo_api.set_job_limit: sets a limit of a project's jobs; returns it as stored. Needs admin.
--   {kind: 'concurrency', key, slots}            at most slots jobs of a concurrency key queued or running
--   {kind: 'rate', key, per_minute, burst?}      jobs of a rate key (a type, or the rate_key of enqueue); per_minute null: no rate
--   {kind: 'project', queue_limit?, ready_share?}  jobs that may wait; how many of them a lane's ready list holds at once
-- Lowering a limit stops nothing that runs. Errors: as require_role; CG004 unknown kind or out of range.
create function cogo_api.set_job_limit(project_id uuid, job_limit jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  label text := job_limit ->> 'key';
begin
  perform cogo.require_role(set_job_limit.project_id, 'admin');
  if job_limit ->> 'kind' in ('concurrency', 'rate') and coalesce(length(label), 0) not between 1 and 255 then
    perform cogo.fail('CG004', 'key must have 1 to 255 characters', jsonb_build_object('field', 'key'));
  end if;
  case job_limit ->> 'kind'
    when 'concurrency' then
      insert into cogo.job_slots as s (project_id, key, slots)
      values (set_job_limit.project_id, label, (job_limit ->> 'slots')::int)
      on conflict on constraint job_slots_pkey do update set slots = excluded.slots;
      return (select to_jsonb(s) - 'project_id' from cogo.job_slots s where s.project_id = set_job_limit.project_id and s.key = label);
    when 'rate' then
      if job_limit ->> 'per_minute' is null then
        delete from cogo.job_rates r where r.project_id = set_job_limit.project_id and r.key = label;
        return jsonb_build_object('key', label, 'per_minute', null);
      end if;
      insert into cogo.job_rates as r (project_id, key, interval_s, burst)
      values (set_job_limit.project_id, label, 60 / nullif((job_limit ->> 'per_minute')::double precision, 0),
        coalesce((job_limit ->> 'burst')::int, 1))
      on conflict on constraint job_rates_pkey do update set interval_s = excluded.interval_s, burst = excluded.burst;
      return jsonb_build_object('key', label, 'per_minute', job_limit -> 'per_minute', 'burst', coalesce(job_limit -> 'burst', '1'));
    when 'project' then
      insert into cogo.job_quotas (project_id) values (set_job_limit.project_id) on conflict do nothing;
      update cogo.job_quotas q
         set queue_limit = coalesce((job_limit ->> 'queue_limit')::int, q.queue_limit),
             ready_share = coalesce((job_limit ->> 'ready_share')::int, q.ready_share),
             counted = coalesce((job_limit ->> 'queue_limit')::int, q.queue_limit)
       where q.project_id = set_job_limit.project_id;
      return (select jsonb_build_object('queue_limit', q.queue_limit, 'ready_share', q.ready_share)
                from cogo.job_quotas q where q.project_id = set_job_limit.project_id);
    else
      perform cogo.fail('CG004', 'kind must be concurrency, rate or project', jsonb_build_object('field', 'kind'));
  end case;
  return null;
exception
  when check_violation or not_null_violation or invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG004', 'the limit is out of range', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.set_job_limit(uuid, jsonb) from public;
grant execute on function cogo_api.set_job_limit(uuid, jsonb) to anon, authenticated, service_role;

-- sql/jobs/430_fn_list_executors.sql
-- cogo_api.list_executors: the executors that serve a project, [{executor_id, kind, info, epoch, draining, alive, running, started_at,
-- last_seen}]; alive: seen in the last 60 s; running: jobs of this project it holds. Needs to be a member (viewer of a private
-- project); readers of a public project get [].
create function cogo_api.list_executors(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  who record := cogo.identity();
begin
  perform cogo.require_role(list_executors.project_id, 'viewer');
  if who.kind in ('anon', 'user') and not exists (
    select from cogo.project_members m where m.project_id = list_executors.project_id and m.user_id = who.user_id)
  then
    return '[]';
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('executor_id', e.id, 'kind', e.kind, 'info', e.info, 'epoch', e.epoch,
             'draining', e.draining, 'alive', e.dead_at is null and e.last_seen > clock_timestamp() - interval '60 seconds',
             'running', (select count(*) from cogo.jobs j
                          where j.state = 'running' and j.executor_id = e.id and j.project_id = list_executors.project_id),
             'started_at', e.started_at, 'last_seen', e.last_seen) order by e.last_seen desc, e.id)
      from cogo.executors e
     where e.project_id is null or e.project_id = list_executors.project_id), '[]');
end
$$;
revoke all on function cogo_api.list_executors(uuid) from public;
grant execute on function cogo_api.list_executors(uuid) to anon, authenticated, service_role;

-- sql/jobs/440_fn_sweep.sql
-- cogo_api.sweep: what no caller does: dead executors, expired leases, due jobs, free slots, lost messages, low watermarks. Scheduled every 5 s; one
-- at a time (a second one returns {skipped: true}); each part takes a bounded bite. Returns {expired, dead, due, promoted, resent,
-- executors_dead}.
-- Error: CG002 not the server.
create function cogo_api.sweep()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  lapsed   jsonb;
  died     text[];
  late     uuid[];
  due      uuid[];
  promoted int;
  resent   int;
begin
  perform cogo.require_service();
  if not pg_try_advisory_xact_lock(hashtextextended('cogo.sweep', 0)) then
    return jsonb_build_object('skipped', true);
  end if;
  -- an executor that missed three beats it promised: what it holds is free at once
  with gone as (
    update cogo.executors e set dead_at = clock_timestamp()
     where e.id in (select x.id from cogo.executors x
                     where x.dead_at is null and x.last_seen < clock_timestamp() - make_interval(secs => 3 * x.beat_s)
                     order by x.id for update skip locked)
    returning e.id
  )
  select coalesce(array_agg(g.id), '{}') into died from gone g;
  if cardinality(died) > 0 then
    update cogo.jobs j set lease_until = clock_timestamp()
     where j.id in (select x.id from cogo.jobs x where x.state = 'running' and x.executor_id = any (died) order by x.id for update skip locked);
  end if;
  late := array(select j.id from cogo.jobs j where j.state = 'running' and j.lease_until <= clock_timestamp() order by j.id limit 500);
  due := array(select j.id from cogo.jobs j where j.state = 'scheduled' and j.run_at <= clock_timestamp() order by j.run_at limit 1000);
  -- one pass over all locks, in their order: taking the second set while holding the first could meet a finish in a circle
  perform cogo.lock_jobs(late || due);
  lapsed := cogo.expire_leases(late);
  -- again under the lock: one of them may have been cancelled meanwhile
  due := array(select j.id from cogo.jobs j where j.id = any (due) and j.state = 'scheduled' and j.run_at <= clock_timestamp());
  perform cogo.admit_jobs(due);
  promoted := cogo.fill_slots(200);
  resent := cogo.reconcile_lanes(500);
  return lapsed || jsonb_build_object('due', cardinality(due), 'promoted', promoted, 'resent', resent,
    'executors_dead', cardinality(died));
end
$$;
revoke all on function cogo_api.sweep() from public;
grant execute on function cogo_api.sweep() to service_role;

-- sql/jobs/450_fn_stats.sql
-- cogo_api.stats: {states:{state: n}, oldest_queued_s, lanes:[{lane, queued}], dead:{reason: n}} of a project. Needs viewer.
create function cogo_api.stats(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(stats.project_id, 'viewer');
  return jsonb_build_object(
    'states', coalesce((
      select jsonb_object_agg(s.state, s.n)
        from (select j.state, count(*) as n from cogo.jobs j where j.project_id = stats.project_id group by j.state) s), '{}'),
    'oldest_queued_s', coalesce((
      select round(extract(epoch from clock_timestamp() - min(j.queued_at))::numeric, 3)
        from cogo.jobs j where j.project_id = stats.project_id and j.state = 'queued'), 0),
    'lanes', coalesce((
      select jsonb_agg(jsonb_build_object('lane', q.lane, 'queued', q.n) order by q.lane)
        from (select j.lane, count(*) as n from cogo.jobs j
               where j.project_id = stats.project_id and j.state = 'queued' group by j.lane) q), '[]'),
    'dead', coalesce((
      select jsonb_object_agg(d.reason, d.n)
        from (select x.reason, count(*) as n from cogo.job_dead x where x.project_id = stats.project_id group by x.reason) d), '{}'));
end
$$;
revoke all on function cogo_api.stats(uuid) from public;
grant execute on function cogo_api.stats(uuid) to anon, authenticated, service_role;

-- sql/jobs/460_fn_rebuild_lane.sql
-- cogo_api.rebuild_lane: empties the queue of a lane and fills it from cogo.jobs, in the old order; returns {lane, messages}.
-- Waits for claims in flight and holds new ones off until it is done.
-- Errors: CG002 not the server; CG003 unknown lane.
create function cogo_api.rebuild_lane(lane text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  home cogo.lanes;
  ids  uuid[];
begin
  perform cogo.require_service();
  select l.* into home from cogo.lanes l where l.name = rebuild_lane.lane for update;
  if not found then
    perform cogo.fail('CG003', 'no such lane', jsonb_build_object('lane', rebuild_lane.lane));
  end if;
  perform cogo.ensure_queue(home.queue_name);
  ids := array(
    select j.id from cogo.jobs j
     where j.lane = home.name and j.state = 'queued' and j.pinned_executor_id is null order by j.id for update);
  -- claims skip locked job rows; the table lock keeps a pop from reading half of the new list
  execute format('lock table pgmq.q_%s in exclusive mode', home.queue_name);
  execute format('delete from pgmq.q_%s', home.queue_name);
  ids := array(
    select j.id from cogo.jobs j
     where j.id = any (ids) and j.state = 'queued' and j.pinned_executor_id is null order by j.msg_id);
  execute format(
    'update cogo.jobs j set msg_id = p.msg_id from cogo.push_%s($1) p where j.id = p.job_id', home.queue_name) using ids;
  perform setval(format('cogo.low_%s', home.queue_name), 1);
  return jsonb_build_object('lane', home.name, 'messages', cardinality(ids));
end
$$;
revoke all on function cogo_api.rebuild_lane(text) from public;
grant execute on function cogo_api.rebuild_lane(text) to service_role;

-- sql/jobs/465_fn_move_to_history.sql
-- cogo.move_to_history: moves up to lim jobs that succeeded or were cancelled over an hour ago, and whose parent is over, to
-- jobs_history, with their payloads; their steps and closed attempts go. Returns how many.
create function cogo.move_to_history(lim int, older_than interval default '1 hour')
returns int
language plpgsql
set search_path = ''
as $$
declare
  ids uuid[];
begin
  ids := array(
    select j.id from cogo.jobs j
     where j.id < cogo.new_job_id(clock_timestamp() - older_than)
       and j.state in ('succeeded', 'cancelled') and j.finished_at < clock_timestamp() - older_than
       and (j.parent_id is null or not exists (select from cogo.jobs p where p.id = j.parent_id and p.finished_at is null))
     order by j.id
     limit lim
       for update skip locked);
  if cardinality(ids) = 0 then
    return 0;
  end if;
  insert into cogo.jobs_history
  select j.*, p.input, p.error, p.progress
    from cogo.jobs j left join cogo.job_payloads p on p.job_id = j.id where j.id = any (ids);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p where p.job_id = any (ids);
  delete from cogo.jobs j where j.id = any (ids);
  return cardinality(ids);
end
$$;

-- sql/jobs/470_fn_housekeeping.sql
-- cogo.housekeeping: deletes what nobody needs any more, hourly, in bounded bites: expired idempotency keys, full rate buckets, traces and
-- their events after 30 days, job keys after their 7 days, job events after 14 days, dead jobs after 30, the history of jobs after 13 weeks, executors unseen for 30
-- days, and the run log
-- of pg_cron, which never cleans itself (a job every 5 s writes 17,280 rows a day).
create function cogo.housekeeping()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  moment timestamptz := clock_timestamp();
  ids    uuid[];
begin
  perform cogo.require_service();
  delete from cogo.idempotency_keys k
   where (k.principal, k.function, k.key) in (
     select x.principal, x.function, x.key from cogo.idempotency_keys x where x.expires_at < moment limit 10000);
  delete from cogo.rate_buckets b where b.bucket in (select x.bucket from cogo.rate_buckets x where x.full_at < moment - interval '1 hour' limit 10000);
  delete from cogo.bus_events e where e.id in (select x.id from cogo.bus_events x where x.created_at < moment - interval '30 days' limit 20000);
  delete from cogo.traces t where t.trace_id in (select x.trace_id from cogo.traces x where x.created_at < moment - interval '30 days' limit 10000);
  delete from cogo.job_keys k where (k.project_id, k.key) in (
    select x.project_id, x.key from cogo.job_keys x where x.expires_at < moment limit 10000);
  perform cogo.keep_partitions();
  perform cogo.move_to_history(20000);
  ids := array(select j.id from cogo.job_dead d join cogo.jobs j on j.id = d.job_id where d.at < moment - interval '30 days' limit 5000);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p where p.job_id = any (ids);
  delete from cogo.jobs j where j.id = any (ids);
  delete from cogo.job_batches b where b.id in (select x.id from cogo.job_batches x where x.created_at < moment - interval '91 days' limit 5000);
  delete from cogo.executors e where e.last_seen < moment - interval '30 days';
  if to_regclass('cron.job_run_details') is not null then
    begin
      delete from cron.job_run_details d where d.end_time < moment - interval '1 day';
    exception when insufficient_privilege or undefined_column then
      null;
    end;
  end if;
end
$$;

-- sql/jobs/900_schedules.sql
-- The two schedules of COGO. cron.schedule by name replaces one that is there.
do $$
begin
  if to_regprocedure('cron.schedule(text,text,text)') is null then
    raise notice 'COGO: no cron.schedule here; call cogo_api.sweep() every 5 seconds and cogo.housekeeping() every hour';
    return;
  end if;
  perform cron.schedule('cogo-sweep', '5 seconds', 'select cogo_api.sweep()');
  perform cron.schedule('cogo-housekeeping', '17 * * * *', 'select cogo.housekeeping()');
end
$$;

-- sql/jobs/910_grants.sql
-- Nothing in cogo is for the API roles but the two functions that policies on realtime.messages call.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;
