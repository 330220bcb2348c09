-- The mirror of the code graph in a graph database. Which projects have one, and which files changed since it was last told.
create table cogo.graph_mirrors (
  project_id  uuid primary key references cogo.projects (id) on delete cascade,
  started_at  timestamptz not null default clock_timestamp(),
  -- files told of since, and the last time
  told        bigint not null default 0,
  told_at     timestamptz
);

-- The outbox: a file whose graph the mirror has to read again. Written by the transaction that publishes, so it can't be missed;
-- what the file holds is read when it is told, so ten changes of one file cost one telling.
create table cogo.graph_outbox (
  id          bigint generated always as identity primary key,
  project_id  uuid not null references cogo.graph_mirrors (project_id) on delete cascade,
  repo_id     bigint not null references cogo.repos (id) on delete cascade,
  path        text collate "C" not null,
  made_at     timestamptz not null default clock_timestamp()
);
create index graph_outbox_project on cogo.graph_outbox (project_id, id);

alter table cogo.graph_mirrors enable row level security;
alter table cogo.graph_outbox enable row level security;
