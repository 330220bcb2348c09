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
-- Locks are taken in this order: key -> rate -> slot -> job (parents with their children) -> queue row; several of a kind by id. Claiming
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
  -- how long one may run at most, in seconds; null: seconds only
  run_s         int,
  -- whether it keeps its steps, so that it can be done in parts
  steps         boolean not null default false,
  constraint job_types_pattern_form check (pattern ~ '^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?$'),
  constraint job_types_executor_known check (executor in ('cogo-plan', 'cogo-work')),
  constraint job_types_attempts check (max_attempts between 1 and 50)
);

create sequence cogo.lease_tokens as bigint cache 1;
-- Microseconds since 1970: no lease that ended before is of a running job. sweep moves it, and starts there, which keeps it off the dead
-- rows of the index while an old snapshot keeps them from being vacuumed. A minute behind, for claims that commit late.
create sequence cogo.leases_seen as bigint;

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
  -- written with the last change of the row, so it costs no write of its own; what a row must hold in each state: cogo.sound_job
  result               jsonb
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- Partial indexes in the order each reader walks them; whole ones but the key are kept off this table, where every change of state
-- would write them. A beat moves its job in the index of leases and so is no HOT update, which long jobs pay a few times a minute; for
-- that sweep finds the leases that ran out without a look at the others.
create index jobs_due on cogo.jobs (run_at) where state = 'scheduled';
create index jobs_scheduled on cogo.jobs (project_id) where state = 'scheduled';
create index jobs_ready on cogo.jobs (lane, project_id, msg_id) where state = 'queued' and pinned_executor_id is null;
create index jobs_turn on cogo.jobs (lane, project_id, type, run_at, id) where state = 'blocked' and blocked_on = 'turn';
create index jobs_pinned on cogo.jobs (pinned_executor_id, band, queued_at) where state = 'queued' and pinned_executor_id is not null;
create index jobs_blocked on cogo.jobs (project_id, concurrency_key, band, id) where state = 'blocked' and blocked_on = 'slot';
create index jobs_leases on cogo.jobs (lease_until) where state = 'running';
create index jobs_parent on cogo.jobs (parent_id) where parent_id is not null;
create index jobs_batch on cogo.jobs (batch_id) where batch_id is not null;

-- The wide part of a job, apart from the row that claims and beats rewrite. One index for all: ids are in time
-- order, so that by project it lists jobs, and who wants the payload of a job has its project.
create table cogo.job_payloads (
  job_id       uuid not null,
  project_id   uuid not null,
  input        jsonb not null default '{}',
  error        jsonb,
  checkpoint   jsonb,
  progress     jsonb,
  progress_at  timestamptz,
  primary key (project_id, job_id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- payloads that lie in Storage, which due_objects must not take
create index job_payloads_stored on cogo.job_payloads ((input #>> '{payload_ref,path}')) where input ? 'payload_ref';

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

-- What happened to a job, a partition a day: cogo.keep_partitions makes and drops them. id: microseconds since 1970, so that the
-- events that cogo.job_turns reads off a job's row fall in between.
create table cogo.job_events (
  id          bigint not null default (extract(epoch from clock_timestamp()) * 1000000)::bigint,
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
  -- jobs it was at work on when it beat last, by its own account
  running      int not null default 0,
  -- it left in good order
  stopped_at   timestamptz,
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

insert into cogo.job_types (pattern, executor, max_attempts, run_s, steps) values
  ('code.build.test', 'cogo-work', 3, 1800, false),
  ('code.debug', 'cogo-work', 3, 1800, false),
  ('index.repo', 'cogo-work', 5, 3600, false),
  ('index.file', 'cogo-work', 5, 60, false),
  ('embed.fill', 'cogo-plan', 20, 600, true),
  ('quality.*', 'cogo-work', 3, 1800, false),
  ('quality.lint', 'cogo-work', 3, 1800, false),
  ('quality.types', 'cogo-work', 3, 1800, false),
  ('quality.test', 'cogo-work', 3, 1800, false),
  ('quality.secrets', 'cogo-work', 3, 600, false),
  ('research.run', 'cogo-plan', 5, 600, true),
  ('storage.clean', 'cogo-plan', 5, 600, true);
