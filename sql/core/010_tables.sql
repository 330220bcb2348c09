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
  constraint tokens_name_form check (length(name) between 1 and 200),
  -- the token this one was made from by rotate_token
  replaces    uuid references cogo.tokens (id) on delete set null
);
create index tokens_project on cogo.tokens (project_id, created_at);

alter table cogo.projects enable row level security;
alter table cogo.project_members enable row level security;
alter table cogo.tokens enable row level security;
