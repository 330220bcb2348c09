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
-- scheduled: waits for run_at. blocked: waits for a slot of its concurrency key. queued: runnable now.
-- Locks are taken in this order: slot -> job -> queue row -> attempt; several of a kind by id. Claiming skips what is locked.
create table cogo.lanes (
  name           text primary key,
  executor       text not null,
  capability     text not null default 'default',
  band           smallint not null,
  queue_name     text not null,
  -- messages below are read by nobody (sweep re-sends a job stranded there): keeps a claim off the dead rows at the queue's head
  low_msg_id     bigint not null default 0,
  reconciled_at  timestamptz not null default clock_timestamp(),
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

create sequence cogo.lease_tokens as bigint;

create table cogo.jobs (
  id                   uuid primary key default gen_random_uuid(),
  project_id           uuid not null references cogo.projects (id) on delete cascade,
  type                 text not null,
  lane                 text not null references cogo.lanes (name),
  band                 smallint not null,
  state                text not null,
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
  -- who runs it, or ran it last
  executor_id          text,
  pinned_executor_id   text,
  concurrency_key      text,
  cancel_requested_at  timestamptz,
  parent_id            uuid,
  redriven_from        uuid,
  trace_id             text,
  created_by           text not null,
  created_at           timestamptz not null default clock_timestamp(),
  queued_at            timestamptz,
  started_at           timestamptz,
  finished_at          timestamptz,
  constraint jobs_state_known check (state in ('scheduled', 'blocked', 'queued', 'running', 'succeeded', 'cancelled', 'dead')),
  constraint jobs_running check ((state = 'running') = (lease_token is not null)),
  constraint jobs_lease check ((lease_token is null) = (lease_until is null)),
  constraint jobs_running_has_executor check (state <> 'running' or (executor_id is not null and lease_s is not null)),
  constraint jobs_queued_has_message check ((state = 'queued' and pinned_executor_id is null) = (msg_id is not null)),
  constraint jobs_blocked_has_key check (state <> 'blocked' or concurrency_key is not null),
  constraint jobs_finished check ((state in ('succeeded', 'cancelled', 'dead')) = (finished_at is not null)),
  constraint jobs_counts check (attempt >= 0 and failures >= 0 and lease_losses >= 0 and releases >= 0 and max_attempts between 1 and 50)
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Partial indexes in the order each reader walks them. None holds a lease column, so that a beat is a HOT update.
create index jobs_due on cogo.jobs (run_at) where state = 'scheduled';
create index jobs_ready on cogo.jobs (lane, project_id, msg_id) where state = 'queued' and pinned_executor_id is null;
create index jobs_pinned on cogo.jobs (pinned_executor_id, band, queued_at) where state = 'queued' and pinned_executor_id is not null;
create index jobs_blocked on cogo.jobs (project_id, concurrency_key, band, created_at) where state = 'blocked';
create index jobs_running_now on cogo.jobs (id) where state = 'running';
create index jobs_project on cogo.jobs (project_id, created_at desc);
create index jobs_parent on cogo.jobs (parent_id) where parent_id is not null;

-- The wide part of a job, apart from the row that claims and beats rewrite.
create table cogo.job_payloads (
  job_id       uuid primary key references cogo.jobs (id) on delete cascade,
  project_id   uuid not null,
  input        jsonb not null default '{}',
  result       jsonb,
  error        jsonb,
  checkpoint   jsonb,
  progress     jsonb,
  progress_at  timestamptz
) with (fillfactor = 80);

create table cogo.job_attempts (
  job_id       uuid not null references cogo.jobs (id) on delete cascade,
  attempt      int not null,
  project_id   uuid not null,
  lease_token  bigint not null,
  executor_id  text not null,
  started_at   timestamptz not null default clock_timestamp(),
  ended_at     timestamptz,
  outcome      text,
  error        jsonb,
  primary key (job_id, attempt),
  constraint job_attempts_token_key unique (lease_token),
  constraint job_attempts_outcome_known check (outcome in ('succeeded', 'failed', 'released', 'lost', 'cancelled')),
  constraint job_attempts_ended check ((ended_at is null) = (outcome is null))
) with (fillfactor = 80);

create table cogo.job_events (
  id          bigint generated always as identity primary key,
  job_id      uuid not null references cogo.jobs (id) on delete cascade,
  project_id  uuid not null,
  kind        text not null,
  data        jsonb not null default '{}',
  at          timestamptz not null default clock_timestamp(),
  constraint job_events_kind_form check (kind ~ '^job\.[a-z_]{1,40}$')
);
create index job_events_job on cogo.job_events (job_id, id);
create index job_events_at on cogo.job_events (at);

-- Idempotency keys of enqueue. No reference to jobs: a key outlives the job it made.
create table cogo.job_keys (
  project_id    uuid not null references cogo.projects (id) on delete cascade,
  key           text not null,
  job_id        uuid not null,
  request_hash  bytea not null,
  created_at    timestamptz not null default clock_timestamp(),
  expires_at    timestamptz not null,
  primary key (project_id, key)
);
create index job_keys_expiry on cogo.job_keys (expires_at);

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

-- How many jobs of a concurrency key are queued or running, and may be.
create table cogo.job_slots (
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  key         text not null,
  slots       int not null default 1,
  used        int not null default 0,
  primary key (project_id, key),
  constraint job_slots_used check (used between 0 and slots)
) with (fillfactor = 50);

-- Presence. project_id null: an executor of the server itself, serving every project.
create table cogo.executors (
  id           text primary key,
  project_id   uuid references cogo.projects (id) on delete cascade,
  kind         text not null,
  info         jsonb not null default '{}',
  epoch        int not null default 1,
  draining     boolean not null default false,
  started_at   timestamptz not null default clock_timestamp(),
  last_seen    timestamptz not null default clock_timestamp(),
  constraint executors_id_form check (id ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$'),
  constraint executors_kind_known check (kind in ('cogo-plan', 'cogo-work'))
) with (fillfactor = 50);
create index executors_project on cogo.executors (project_id);

alter table cogo.lanes enable row level security;
alter table cogo.job_types enable row level security;
alter table cogo.jobs enable row level security;
alter table cogo.job_payloads enable row level security;
alter table cogo.job_attempts enable row level security;
alter table cogo.job_events enable row level security;
alter table cogo.job_keys enable row level security;
alter table cogo.job_dead enable row level security;
alter table cogo.job_slots enable row level security;
alter table cogo.executors enable row level security;

insert into cogo.job_types (pattern, executor, max_attempts) values
  ('code.build.test', 'cogo-work', 3),
  ('code.debug', 'cogo-work', 3),
  ('index.repo', 'cogo-work', 5),
  ('index.file', 'cogo-work', 5),
  ('quality.*', 'cogo-plan', 5),
  ('research.run', 'cogo-plan', 5);
