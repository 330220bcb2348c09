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
