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
