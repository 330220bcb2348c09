-- COGO jobs_and_knowledge.

-- Embedding models: a project's own beside hash-1024-v1, and the queue of chunks that want their vectors.
alter table cogo.embedding_models
  add column project_id uuid references cogo.projects (id) on delete cascade,
  add column max_tokens int not null default 480,
  add column job_id uuid,
  add column created_at timestamptz not null default clock_timestamp(),
  add column switched_at timestamptz,
  drop constraint embedding_models_name_key,
  add constraint embedding_models_name_key unique nulls not distinct (project_id, name),
  add constraint embedding_models_dims check (dims between 1 and 4000),
  add constraint embedding_models_own check (project_id is null or (name <> 'hash-1024-v1' and fingerprint is not null));
create unique index embedding_models_one_active on cogo.embedding_models (project_id) where status = 'active' and project_id is not null;
alter table cogo.chunk_embeddings drop constraint chunk_embeddings_model_id_fkey;
alter table cogo.chunk_embeddings add constraint chunk_embeddings_model_id_fkey
  foreign key (model_id) references cogo.embedding_models (id) on delete cascade;
alter table cogo.chunk_embeddings alter column embedding type extensions.halfvec;
alter table cogo.chunk_embeddings alter column embedding set storage plain;
create table cogo.embed_queue (
  model_id    smallint not null references cogo.embedding_models (id) on delete cascade,
  chunk_id    bigint not null references cogo.chunks (id) on delete cascade,
  project_id  uuid not null,
  visible_at  timestamptz not null default '-infinity',
  attempts    smallint not null default 0,
  code        text,
  message     text,
  constraint embed_queue_pkey primary key (model_id, chunk_id)
);
create index embed_queue_chunk on cogo.embed_queue (chunk_id);
alter table cogo.embed_queue enable row level security;
-- Jobs: doorbells of edge consumers, and types that may be done in parts.
-- The doorbell of an executor kind whose work Edge Functions do: where to ring, and the last ring. There is no secret: each ring
-- carries a ticket of its own, of which the hash is kept until the function has shown it once, for a minute at most.
create table cogo.doorbells (
  executor     text primary key,
  -- the function to POST to; null: nobody is rung
  url          text,
  -- how many consumers may be at work at once; each is the executor <kind>.edge.<n>
  seats        int not null default 2,
  -- what consumers said they can do; null: not known yet, so anything
  types        text[],
  ticket_hash  bytea,
  rung_at      timestamptz,
  answered_at  timestamptz,
  constraint doorbells_executor_known check (executor in ('cogo-plan', 'cogo-work')),
  constraint doorbells_seats_range check (seats between 1 and 20),
  constraint doorbells_url_form check (url ~ '^https?://[^\s@]+$')
);
alter table cogo.doorbells enable row level security;
revoke all on cogo.doorbells from public, anon, authenticated, service_role;
alter table cogo.job_types add column run_s int, add column steps boolean not null default false;
update cogo.job_types t set run_s = v.run_s, steps = v.steps
  from (values ('code.build.test', 1800, false), ('code.debug', 1800, false), ('index.repo', 3600, false), ('index.file', 60, false),
               ('quality.*', 60, false), ('research.run', 600, true)) as v(pattern, run_s, steps)
 where v.pattern = t.pattern;
drop function cogo_api.cancel(uuid);

-- The type of the jobs that fill an embedding model.
insert into cogo.job_types (pattern, executor, max_attempts, run_s, steps) values ('embed.fill', 'cogo-plan', 20, 600, true) on conflict do nothing;

-- Checks that run the tools of a repository need a machine: the exact type comes before quality.*.
insert into cogo.job_types (pattern, executor, max_attempts, run_s) values
  ('quality.lint', 'cogo-work', 3, 1800), ('quality.types', 'cogo-work', 3, 1800), ('quality.test', 'cogo-work', 3, 1800),
  ('quality.secrets', 'cogo-work', 3, 600) on conflict do nothing;

-- Code graph: symbols, relationships, calls seen at run time, distances from the entry points.
create table cogo.ast_nodes (
  id            bigint generated always as identity primary key,
  project_id    uuid not null,
  repo_id       bigint not null,
  file_id       bigint not null references cogo.source_files (id) on delete cascade,
  generation    bigint not null,
  key           text collate "C" not null,
  kind          text not null,
  -- the last part of the key's name; of a file its path
  name          text not null,
  signature     text,
  doc           text,
  exported      boolean not null default false,
  start_line    int not null,
  start_column  int not null,
  end_line      int not null,
  end_column    int not null,
  constraint ast_nodes_key unique (file_id, key),
  constraint ast_nodes_lines check (start_line >= 1 and end_line >= start_line)
);
create index ast_nodes_by_key on cogo.ast_nodes (repo_id, key);
create index ast_nodes_by_name on cogo.ast_nodes (project_id, lower(name));

create table cogo.code_relationships (
  id            bigint generated always as identity primary key,
  project_id    uuid not null,
  repo_id       bigint not null,
  file_id       bigint not null references cogo.source_files (id) on delete cascade,
  generation    bigint not null,
  from_key      text collate "C" not null,
  to_key        text collate "C" not null,
  kind          text not null,
  -- how a file imports: static, type, reexport, dynamic, require, maybe
  via           text,
  provenance    text not null,
  confidence    real not null default 1,
  -- how many places in the file say so, and the first of them
  sites         int not null default 1,
  line          int not null,
  col           int not null,
  constraint code_relationships_kind_known check (kind in
    ('contains', 'imports', 'extends', 'implements', 'calls', 'references', 'uses_type', 'links')),
  constraint code_relationships_confidence check (confidence between 0 and 1)
);
create index code_relationships_file on cogo.code_relationships (file_id);
create index code_relationships_from on cogo.code_relationships (repo_id, from_key);
create index code_relationships_to on cogo.code_relationships (repo_id, to_key);

-- Index: a chunk's project and repository are its file's, whose references see to both.
alter table cogo.chunks drop constraint chunks_project_id_fkey, drop constraint chunks_repo_id_fkey;
alter table cogo.index_runs add column former_ids uuid[] not null default '{}';

-- What a file's rows depend on beyond its own text, so that a run knows whom to read again when another file changes.
create table cogo.graph_files (
  file_id     bigint not null references cogo.source_files (id) on delete cascade,
  project_id  uuid not null,
  -- hash of what others see of the file: the names it gives out or passes on, members, base classes; of a configuration what settles
  -- where imports lead. A change that leaves it alone concerns no other file.
  surface     text,
  -- stems (paths without ending or /index) of the files whose surfaces the rows depend on; ? where any new file may matter
  looks_at    text[] not null default '{}',
  -- hash of its relationships and unresolved imports
  hash        text,
  constraint graph_files_pkey primary key (file_id)
);

-- Imports that could not be resolved, each with its reason.
create table cogo.unresolved_imports (
  file_id     bigint not null references cogo.source_files (id) on delete cascade,
  project_id  uuid not null,
  nth         int not null,
  specifier   text not null,
  kind        text not null,
  reason      text not null,
  detail      text,
  line        int not null,
  constraint unresolved_imports_pkey primary key (file_id, nth)
);

-- Calls that were seen to happen. By key and without a file, so they outlive every re-index; count decays with time (see
-- cogo.call_weight), and nothing seen or not seen ever removes a static relationship.
create table cogo.runtime_calls (
  repo_id      bigint not null references cogo.repos (id) on delete cascade,
  project_id   uuid not null references cogo.projects (id) on delete cascade,
  from_key     text collate "C" not null,
  to_key       text collate "C" not null,
  -- as of observed_at
  count        double precision not null,
  observed_at  timestamptz not null,
  constraint runtime_calls_pkey primary key (repo_id, from_key, to_key),
  constraint runtime_calls_count check (count > 0)
);
create index runtime_calls_to on cogo.runtime_calls (repo_id, to_key);

-- Steps from the nearest entry point, by imports. A file no entry reaches has no row.
create table cogo.entry_distances (
  repo_id     bigint not null references cogo.repos (id) on delete cascade,
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  path        text collate "C" not null,
  distance    int not null,
  constraint entry_distances_pkey primary key (repo_id, path),
  constraint entry_distances_steps check (distance >= 0)
);

alter table cogo.ast_nodes enable row level security;
alter table cogo.code_relationships enable row level security;
alter table cogo.graph_files enable row level security;
alter table cogo.unresolved_imports enable row level security;
alter table cogo.runtime_calls enable row level security;
alter table cogo.entry_distances enable row level security;

-- jobs: ids of events are times, so that what is read off a job's row falls in between; identity numbers of older events are smaller.
alter table cogo.job_events alter column id drop identity;
alter table cogo.job_events alter column id set default (extract(epoch from clock_timestamp()) * 1000000)::bigint;
-- jobs: nothing reads queues by vt, and each message would write its index
do $$
declare
  queue text;
begin
  for queue in select l.queue_name from cogo.lanes l loop
    execute format('drop index if exists pgmq.%I', 'q_' || queue || '_vt_idx');
  end loop;
end
$$;
-- jobs: one more argument
drop function cogo.push_jobs(uuid[]);
drop function cogo.admit_jobs(uuid[]);

-- Worker: a token knows which one it follows.
alter table cogo.tokens add column replaces uuid references cogo.tokens (id) on delete set null;

-- Mirror: The mirror of the code graph in a graph database. Which projects have one, and which files changed since it was last told.
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

-- Retrieval: what ranking looks at, beside the chunks instead of in the caller.
alter table cogo.source_files
  add column role text,
  add column base_terms text[] not null default '{}',
  add column folder_terms text[] not null default '{}';
alter table cogo.chunks
  add column name_terms text[] not null default '{}',
  add column is_barrel boolean not null default false;
create index chunks_symbol on cogo.chunks (project_id, lower(symbol)) where symbol is not null;
alter table cogo.lex_terms add column sound text collate "C";
create index lex_terms_sound on cogo.lex_terms (project_id, sound) where sound is not null;
create index lex_terms_trigrams on cogo.lex_terms using gin (term extensions.gin_trgm_ops) where sound is not null;
create index lex_postings_names on cogo.lex_postings (term_id, chunk_id) where name > 0;
-- A term of a question that the vocabulary has; worth is its weight times its idf.
create type cogo.asked_term as (id int, term text, df int, worth double precision);
-- A candidate of a search with its scores: BM25F, cosine, and both fused.
create type cogo.fused_chunk as (chunk_id bigint, lexical double precision, vector double precision, fused double precision);

-- Claims: one check of a job's row instead of ten: see sql/jobs/011_fn_sound_job.sql
alter table cogo.jobs
  drop constraint jobs_state_known, drop constraint jobs_running, drop constraint jobs_lease, drop constraint jobs_running_has_executor,
  drop constraint jobs_queued_has_message, drop constraint jobs_blocked_has_cause, drop constraint jobs_blocked_on_known,
  drop constraint jobs_slot_has_key, drop constraint jobs_finished, drop constraint jobs_counts;
-- Workers: presence says what an executor is at work on and that it left.
alter table cogo.executors add column running int not null default 0, add column stopped_at timestamptz;
drop function cogo_api.beat(text, jsonb, int);
-- Chat: begins and searches in one call.
drop function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text);
-- Storage: what nobody needs is deleted by jobs.
create index job_payloads_stored on cogo.job_payloads ((input #>> '{payload_ref,path}')) where input ? 'payload_ref';
insert into cogo.job_types (pattern, executor, max_attempts, run_s, steps) values ('storage.clean', 'cogo-plan', 5, 600, true) on conflict do nothing;

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/core/010_tables.sql 95a76dc19708088d
-- by hand

-- sql/core/110_fn_schema_version.sql fdfb25723f5c6ede
-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create or replace function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121120000' $$;

-- sql/core/115_fn_oldest_worker.sql 2e29c8be4915d682
-- cogo.oldest_worker: the oldest version of cogo-work that keeps this schema's contracts. Raised with a change it could not follow.
create or replace function cogo.oldest_worker()
returns text
language sql
immutable
set search_path = ''
as $$ select '0.1.0' $$;

-- sql/core/130_fn_principal.sql e505b3ae95b74bf4
-- cogo.principal: the caller as one string (service, anon, user:<uuid>, token:<uuid>, worker:<uuid>), to compare owners with.
create or replace function cogo.principal()
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
  select case i.kind
           when 'user' then 'user:' || i.user_id
           when 'token' then 'token:' || i.token_id
           when 'worker' then 'worker:' || i.token_id
           else i.kind
         end
    from cogo.identity() i);
end
$$;

-- sql/core/140_fn_role_rank.sql 5e531b24001db398
-- cogo.role_rank: viewer 1 < editor 2 < admin 3 < owner 4; null for anything else.
create or replace function cogo.role_rank(role text)
returns int
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  -- a function of language sql would be parsed anew by every call
  return case role when 'viewer' then 1 when 'editor' then 2 when 'admin' then 3 when 'owner' then 4 end;
end
$$;

-- sql/core/285_fn_rotate_token.sql 1af97d09bddc4f98
-- cogo_api.rotate_token: makes the token that follows the one the call came with: same project, kind, name, executor and life time.
-- Returns what create_token does. The old token goes on until drop_token(previous => true) comes with the new one, so a caller that
-- ends before it has stored the new one has lost nothing; a follower nobody came back with is revoked by the next rotation.
-- Errors: CG001 anonymous, unknown or expired; CG002 a user or the server, who have no token.
create or replace function cogo_api.rotate_token()
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who    record := cogo.identity();
  old    cogo.tokens;
  made   cogo.tokens;
  secret text;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a token is needed', null, 'Send it in x-cogo-token');
  elsif who.token_id is null then
    perform cogo.fail('CG002', 'only a token can be rotated', null, 'Send it in x-cogo-token');
  end if;
  select t.* into old from cogo.tokens t where t.id = who.token_id for update;
  update cogo.tokens t set revoked_at = clock_timestamp() where t.replaces = old.id and t.revoked_at is null;
  secret := case old.kind when 'worker' then 'cogo_wt_' else 'cogo_pt_' end || cogo.new_secret();
  insert into cogo.tokens as t (project_id, kind, name, executor, token_hash, prefix, created_by, expires_at, replaces)
  values (old.project_id, old.kind, old.name, old.executor, sha256(convert_to(secret, 'UTF8')), left(secret, 12), old.created_by,
    clock_timestamp() + (old.expires_at - old.created_at), old.id)
  returning t.* into made;
  return jsonb_build_object('id', made.id, 'token', secret, 'prefix', made.prefix, 'kind', made.kind,
    'executor', made.executor, 'expires_at', made.expires_at);
end
$$;
revoke all on function cogo_api.rotate_token() from public;
grant execute on function cogo_api.rotate_token() to anon, authenticated, service_role;

-- sql/core/287_fn_drop_token.sql a9cacda41fc5ee98
-- cogo_api.drop_token: revokes the token the call came with, or with previous the one it followed (see rotate_token). Returns
-- {id, revoked_at}; id is null where there was no previous one. Errors: CG001/CG002 as rotate_token.
create or replace function cogo_api.drop_token(previous boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who   record := cogo.identity();
  ended cogo.tokens;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a token is needed', null, 'Send it in x-cogo-token');
  elsif who.token_id is null then
    perform cogo.fail('CG002', 'only a token can be dropped', null, 'Send it in x-cogo-token');
  end if;
  update cogo.tokens t
     set revoked_at = coalesce(t.revoked_at, clock_timestamp())
   where t.id = case when previous then (select s.replaces from cogo.tokens s where s.id = who.token_id) else who.token_id end
  returning t.* into ended;
  return jsonb_build_object('id', ended.id, 'revoked_at', ended.revoked_at);
end
$$;
revoke all on function cogo_api.drop_token(boolean) from public;
grant execute on function cogo_api.drop_token(boolean) to anon, authenticated, service_role;

-- sql/core/300_fn_version.sql 3efeae076cfb32c3
-- cogo_api.version: {schema_version, oldest_worker, now, postgres, embedded, extensions:{name: version}, capabilities:{cron, net, realtime, vault}}.
-- A capability is true where its SQL names exist, whoever supplies them.
create or replace function cogo_api.version()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'schema_version', cogo.schema_version(),
    'oldest_worker', cogo.oldest_worker(),
    'now', clock_timestamp(),
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

-- sql/bus/103_fn_heard.sql d8e367a03fafdcca
-- cogo.heard: those of the private Realtime topics on which somebody may be listening right now, in the same order. All of them where that is not known,
-- as on Supabase; none where there is no Realtime.
create or replace function cogo.heard(topics text[])
returns text[]
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('realtime.cogo_ears') is not null then
    return array(
      select t.topic from unnest(topics) with ordinality t(topic, nth)
       where exists (select from realtime.cogo_ears e where e.topic = t.topic and e.heard_at > clock_timestamp() - interval '2 minutes')
       order by t.nth);
  elsif to_regprocedure('realtime.send(jsonb,text,text,boolean)') is not null then
    return topics;
  end if;
  return '{}';
end
$$;

-- sql/bus/105_fn_hint.sql 92b410eece8a5415
-- cogo.hint: tells who listens on a private Realtime topic right now; nothing is kept. For topics whose truth is in tables of their
-- own (jobs:{id}, agents:{executor}). Where Realtime has no such messages, as on Supabase, it is a broadcast. Never fails its caller.
create or replace function cogo.hint(topic text, event text, payload jsonb)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  if to_regprocedure('realtime.cogo_hint(jsonb,text,text)') is not null then
    perform realtime.cogo_hint(hint.payload, hint.event, hint.topic);
  else
    perform cogo.broadcast(hint.topic, hint.event, hint.payload);
  end if;
end
$$;

-- sql/knowledge/010_tables.sql 1429c0a16b5dacb9
-- by hand

-- sql/knowledge/020_graph_tables.sql aac59f917225b38b
-- by hand

-- sql/knowledge/030_mirror_tables.sql 72c264ae7b5619ab
-- by hand

-- sql/knowledge/110_fn_running_run.sql 8a1d786aab9b3072
-- cogo.running_run: locks an index run for one of its steps and returns it.
-- Errors: CG003 unknown run or a project the caller may not see, CG001/CG002 as require_role (editor, or a worker of the project),
-- CG031 the run is over (published, aborted, overtaken by a newer index_begin, or gone on with by somebody else).
create or replace function cogo.running_run(run_id uuid)
returns cogo.index_runs
language plpgsql
set search_path = ''
as $$
declare
  run cogo.index_runs;
begin
  select r.* into run from cogo.index_runs r where r.id = running_run.run_id for update;
  if not found then
    select r.* into run from cogo.index_runs r where running_run.run_id = any (r.former_ids);
    if found and cogo.role_in(run.project_id) is not null then
      perform cogo.fail('CG031', 'the index run was taken over by another', jsonb_build_object('run_id', running_run.run_id), 'Begin a new run');
    end if;
    run := null;
  end if;
  if run.id is null or cogo.role_in(run.project_id) is null then
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

-- sql/knowledge/140_fn_current_model.sql 7b4f09c2b84aa016
-- cogo.current_model: the model a project's questions are answered with: its own active one, else hash-1024-v1.
create or replace function cogo.current_model(project_id uuid)
returns cogo.embedding_models
language sql
stable
set search_path = ''
as $$
  select m from cogo.embedding_models m
   where m.status = 'active' and (m.project_id = current_model.project_id or m.project_id is null)
   order by m.project_id nulls last
   limit 1
$$;

-- sql/knowledge/142_fn_model_json.sql e2d9ae5141ecb321
-- cogo.model_json: what a maker of vectors must know of a model.
create or replace function cogo.model_json(m cogo.embedding_models)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('name', m.name, 'dims', m.dims, 'fingerprint', m.fingerprint, 'max_tokens', m.max_tokens,
    'semantic', m.semantic, 'status', m.status)
$$;

-- sql/knowledge/144_fn_question_model.sql f1eb744fc04199ad
-- cogo.question_model: the project's current model, when the vector of a question is one of it.
-- Errors: CG031 the vector is of another model or fingerprint (a switch came between): make it anew; CG000 wrong number of dimensions.
create or replace function cogo.question_model(project_id uuid, embedder text, fingerprint text, dims int)
returns cogo.embedding_models
language plpgsql
stable
set search_path = ''
as $$
declare
  current cogo.embedding_models := cogo.current_model(question_model.project_id);
begin
  if coalesce(question_model.embedder, 'hash-1024-v1') <> current.name
     or (current.project_id is not null and question_model.fingerprint is distinct from current.fingerprint) then
    perform cogo.fail('CG031', format('the project answers with vectors of %s', current.name),
      jsonb_build_object('model', current.name, 'given', question_model.embedder), 'Make the vector with that model and ask again');
  end if;
  if question_model.dims <> current.dims then
    perform cogo.fail('CG000', format('the vector must have %s dimensions', current.dims), jsonb_build_object('dims', question_model.dims));
  end if;
  return current;
end
$$;

-- sql/knowledge/146_fn_own_model.sql 689979a1423650d9
-- cogo.own_model: a model of the project by name, locked. Errors: CG003 the project has none of that name.
create or replace function cogo.own_model(project_id uuid, model text)
returns cogo.embedding_models
language plpgsql
set search_path = ''
as $$
declare
  found_model cogo.embedding_models;
begin
  select m.* into found_model from cogo.embedding_models m
   where m.project_id = own_model.project_id and m.name = own_model.model for update;
  if not found then
    perform cogo.fail('CG003', 'the project has no such embedding model', jsonb_build_object('model', own_model.model),
      'See embed_status, or start it with embed_start');
  end if;
  return found_model;
end
$$;

-- sql/knowledge/148_fn_enqueue_fill.sql 97a6a7cd9a49c08a
-- cogo.enqueue_fill: makes a job that fills a model's vectors, unless one is waiting already, which will see the new chunks too.
-- The model's row is locked by the caller. Locking the waiting job keeps it from being claimed, and finding nothing, before we commit.
create or replace function cogo.enqueue_fill(model cogo.embedding_models)
returns void
language plpgsql
set search_path = ''
as $$
declare
  made uuid;
begin
  perform from cogo.jobs j
    where j.id = model.job_id and j.state in ('queued', 'scheduled', 'blocked') for update;
  if found then
    return;
  end if;
  select m.job_id into made
    from cogo.make_jobs(model.project_id, cogo.plan_jobs(model.project_id, jsonb_build_array(jsonb_build_object(
           'type', 'embed.fill', 'payload', jsonb_build_object('model', model.name), 'priority', 2,
           'concurrency_key', 'embed:' || model.id))), cogo.principal(), null) m;
  update cogo.embedding_models e set job_id = made where e.id = model.id;
end
$$;

-- sql/knowledge/150_fn_embed_published.sql 63ab39c271e88a1f
-- cogo.embed_published: what a run's new chunks get of the project's own models: the vector a replaced chunk of the same text had,
-- else a place in the queue of each model that is active or being built. Called by index_finish before it drops the obsolete files.
create or replace function cogo.embed_published(run cogo.index_runs, obsolete bigint[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  model cogo.embedding_models;
begin
  for model in
    select m.* from cogo.embedding_models m
     where m.project_id = run.project_id and m.status in ('active', 'building') order by m.id for update
  loop
    insert into cogo.chunk_embeddings (chunk_id, model_id, project_id, embedding)
    select distinct on (c.id) c.id, model.id, run.project_id, e.embedding
      from cogo.chunks c
      join cogo.chunks old on old.file_id = any (obsolete) and old.content_hash = c.content_hash
      join cogo.chunk_embeddings e on e.chunk_id = old.id and e.model_id = model.id
     where c.project_id = run.project_id and c.repo_id = run.repo_id and c.generation = run.generation
     order by c.id;
    insert into cogo.embed_queue (model_id, chunk_id, project_id)
    select model.id, c.id, run.project_id
      from cogo.chunks c
     where c.project_id = run.project_id and c.repo_id = run.repo_id and c.generation = run.generation
       and not exists (select from cogo.chunk_embeddings e where e.chunk_id = c.id and e.model_id = model.id)
    on conflict do nothing;
    if found then
      perform cogo.enqueue_fill(model);
    end if;
  end loop;
end
$$;

-- sql/knowledge/152_fn_nearest_chunks.sql 8e08b65c4ecc2602
-- cogo.nearest_chunks: the chunks nearest to a vector, by cosine distance, of one model of one project. Through the model's HNSW index
-- where ensure_vector_indexes made one (then approximate, and scanned on until enough are found), else exact.
-- The statement is built so that it names the model and its dimensions as constants: the partial index fits nothing else.
create or replace function cogo.nearest_chunks(project_id uuid, model cogo.embedding_models, goal extensions.halfvec, lim int)
returns table (chunk_id bigint, distance double precision)
language plpgsql
set search_path = ''
as $$
begin
  if to_regclass('cogo.chunk_embeddings_hnsw_' || model.id) is null then
    return query
      select e.chunk_id, e.embedding operator(extensions.<=>) goal
        from cogo.chunk_embeddings e
       where e.project_id = nearest_chunks.project_id and e.model_id = model.id
       order by 2, 1 limit lim;
    return;
  end if;
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
  perform set_config('hnsw.ef_search', least(greatest(lim, 40), 1000)::text, true);
  return query execute format(
    'select v.chunk_id, v.distance
       from (select e.chunk_id, e.embedding::extensions.halfvec(%1$s) operator(extensions.<=>) $1::extensions.halfvec(%1$s) as distance
               from cogo.chunk_embeddings e where e.model_id = %2$s
              order by e.embedding::extensions.halfvec(%1$s) operator(extensions.<=>) $1::extensions.halfvec(%1$s) limit $2) v
      order by v.distance, v.chunk_id', model.dims, model.id)
    using goal, lim;
end
$$;

-- sql/knowledge/154_fn_ensure_vector_indexes.sql c7b9eb58e7ef2a7f
-- cogo.ensure_vector_indexes: gives each project's own model of more than min_rows vectors its HNSW index, and returns how many it
-- made. Called by housekeeping. The build holds up writers of vectors, not readers. In the embedded place there is none: in WASM the
-- build of 5,000 takes 40 s in the only session there is, and an exact scan of 20,000 takes a fifth of a second.
create or replace function cogo.ensure_vector_indexes(min_rows bigint default 20000)
returns int
language plpgsql
security definer
set search_path = ''
as $$
declare
  wanted cogo.embedding_models[];
  model  cogo.embedding_models;
  made   int := 0;
begin
  if version() ~* 'emscripten|wasm' then
    return 0;
  end if;
  -- as an array: no index is made on a table that a running query reads
  wanted := array(
    select m from cogo.embedding_models m
     where m.project_id is not null and m.status in ('active', 'building')
       and to_regclass('cogo.chunk_embeddings_hnsw_' || m.id) is null
       and (select count(*) from (select from cogo.chunk_embeddings e
             where e.project_id = m.project_id and e.model_id = m.id limit min_rows + 1) e) > min_rows);
  foreach model in array wanted loop
    execute format(
      'create index chunk_embeddings_hnsw_%1$s on cogo.chunk_embeddings
        using hnsw ((embedding::extensions.halfvec(%2$s)) extensions.halfvec_cosine_ops) where model_id = %1$s', model.id, model.dims);
    made := made + 1;
  end loop;
  return made;
end
$$;
revoke all on function cogo.ensure_vector_indexes(bigint) from public;

-- sql/knowledge/156_fn_model_status.sql 7fd4316d6c08ac84
-- cogo.model_status: model_json + {vectors, left, failed, job_id, hnsw, created_at, switched_at}. left: chunks that still wait for their
-- vector; failed: those that were tried three times.
create or replace function cogo.model_status(model_id smallint)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select cogo.model_json(m) || jsonb_build_object(
           'vectors', (select count(*) from cogo.chunk_embeddings e where e.project_id = m.project_id and e.model_id = m.id),
           'left', q.waiting, 'failed', q.failed, 'job_id', m.job_id,
           'hnsw', to_regclass('cogo.chunk_embeddings_hnsw_' || m.id) is not null,
           'created_at', m.created_at, 'switched_at', m.switched_at)
    from cogo.embedding_models m
   cross join lateral (
     select count(*) filter (where x.attempts < 3) as waiting, count(*) filter (where x.attempts >= 3) as failed
       from cogo.embed_queue x where x.model_id = m.id) q
   where m.id = model_status.model_id
$$;

-- sql/knowledge/160_fn_mirror_published.sql 9d6927631c1f5ce4
-- cogo.mirror_published: notes in the outbox the files that a run publishes or removes, where the project has a mirror. Called by
-- index_finish before it drops the obsolete files.
create or replace function cogo.mirror_published(run cogo.index_runs, obsolete bigint[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- a mirror that is started or stopped meanwhile waits for us, or we for it
  perform from cogo.graph_mirrors m where m.project_id = run.project_id for key share;
  if not found then
    return;
  end if;
  insert into cogo.graph_outbox (project_id, repo_id, path)
  select distinct run.project_id, run.repo_id, f.path
    from cogo.source_files f
   where f.repo_id = run.repo_id and (f.generation = run.generation or f.id = any (obsolete));
end
$$;

-- sql/knowledge/161_fn_find_terms.sql 3bdff337475c83f5
-- cogo.find_terms: the terms of a question (see search) that the project's vocabulary has, with what they are worth, and df of all that were asked.
--
-- Three kinds are added to what was asked. A Korean word that stands for an English one brings the commonest two words that sound like
-- it. A word nobody uses brings the two most like it in spelling (trigrams, similarity 0.5 and more). And in a corpus that is hardly
-- Korean, a Korean word is rare for being Korean, not for what it means: it counts 0.3 where its English wording is what the corpus uses.
create or replace function cogo.find_terms(project_id uuid, query jsonb, n double precision, out asked cogo.asked_term[], out df jsonb)
language plpgsql
stable
set search_path = ''
as $$
begin
  with wanted as materialized (
    select a.key as term, a.value::double precision as weight from jsonb_each_text(coalesce(query -> 'terms', '{}')) a
  ),
  other as (
    select distinct f.term
      from jsonb_array_elements(coalesce(query -> 'features', '[]')) feature
     cross join lateral jsonb_array_elements_text(feature - 0 - 0) f(term)
     where not exists (select from wanted x where x.term = f.term)
  ),
  known as materialized (
    select a.term, a.weight, t.id, t.df
      from (select * from wanted union all select o.term, 0 from other o) a
     -- the limit keeps it one index probe a term, also where no statistics are (nothing analyses tables in the embedded place)
     cross join lateral (
       select x.id, x.df from cogo.lex_terms x where x.project_id = find_terms.project_id and x.term = a.term limit 1) t
     where t.df > 0
  ),
  meant as materialized (
    select g.nth, g.item,
           coalesce((select max(k.df) from known k where g.item -> 'korean' ? k.term), 0) as ours,
           coalesce((select max(k.df) from known k where g.item -> 'english' ? k.term), 0) as theirs
      from jsonb_array_elements(coalesce(query -> 'translated', '[]')) with ordinality as g(item, nth)
  ),
  -- a word the list of terms knows needs no guess
  heard as materialized (
    select m.nth, x.id, x.term, x.df, 0.8::double precision as weight
      from (select * from meant where theirs = 0 and item ->> 'sound' is not null offset 0) m
     cross join lateral (
       select t.id, t.term, t.df from cogo.lex_terms t
        where t.project_id = find_terms.project_id and t.sound = m.item ->> 'sound' and t.df > 0
        order by t.df desc, t.term limit 2) x
  ),
  stray as (
    select distinct k.term
      from meant m
     cross join lateral jsonb_array_elements_text(m.item -> 'korean') k(term)
     cross join lateral (select greatest(m.theirs, (select max(h.df) from heard h where h.nth = m.nth)) as df) english
     where english.df > 0 and (m.ours < 0.01 * n or m.ours < 0.5 * english.df)
  ),
  -- materialized: a look at the trigrams costs milliseconds, so only for words that nothing else answers
  unknown as materialized (
    select word from jsonb_array_elements_text(coalesce(query -> 'words', '[]')) word
     where not exists (select from known k where k.term = word or k.weight > 0 and starts_with(word, k.term))
  ),
  spelt as (
    select x.id, x.term, x.df, 0.7 * x.likeness as weight
      from unknown
     cross join lateral (
       select t.id, t.term, t.df, extensions.similarity(t.term, unknown.word) as likeness
         from cogo.lex_terms t
        where t.project_id = find_terms.project_id and t.sound is not null and t.df > 0
          and t.term operator(extensions.%) unknown.word
        order by likeness desc, t.df desc, t.term limit 2) x
     where x.likeness >= 0.5
  ),
  every as (
    select k.id, k.term, k.df, case when exists (select from stray s where s.term = k.term) then least(k.weight, 0.3) else k.weight end as weight
      from known k where k.weight > 0
    union all select h.id, h.term, h.df, h.weight from heard h
    union all select s.id, s.term, s.df, s.weight from spelt s
  ),
  single as (
    select e.id, e.term, e.df, max(e.weight) as weight from every e group by e.id, e.term, e.df
  )
  select coalesce((select array_agg(row (s.id, s.term, s.df, s.weight * ln(1 + (n - s.df + 0.5) / (s.df + 0.5)))::cogo.asked_term order by s.id)
                     from single s), '{}'),
         coalesce((select jsonb_object_agg(x.term, x.df) from (select k.term, k.df from known k union select s.term, s.df from single s) x), '{}')
    into asked, df;
end
$$;

-- sql/knowledge/162_fn_hash_vector.sql fe461cacc2e06a85
-- cogo.hash_vector: a question's hash-1024-v1 vector of its features, each weighed by the idf of its rarest term, ln((n + 1) / (df + 0.5)); not
-- normalised, for cosine does not ask. Null when nothing is left. features as for search: [[dimension from 0, value, term, …], …].
create or replace function cogo.hash_vector(features jsonb, df jsonb, n double precision)
returns extensions.halfvec
language sql
immutable
set search_path = ''
as $$
  select ('{' || string_agg(d.dimension + 1 || ':' || d.value::real, ',' order by d.dimension) || '}/1024')::extensions.sparsevec::extensions.halfvec
    from (
      select (f.feature ->> 0)::int as dimension,
             sum((f.feature ->> 1)::double precision * greatest(ln((n + 1) / (
               case when jsonb_array_length(f.feature) = 3 then coalesce((df ->> (f.feature ->> 2))::double precision, 0)
                    else (select min(coalesce((df ->> t.term)::double precision, 0)) from jsonb_array_elements_text(f.feature - 0 - 0) t(term))
               end + 0.5)), 0)) as value
        from jsonb_array_elements(features) f(feature)
       group by 1) d
   where d.value <> 0
$$;

-- sql/knowledge/164_fn_rank_chunks.sql 66e53675d01b933e
-- cogo.rank_chunks: orders candidates by what a reader means, on top of how well the words fit. Strengths and wishes are query.rank (see search); one
-- that is not given has no effect.
--
-- Added to the base (the fused score over the best one): definition, whoever defines a name that was asked for; symbol, file, folder: share of
-- the words of the name that the question has; kind, of the chunk or language the question names; document, a section, when someone asks how
-- to do something; overview, where a README opens, when someone asks what the thing is; coherence, the
-- score of all candidates of the file over that of the best file; close, share of the question's worth that the best sentence (close_lines 1)
-- or three neighbouring ones (3) of the text have together. Factors: test, migration, data by the file's role, unless asked for; barrel; copy, a
-- text already listed; repeat, each further chunk of a file.
create or replace function cogo.rank_chunks(fused cogo.fused_chunk[], query jsonb, asked cogo.asked_term[])
returns table (chunk_id bigint, score double precision, signals jsonb)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  k     jsonb := coalesce(query -> 'rank', '{}');
  terms text[] := array(select distinct t.term from unnest(asked) t);
  names text[] := array(select jsonb_array_elements_text(coalesce(query -> 'names', '[]')));
  s_definition double precision := coalesce((k ->> 'definition')::double precision, 0);
  s_symbol     double precision := coalesce((k ->> 'symbol')::double precision, 0);
  s_file       double precision := coalesce((k ->> 'file')::double precision, 0);
  s_folder     double precision := coalesce((k ->> 'folder')::double precision, 0);
  s_kind       double precision := coalesce((k ->> 'kind')::double precision, 0);
  s_document   double precision := coalesce((k ->> 'document')::double precision, 0);
  s_overview   double precision := coalesce((k ->> 'overview')::double precision, 0);
  s_coherence  double precision := coalesce((k ->> 'coherence')::double precision, 0);
  s_close      double precision := coalesce((k ->> 'close')::double precision, 0);
  close_lines  int := coalesce((k ->> 'close_lines')::int, 1);
  f_test       double precision := coalesce((k ->> 'test')::double precision, 1);
  f_migration  double precision := coalesce((k ->> 'migration')::double precision, 1);
  f_data       double precision := coalesce((k ->> 'data')::double precision, 1);
  f_barrel     double precision := coalesce((k ->> 'barrel')::double precision, 1);
  f_copy       double precision := coalesce((k ->> 'copy')::double precision, 1);
  f_repeat     double precision := coalesce((k ->> 'repeat')::double precision, 1);
  how_to       boolean := coalesce((k ->> 'how_to')::boolean, false);
  overview_of  boolean := coalesce((k ->> 'overview_of')::boolean, false);
  wants_tests  boolean := coalesce((k ->> 'wants_tests')::boolean, false);
  explain      boolean := coalesce((query ->> 'explain')::boolean, false);
  wants_data   boolean := coalesce((k ->> 'wants_data')::boolean, false);
begin
  return query
  with looked as (
    select u.chunk_id, u.lexical, u.vector, u.fused / nullif(max(u.fused) over (), 0) as base,
           c.file_id, c.kind, lower(c.symbol) as symbol, c.signature, c.start_line, c.is_barrel, c.name_terms, c.text,
           f.path, f.language, f.role, f.base_terms, f.folder_terms,
           sum(u.fused) over (partition by c.file_id) as of_file
      from unnest(fused) u
      join cogo.chunks c on c.id = u.chunk_id
      join cogo.source_files f on f.id = c.file_id
  ),
  signal as (
    select l.*,
           -- what code happens to be called matters less to someone who looks for instructions
           case when how_to and l.kind <> 'section' then 0.3 else 1 end as named,
           case when cardinality(names) = 0 or l.symbol is null then 0
                when l.symbol = any (names) then 1
                when split_part(l.symbol, '.', -1) = any (names) then 0.9
                when split_part(l.symbol, '.', 1) = any (names) then 0.3
                else 0 end
           -- a long symbol is split: the part with its signature is the one to open
           * case when l.signature is null or strpos(l.text, split_part(left(l.signature, 24), ' ', 1)) > 0 then 1 else 0.7 end as definition,
           -- && first: most names share no word with the question, and counting costs four times as much
           case when l.name_terms && terms
                then (select count(*) from unnest(l.name_terms) t where t = any (terms))::double precision / cardinality(l.name_terms) else 0 end as of_name,
           case when l.base_terms && terms
                then (select count(*) from unnest(l.base_terms) t where t = any (terms))::double precision / cardinality(l.base_terms) else 0 end as of_base,
           case when l.folder_terms && terms
                then (select count(*) from unnest(l.folder_terms) t where t = any (terms))::double precision / cardinality(l.folder_terms)
                else 0 end as of_folder,
           (l.kind = any (terms) or l.language = any (terms))::int as of_kind,
           l.of_file / nullif(max(l.of_file) over (), 0) as share
      from looked l
  ),
  added as (
    select s.*,
           s.base
           + s_definition * s.definition
           + s_symbol * s.named * s.of_name
           + s_file * s.named * s.of_base
           + s_folder * s.of_folder
           + s_kind * s.of_kind
           + case when how_to and s.kind = 'section' then s_document else 0 end
           + case when overview_of and s.start_line <= 1 and s.of_name >= 0.5 and s.path ~* '(^|/)readme\.(md|mdx|rst|txt)$'
                  then s_overview * case when strpos(s.path, '/') = 0 then 1 else 0.4 end else 0 end
           + s_coherence * s.share as points,
           case when s.role = 'test' and not wants_tests then f_test
                when s.role = 'migration' then f_migration
                when s.role = 'data' and not wants_data then f_data
                else 1 end
           * case when s.is_barrel then f_barrel else 1 end as factor
      from signal s
  ),
  -- Looking for words in texts costs most, so only the words worth most and the chunks that could come first are looked at.
  word as materialized (
    select ltrim(t.term, '=') as word, t.worth / sum(t.worth) over () as worth
      from (select x.term, x.worth from unnest(asked) x where s_close > 0 order by x.worth desc, x.id limit 16) t
  ),
  near as materialized (
    select b.chunk_id, s_close * coalesce((
             select max(p.worth)
               from (select sum(w.worth) as worth
                       from (select x.part || coalesce(' ' || lead(x.part) over w1, '') || coalesce(' ' || lead(x.part, 2) over w1, '') as three,
                                    x.part, x.nth
                               from regexp_split_to_table(lower(b.text), '[.?!\n]+\s*') with ordinality as x(part, nth)
                              where x.part <> '' window w1 as (order by x.nth)) s
                       join word w on strpos(case when close_lines = 1 then s.part else s.three end, w.word) > 0
                      group by s.nth) p), 0) as close
      from (select a.chunk_id, a.text from added a where s_close > 0 order by a.points * a.factor desc, a.chunk_id limit 30) b
  ),
  joined as (
    select a.*, coalesce(n.close, 0) as close, (a.points + coalesce(n.close, 0)) * a.factor as sum
      from added a left join near n on n.chunk_id = a.chunk_id
  ),
  placed as (
    select j.*,
           row_number() over (partition by j.file_id order by j.sum desc, j.chunk_id) - 1 as before_in_file,
           row_number() over (partition by j.text order by j.sum desc, j.chunk_id) > 1 as is_copy
      from joined j
  )
  select p.chunk_id, p.sum * power(f_repeat, p.before_in_file) * case when p.is_copy then f_copy else 1 end,
         case when explain then jsonb_build_object('lexical', p.lexical, 'vector', p.vector, 'base', p.base, 'definition', s_definition * p.definition,
           'symbol', s_symbol * p.named * p.of_name, 'file', s_file * p.named * p.of_base, 'folder', s_folder * p.of_folder,
           'kind', s_kind * p.of_kind, 'document', case when how_to and p.kind = 'section' then s_document else 0 end,
           'coherence', s_coherence * p.share, 'close', p.close, 'factor', p.factor,
           'repeat', power(f_repeat, p.before_in_file) * case when p.is_copy then f_copy else 1 end) end
    from placed p;
end
$$;

-- sql/knowledge/220_fn_index_files.sql a8d4de482288a263
-- cogo_api.index_files: the published files of a repository, [{path, content_hash, extractor, surface?}] by path (surface: as graph_files): what
-- an incremental run compares with. A repository never indexed answers []. Needs viewer.
create or replace function cogo_api.index_files(project_id uuid, repo text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(index_files.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('path', f.path, 'content_hash', f.content_hash, 'extractor', f.extractor,
             'surface', g.surface)) order by f.path)
      from cogo.repos r
      join cogo.source_files f on f.repo_id = r.id and f.generation <= r.generation
      left join cogo.graph_files g on g.file_id = f.id
     where r.project_id = index_files.project_id and r.repo = index_files.repo), '[]');
end
$$;
revoke all on function cogo_api.index_files(uuid, text) from public;
grant execute on function cogo_api.index_files(uuid, text) to anon, authenticated, service_role;

-- sql/knowledge/225_fn_put_graph.sql a2018336b4a28f15
-- cogo.put_graph: writes the symbols and relationships of files that the run has put, each file's replaced whole. files as for
-- index_graph. Returns {nodes, edges, unresolved}. Errors: CG004 a path that the run did not put; the caller translates what the tables say.
create or replace function cogo.put_graph(run cogo.index_runs, files jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  ids     bigint[];
  unknown text;
  n_nodes int;
  n_edges int;
  n_loose int;
begin
  select min(f.value ->> 'path') into unknown
    from jsonb_array_elements(files) f
   where not exists (select from cogo.source_files s
                      where s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path');
  if unknown is not null then
    perform cogo.fail('CG004', 'a file of the graph is not in the run', jsonb_build_object('path', unknown), 'Put it with index_put first');
  end if;
  ids := array(select s.id from cogo.source_files s
                where s.repo_id = run.repo_id and s.generation = run.generation
                  and s.path in (select f.value ->> 'path' from jsonb_array_elements(files) f));
  delete from cogo.ast_nodes n where n.file_id = any (ids);
  delete from cogo.code_relationships e where e.file_id = any (ids);
  delete from cogo.unresolved_imports u where u.file_id = any (ids);
  delete from cogo.graph_files g where g.file_id = any (ids);

  insert into cogo.ast_nodes (project_id, repo_id, file_id, generation, key, kind, name, signature, doc, exported,
                              start_line, start_column, end_line, end_column)
  select run.project_id, run.repo_id, s.id, run.generation, n.key, n.kind, n.name, n.signature, n.doc, coalesce(n.exported, false),
         n.start_line, n.start_column, n.end_line, n.end_column
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   cross join lateral jsonb_to_recordset(f.value -> 'nodes')
      as n(key text, kind text, name text, signature text, doc text, exported boolean, start_line int, start_column int,
           end_line int, end_column int);
  get diagnostics n_nodes = row_count;

  insert into cogo.code_relationships (project_id, repo_id, file_id, generation, from_key, to_key, kind, via, provenance, confidence,
                                       sites, line, col)
  select run.project_id, run.repo_id, s.id, run.generation, e."from", e."to", e.kind, e.via, e.provenance, coalesce(e.confidence, 1),
         coalesce(e.sites, 1), e.line, e."column"
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   cross join lateral jsonb_to_recordset(f.value -> 'edges')
      as e("from" text, "to" text, kind text, via text, provenance text, confidence real, sites int, line int, "column" int);
  get diagnostics n_edges = row_count;

  insert into cogo.unresolved_imports (file_id, project_id, nth, specifier, kind, reason, detail, line)
  select s.id, run.project_id, u.ordinality, u.value ->> 'specifier', u.value ->> 'kind', u.value ->> 'reason', u.value ->> 'detail',
         (u.value ->> 'line')::int
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   cross join lateral jsonb_array_elements(coalesce(f.value -> 'unresolved', '[]')) with ordinality u;
  get diagnostics n_loose = row_count;

  insert into cogo.graph_files (file_id, project_id, surface, looks_at, hash)
  select s.id, run.project_id, f.value ->> 'surface', array(select jsonb_array_elements_text(coalesce(f.value -> 'looks_at', '[]'))), f.value ->> 'hash'
    from jsonb_array_elements(files) f
    join cogo.source_files s on s.repo_id = run.repo_id and s.generation = run.generation and s.path = f.value ->> 'path'
   where f.value ? 'surface';

  return jsonb_build_object('nodes', n_nodes, 'edges', n_edges, 'unresolved', n_loose);
end
$$;

-- sql/knowledge/230_fn_index_put.sql ea0fe02ae6de235b
-- cogo_api.index_put: writes files with all their chunks into an open run and returns {files, chunks}. Each file is replaced whole,
-- and the call is atomic: all of its files, or none. Readers see nothing of it before index_finish.
--
-- files: [{path, content_hash, language?, bytes?, extractor, warning?, role?, base_terms?, folder_terms?, terms:[text], sounds?:{term: key},
--   graph?:{path, nodes, edges, unresolved} as for index_graph,
--   chunks:[{ordinal, kind, symbol?, signature?, heading?, start_line, end_line, text, content_hash, term, in_path, in_name, in_doc,
--   in_body, length, name_terms?, is_barrel?, embedding?}]}]
-- terms: those of the file's chunks, each once. term: '{1,7}', the places of the chunk's own in that list, from 1, none twice; in_…: at
-- the same place, how often it is in that field. As text, for an array is read ten times as fast as an object.
-- embedding: '[x,y,...]' or '{1:x,9:y}/dims' of the run's model (meta.embedder of index_begin, default hash-1024-v1) or null.
-- Errors: CG003/CG031 as running_run; CG000 malformed; CG004 a path twice, unknown embedder.
create or replace function cogo_api.index_put(run_id uuid, files jsonb)
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
  graphs   jsonb;
begin
  if jsonb_typeof(files) is distinct from 'array' then
    perform cogo.fail('CG000', 'files must be an array');
  end if;
  select m.id into model from cogo.embedding_models m
   where m.name = coalesce(run.meta ->> 'embedder', 'hash-1024-v1') and m.project_id is null;
  if not found then
    perform cogo.fail('CG004', 'unknown embedding model', jsonb_build_object('embedder', run.meta ->> 'embedder'));
  end if;

  -- a file put twice in one run: the later one counts
  perform cogo.drop_files(array(
    select f.id from cogo.source_files f
     where f.repo_id = run.repo_id and f.generation = run.generation
       and f.path in (select item ->> 'path' from jsonb_array_elements(files) item)));

  insert into cogo.source_files (project_id, repo_id, generation, path, content_hash, language, bytes, extractor, warning, role,
                                 base_terms, folder_terms)
  select run.project_id, run.repo_id, run.generation, f.path, f.content_hash, f.language, f.bytes, f.extractor, f.warning, f.role,
         coalesce(f.base_terms, '{}'), coalesce(f.folder_terms, '{}')
    from jsonb_to_recordset(files)
      as f(path text, content_hash text, language text, bytes bigint, extractor text, warning text, role text, base_terms text[],
           folder_terms text[]);
  get diagnostics n_files = row_count;

  -- Terms are looked up and made in one statement, so nobody else may make terms of the project meanwhile: they would be neither
  -- in its snapshot nor among those it made.
  perform pg_advisory_xact_lock(hashtextextended('cogo.lex_terms ' || run.project_id, 0));

  with item as materialized (
    select sf.id as file_id, f.nth, nextval('cogo.chunks_id_seq') as chunk_id, r.*
      from jsonb_array_elements(files) with ordinality f(body, nth)
      join cogo.source_files sf
        on sf.repo_id = run.repo_id and sf.generation = run.generation and sf.path = f.body ->> 'path'
     cross join lateral jsonb_to_recordset(f.body -> 'chunks')
        as r(ordinal int, kind text, symbol text, signature text, heading text, start_line int, end_line int, text text,
             content_hash text, length int, name_terms text[], is_barrel boolean, embedding text,
             term text, in_path text, in_name text, in_doc text, in_body text)
  ),
  word as materialized (
    select f.nth, t.place, t.term
      from jsonb_array_elements(files) with ordinality f(body, nth)
     cross join lateral jsonb_array_elements_text(f.body -> 'terms') with ordinality t(term, place)
  ),
  known as materialized (
    select w.term, k.id
      from (select distinct t.term from word t) w
      -- one index probe a term, however many terms the project has
      left join lateral (
        select x.id from cogo.lex_terms x where x.project_id = run.project_id and x.term = w.term limit 1) k on true
  ),
  heard as materialized (
    select one.key as term, min(one.value) as sound
      from jsonb_array_elements(files) f cross join lateral jsonb_each_text(coalesce(f -> 'sounds', '{}')) one
     group by one.key
  ),
  added as (
    insert into cogo.lex_terms (project_id, term, sound)
    select run.project_id, k.term, h.sound from known k left join heard h on h.term = k.term where k.id is null
    returning id, term
  ),
  -- of each file its terms' ids, in the order of its list
  dictionary as materialized (
    select w.nth, array_agg(ids.id order by w.place) as ids
      from word w
      join (select k.id, k.term from known k where k.id is not null union all select a.id, a.term from added a) ids
        on ids.term = w.term
     group by w.nth
  ),
  chunk as (
    insert into cogo.chunks (id, project_id, repo_id, file_id, generation, ordinal, kind, symbol, signature, heading,
                             start_line, end_line, text, content_hash, length, term_ids, name_terms, is_barrel)
    overriding system value
    select i.chunk_id, run.project_id, run.repo_id, i.file_id, run.generation, i.ordinal, i.kind, i.symbol, i.signature, i.heading,
           i.start_line, i.end_line, i.text, i.content_hash, coalesce(i.length, 0),
           array(select d.ids[t.place] from unnest(i.term::int[]) t(place)), coalesce(i.name_terms, '{}'), coalesce(i.is_barrel, false)
      from item i left join dictionary d on d.nth = i.nth
    returning 1
  ),
  posting as (
    insert into cogo.lex_postings (term_id, length, chunk_id, path, name, doc, body)
    select d.ids[t.place], coalesce(i.length, 0), i.chunk_id, least(t.path, 32767), least(t.name, 32767), least(t.doc, 32767), least(t.body, 32767)
      from item i
      left join dictionary d on d.nth = i.nth
     cross join lateral unnest(i.term::int[], i.in_path::int[], i.in_name::int[], i.in_doc::int[], i.in_body::int[])
        as t(place, path, name, doc, body)
     order by 1, 3
  ),
  vector as (
    insert into cogo.chunk_embeddings (chunk_id, model_id, project_id, embedding)
    select i.chunk_id, model, run.project_id,
           case when starts_with(i.embedding, '{') then i.embedding::extensions.sparsevec::extensions.halfvec
                else i.embedding::extensions.halfvec end
      from item i
     where i.embedding is not null
  )
  select count(*) into n_chunks from chunk;

  graphs := (select jsonb_agg(f.value -> 'graph') from jsonb_array_elements(files) f where f.value ? 'graph');
  if graphs is not null then
    perform cogo.put_graph(run, graphs);
  end if;

  update cogo.index_runs r
     set files = r.files + n_files, chunks = r.chunks + n_chunks, touched_at = clock_timestamp()
   where r.id = run.id;
  return jsonb_build_object('files', n_files, 'chunks', n_chunks);
exception
  when unique_violation then
    perform cogo.fail('CG004', 'a path, an ordinal or a key occurs twice in one call', jsonb_build_object('reason', sqlerrm));
    return null;
  when not_null_violation or check_violation or invalid_text_representation or invalid_parameter_value or data_exception then
    perform cogo.fail('CG000', 'files is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.index_put(uuid, jsonb) from public;
grant execute on function cogo_api.index_put(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/245_fn_index_graph.sql f66ff62223400344
-- cogo_api.index_graph: writes the symbols and relationships of files that index_put has put into the same open run; each file's are
-- replaced whole, and the call is atomic. Returns {nodes, edges, unresolved}.
--
-- files: [{path,
--   nodes: [{key, kind, name, signature?, doc?, exported?, start_line, start_column, end_line, end_column}],
--   edges: [{from, to, kind, via?, provenance, confidence?, sites?, line, column}],
--   unresolved: [{specifier, kind, reason, detail?, line}],
--   surface?, looks_at?: [stem], hash?: as graph_files}]
-- Errors: CG003/CG031 as running_run; CG000 malformed; CG004 a path that the run did not put, a key twice.
create or replace function cogo_api.index_graph(run_id uuid, files jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run    cogo.index_runs := cogo.running_run(index_graph.run_id);
  answer jsonb;
begin
  if jsonb_typeof(files) is distinct from 'array' then
    perform cogo.fail('CG000', 'files must be an array');
  end if;
  answer := cogo.put_graph(run, files);
  update cogo.index_runs r set touched_at = clock_timestamp() where r.id = run.id;
  return answer;
exception
  when unique_violation then
    perform cogo.fail('CG004', 'a key occurs twice in one file', jsonb_build_object('reason', sqlerrm));
    return null;
  when not_null_violation or check_violation or invalid_text_representation or data_exception then
    perform cogo.fail('CG000', 'files is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.index_graph(uuid, jsonb) from public;
grant execute on function cogo_api.index_graph(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/246_fn_index_dependents.sql 0a1236813831be50
-- cogo_api.index_dependents: the files of a run that look at one of these stems (see graph_files), or lie under one of these folders
-- ('' is all): [{path, hash}] by path. What the run has put counts instead of what it replaces; what it deleted does not.
-- Reads the repository's graph_files once. Errors: CG003/CG031 as running_run.
create or replace function cogo_api.index_dependents(run_id uuid, stems text[], folders text[] default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs := cogo.running_run(index_dependents.run_id);
begin
  return coalesce((
    select jsonb_agg(jsonb_build_object('path', f.path, 'hash', g.hash) order by f.path)
      from cogo.source_files f
      join cogo.graph_files g on g.file_id = f.id
     where f.repo_id = run.repo_id and g.hash is not null and f.dropped_by is distinct from run.generation
       and (g.looks_at && index_dependents.stems
            or exists (select from unnest(index_dependents.folders) d where starts_with(f.path, d)))
       and (f.generation = run.generation
            or not exists (select from cogo.source_files n
                            where n.repo_id = run.repo_id and n.generation = run.generation and n.path = f.path))), '[]');
end
$$;
revoke all on function cogo_api.index_dependents(uuid, text[], text[]) from public;
grant execute on function cogo_api.index_dependents(uuid, text[], text[]) to anon, authenticated, service_role;

-- sql/knowledge/247_fn_index_entries.sql d36dc33926d1692b
-- cogo_api.index_entries: how far each file of a repository is from an entry point once this run is published: steps along imports (a
-- computed import counts twice), from the files the run has put and those it leaves as they are. Only distances that changed are
-- written. Shown at once, a moment before the run is: it is a tie-break only. Returns {files, changed, deepest}.
-- Errors: CG003/CG031 as running_run.
create or replace function cogo_api.index_entries(run_id uuid, entries text[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run      cogo.index_runs := cogo.running_run(index_entries.run_id);
  seen     text[] := '{}';
  depths   int[] := '{}';
  -- reached one step from now, and two
  ring     text[] := entries;
  later    text[] := '{}';
  next     text[];
  changed  int;
  dropped  int;
begin
  for step in 0 .. 1000 loop
    exit when cardinality(ring) = 0 and cardinality(later) = 0;
    -- a package, or a file that is gone, is no step
    ring := array(
      select distinct k from unnest(ring) k
       where k <> all (seen)
         and exists (select from cogo.source_files f
                      where f.repo_id = run.repo_id and f.path = k and f.dropped_by is distinct from run.generation));
    seen := seen || ring;
    depths := depths || array_fill(step, array[cardinality(ring)]);
    next := later;
    select next || coalesce(array_agg(distinct e.to_key) filter (where e.provenance <> 'pattern'), '{}'),
           coalesce(array_agg(distinct e.to_key) filter (where e.provenance = 'pattern'), '{}')
      into next, later
      from cogo.code_relationships e
      join cogo.source_files f on f.id = e.file_id
     where e.repo_id = run.repo_id and e.kind = 'imports' and e.from_key = any (ring)
       and f.dropped_by is distinct from run.generation
       and (e.generation = run.generation
            or not exists (select from cogo.source_files n
                            where n.repo_id = run.repo_id and n.generation = run.generation and n.path = f.path));
    ring := next;
  end loop;
  with wanted as (
    select d.path, min(d.distance) as distance from unnest(seen, depths) as d(path, distance) group by d.path
  ),
  written as (
    insert into cogo.entry_distances as d (repo_id, project_id, path, distance)
    select run.repo_id, run.project_id, w.path, w.distance from wanted w
    on conflict on constraint entry_distances_pkey do update set distance = excluded.distance where d.distance <> excluded.distance
    returning 1
  ),
  gone as (
    delete from cogo.entry_distances d where d.repo_id = run.repo_id and d.path <> all (seen) returning 1
  )
  select (select count(*) from written), (select count(*) from gone) into changed, dropped;
  return jsonb_build_object('files', cardinality(seen), 'changed', changed + dropped, 'deepest', coalesce((select max(x) from unnest(depths) x), 0));
end
$$;
revoke all on function cogo_api.index_entries(uuid, text[]) from public;
grant execute on function cogo_api.index_entries(uuid, text[]) to anon, authenticated, service_role;

-- sql/knowledge/250_fn_index_finish.sql decb20ee2c485342
-- cogo_api.index_finish: publishes a run in one transaction: what it replaced or deleted goes, df and lengths are brought up to
-- date by the difference, and the repository shows the new generation. Cost follows the size of the change, not of the project.
-- Returns {generation, files, chunks, removed_files} (files and chunks: of the whole repository now).
-- Errors: CG003/CG031 as running_run.
create or replace function cogo_api.index_finish(run_id uuid, stats jsonb default '{}')
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

  perform cogo.embed_published(run, obsolete);
  perform cogo.mirror_published(run, obsolete);
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

-- sql/knowledge/262_fn_index_suspend.sql 9fad3711c68acee8
-- cogo_api.index_suspend: puts a run by, so that index_resume can go on with it: what was put stays, unseen by readers. The run gets
-- another id: a call that is still on its way is refused. A writer that dies without this is gone on with all the same.
-- Returns {files}: how many wait to be published. The next index_begin of the repository gives the run up. Errors: CG003/CG031 as
-- running_run.
create or replace function cogo_api.index_suspend(run_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs := cogo.running_run(index_suspend.run_id);
begin
  update cogo.index_runs r
     set id = gen_random_uuid(), former_ids = r.former_ids || r.id, reason = 'suspended', touched_at = clock_timestamp()
   where r.id = run.id;
  return jsonb_build_object('files', (
    select count(*) from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation));
end
$$;
revoke all on function cogo_api.index_suspend(uuid) from public;
grant execute on function cogo_api.index_suspend(uuid) to anon, authenticated, service_role;

-- sql/knowledge/264_fn_index_resume.sql f4b9ef7e90d4f8ba
-- cogo_api.index_resume: goes on with the open run of a repository, put by (index_suspend) or left by a writer that died: {run_id,
-- generation, repo, files:[{path, content_hash, extractor}]}, the files it holds already; null when there is none. Each of them is whole,
-- for index_put is atomic; whether it is still true, its hash says. One that is not dead loses its run, as with index_begin: the run
-- gets another id. What it marked for deletion is forgotten. Needs editor (or a worker of the project).
create or replace function cogo_api.index_resume(project_id uuid, repo text, commit_sha text default null, meta jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run cogo.index_runs;
begin
  perform cogo.require_role(index_resume.project_id, 'editor', true);
  -- the row lock makes it and index_begin take turns
  perform from cogo.repos h where h.project_id = index_resume.project_id and h.repo = index_resume.repo for update;
  update cogo.index_runs r
     set id = gen_random_uuid(), former_ids = r.former_ids || r.id, reason = null, commit_sha = index_resume.commit_sha,
         meta = coalesce(index_resume.meta, '{}'), touched_at = clock_timestamp()
    from cogo.repos h
   where h.project_id = index_resume.project_id and h.repo = index_resume.repo and r.repo_id = h.id and r.state = 'running'
  returning r.* into run;
  if not found then
    return null;
  end if;
  update cogo.source_files f set dropped_by = null where f.repo_id = run.repo_id and f.dropped_by = run.generation;
  return jsonb_build_object('run_id', run.id, 'generation', run.generation, 'repo', index_resume.repo, 'files', coalesce((
    select jsonb_agg(jsonb_build_object('path', f.path, 'content_hash', f.content_hash, 'extractor', f.extractor) order by f.path)
      from cogo.source_files f where f.repo_id = run.repo_id and f.generation = run.generation), '[]'));
end
$$;
revoke all on function cogo_api.index_resume(uuid, text, text, jsonb) from public;
grant execute on function cogo_api.index_resume(uuid, text, text, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/280_fn_lexicon.sql cfd9d6c717f47a6f
-- cogo_api.lexicon: {n, avg_length, df:{term: count}} of the project's published chunks, for the query side of idf. Terms nobody
-- uses are left out of df. Needs viewer.
create or replace function cogo_api.lexicon(project_id uuid, terms text[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  current cogo.embedding_models := cogo.current_model(lexicon.project_id);
begin
  perform cogo.require_role(lexicon.project_id, 'viewer');
  return jsonb_build_object(
    'n', coalesce((select s.chunks from cogo.lex_stats s where s.project_id = lexicon.project_id), 0),
    'avg_length', coalesce((select s.total_length::double precision / nullif(s.chunks, 0)
                              from cogo.lex_stats s where s.project_id = lexicon.project_id), 0),
    'df', coalesce((
      select jsonb_object_agg(t.term, t.df)
        from cogo.lex_terms t
       where t.project_id = lexicon.project_id and t.term = any (lexicon.terms) and t.df > 0), '{}'))
    || case when current.project_id is null then '{}'
            else jsonb_build_object('model', cogo.model_json(current)) end;
end
$$;
revoke all on function cogo_api.lexicon(uuid, text[]) from public;
grant execute on function cogo_api.lexicon(uuid, text[]) to anon, authenticated, service_role;

-- sql/knowledge/300_fn_search.sql c32d9b5ce08e1252
-- cogo_api.search: the chunks that speak of a question, ranked, in one call: BM25F over the inverted index and vector similarity, fused linearly
-- after division by each one's maximum, then what a reader means (definition, names, file, kind of file).
--
-- query: {q?, terms:{term: weight}, limit?, strategy?, route?, explain?,
--   features?: [[dimension, value, term, …], …]   the question's hash-1024-v1 vector, each feature still without the idf of its terms
--   vector?: '[x,y,...]', embedder?, fingerprint?  instead, of the project's own model, as lexicon names it
--   weights?: {lexical, vector, path, name, doc, body, k1, b},
--   translated?: [{korean:[term], english:[term], sound?}]   Korean words with their English wording and how they sound
--   words?: [term]        words as the asker wrote them: one nobody uses is looked for by its spelling
--   names?: [identifier]  lower case: whoever defines it comes first
--   rank?: {definition, symbol, file, folder, kind, document, overview, coherence, close, close_lines, test, barrel, migration, data, copy, repeat,
--     how_to, overview_of, wants_tests, wants_data}   strengths of the ranking features, factors, and what the question wants
--   filter?: {path_prefix?, languages?, kinds?, repo?}}
-- strategy: lexical | vector | hybrid (anything else is hybrid); a part that cannot answer (no terms, no vector) is left out.
-- Defaults: lexical 1, vector 0.3; fields path 1, name 2, doc 1, body 1; k1 1.2, b 0.75; limit 10, at most 200; no ranking feature.
-- BM25F: sum over terms of weight * ln(1 + (n - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average)),
-- tf the field-weighted count (Robertson, Zaragoza 2009, one length for all fields).
-- Cost. Up to 20,000 chunks every posting of every term is read. Above that, as in MaxScore (Turtle, Flood 1995), terms are taken
-- rarest first while they have at most 6,000 postings together; these name the candidates, the commoner terms only score the best 400 of
-- them. If even the rarest is commoner than that, its candidates are the first 6,000 chunks it names and the first 6,000 it is in.
-- Vector: 1 - cosine distance. Every candidate has its true one; more candidates come from the model's own neighbours (nearest_chunks), for
-- hash-1024-v1 only up to 20,000 chunks and where words found too few: a chunk without a word of the question is seldom near it.
-- Ties go by chunk id.
-- Returns {items:[chunk_json + {score, signals?}], route, strategy, generation, took_ms, lexicon:{n, avg_length, df:{term: count}}, model?}.
-- generation: the newest one searched. model: the project's own model, when features came and it wants a vector instead.
-- Errors: as require_role (viewer); CG000 malformed; CG031 the project answers with another model now: ask lexicon again.
create or replace function cogo_api.search(project_id uuid, query jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
-- a large corpus makes the estimate large, and compiling the statement would take longer than running it
set jit = off
-- planned once a session: planning it anew took longer than a search of a small project
set plan_cache_mode = force_generic_plan
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
  model     cogo.embedding_models;
  wants     cogo.embedding_models;
  n         double precision;
  average   double precision;
  repo_ids  bigint[];
  newest    bigint;
  is_small  boolean;
  budget    constant int := 6000;
  -- Candidates that are ranked: each costs a look at its chunk and 80 us in WASM for its vector.
  depth     int := least(greatest(2 * lim, 100), 200);
  asked     cogo.asked_term[];
  df        jsonb;
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
  n := coalesce(n, 0);
  is_small := n <= 20000;
  k_flat := k1 * (1 - b);
  k_long := k1 * b / greatest(average, 1);

  select f.asked, f.df into asked, df from cogo.find_terms(search.project_id, query, n) f;
  if strategy <> 'lexical' then
    if query ->> 'vector' is not null then
      goal := (query ->> 'vector')::extensions.halfvec;
      model := cogo.question_model(search.project_id, query ->> 'embedder', query ->> 'fingerprint', extensions.vector_dims(goal));
    elsif query -> 'features' is not null then
      wants := cogo.current_model(search.project_id);
      if wants.project_id is null then
        model := wants;
        goal := cogo.hash_vector(query -> 'features', df, n);
      end if;
    end if;
  end if;

  with term as materialized (
    select t.id, t.worth, t.df, sum(t.df) over (order by t.df, t.id) as so_far, min(t.df) over () as rarest
      from unnest(asked) t
     where strategy <> 'vector'
  ),
  essential as (
    select t.* from term t where is_small or t.so_far <= budget or t.df = t.rarest
  ),
  posting as (
    select p.chunk_id, p.length, t.worth, p.tf
      from essential t
     -- offset 0: an index range a term, never a scan of all postings, also where no statistics are; and tf is worked out once
     cross join lateral (
       select x.chunk_id, x.length, w_path * x.path + w_name * x.name + w_doc * x.doc + w_body * x.body as tf
         from cogo.lex_postings x where x.term_id = t.id offset 0) p
     where is_small or t.df <= budget
    union all
    select p.chunk_id, p.length, t.worth, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body
      from essential t
     cross join lateral (
       (select x.* from cogo.lex_postings x where x.term_id = t.id and x.name > 0 order by x.term_id, x.chunk_id limit budget)
       union all
       (select x.* from cogo.lex_postings x where x.term_id = t.id and x.name = 0 order by x.term_id, x.chunk_id limit budget)) p
     where not is_small and t.df > budget
  ),
  found as materialized (
    select p.chunk_id, sum(p.worth * p.tf * (k1 + 1) / (p.tf + k_flat + k_long * p.length)) as score
      from posting p
     group by p.chunk_id
  ),
  bm25 as materialized (
    select f.chunk_id, f.score from found f where is_small
    union all
    select f.chunk_id, f.score + coalesce((
             select sum(t.worth * x.tf * (k1 + 1) / (x.tf + k_flat + k_long * x.length))
               from term t
              cross join lateral (
                select p.length, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body as tf
                  from cogo.lex_postings p where p.term_id = t.id and p.chunk_id = f.chunk_id limit 1) x
              where not (t.so_far <= budget or t.df = t.rarest)), 0)
      from (select * from found order by score desc, chunk_id limit 400) f
     where not is_small
  ),
  -- Best first, then the filter as a scalar subquery: the planner cannot push that below the sort, so only as many chunks are
  -- looked at as it takes to fill the list.
  lexical as materialized (
    select l.chunk_id, l.score
      -- real: scores that are equal stay so in whatever order they were summed
      from (select x.chunk_id, x.score, x.score::real as place from bm25 x where x.score > 0 order by place desc, chunk_id) l
     where (
             select c.generation <= r.generation and (kinds is null or c.kind = any (kinds))
                    and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.chunks c
               join cogo.repos r on r.id = c.repo_id
               join cogo.source_files f on f.id = c.file_id
              where c.id = l.chunk_id and c.repo_id = any (repo_ids))
     order by l.place desc, l.chunk_id
     limit depth
  ),
  near as materialized (
    select v.chunk_id, 1 - v.distance as score
      from cogo.nearest_chunks(search.project_id, model, goal,
             case when goal is null or not (model.semantic or is_small and (select count(*) from lexical) < depth) then 0
                  when filter <> '{}' then 2000 else 100 end) v
     where (
             select c.generation <= r.generation and (kinds is null or c.kind = any (kinds))
                    and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.chunks c
               join cogo.repos r on r.id = c.repo_id
               join cogo.source_files f on f.id = c.file_id
              where c.id = v.chunk_id and c.repo_id = any (repo_ids))
  ),
  -- a name is found where it is defined, however common its words are
  named as (
    select c.id as chunk_id
      from jsonb_array_elements_text(coalesce(query -> 'names', '[]')) name
     cross join lateral (
       select x.id, x.kind, x.generation, x.repo_id, x.file_id from cogo.chunks x
        where x.project_id = search.project_id and lower(x.symbol) = name and x.symbol is not null limit 20) c
     where c.repo_id = any (repo_ids) and (kinds is null or c.kind = any (kinds))
       and (
             select c.generation <= r.generation and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.repos r cross join cogo.source_files f
              where r.id = c.repo_id and f.id = c.file_id)
  ),
  -- most searches have none: then the scores of all chunks are not gone through for them
  other as materialized (
    select v.chunk_id from near v union select d.chunk_id from named d except select l.chunk_id from lexical l
  ),
  candidate as (
    select l.chunk_id, l.score as lexical from lexical l
    union all
    select o.chunk_id, x.score from other o left join bm25 x on x.chunk_id = o.chunk_id
  ),
  -- materialized, or each vector would be compared three times
  scored as materialized (
    select k.chunk_id, greatest(coalesce(k.lexical, 0), 0) as lexical,
           greatest(coalesce(
             v.score,
             (select 1 - (e.embedding operator(extensions.<=>) goal) from cogo.chunk_embeddings e
               where goal is not null and e.chunk_id = k.chunk_id and e.model_id = model.id), 0), 0) as vector
      from candidate k
      left join near v on v.chunk_id = k.chunk_id
  ),
  fused as (
    select s.chunk_id, s.lexical, s.vector,
           w_lexical * coalesce(s.lexical / nullif(max(s.lexical) over (), 0), 0)
           + case when goal is null then 0 else w_vector * coalesce(s.vector / nullif(max(s.vector) over (), 0), 0) end as fused
      from scored s
  ),
  ranked as (
    select * from cogo.rank_chunks(
      (select array_agg(row (f.chunk_id, f.lexical, f.vector, f.fused)::cogo.fused_chunk) from fused f where f.fused > 0),
      query, asked) r
     order by r.score desc, r.chunk_id
     limit lim
  )
  select jsonb_agg(
           cogo.chunk_json(x.c, x.f, x.r) || jsonb_build_object('score', h.score) || case when explain then jsonb_build_object('signals', h.signals) else '{}' end
           order by h.score desc, h.chunk_id)
    into items
    from ranked h
   -- offset 0: looked up by key, however many the planner takes the limit for
   cross join lateral (
     select c, f, r
       from cogo.chunks c
       join cogo.source_files f on f.id = c.file_id
       join cogo.repos r on r.id = c.repo_id
      where c.id = h.chunk_id offset 0) x;

  return jsonb_build_object('items', coalesce(items, '[]'), 'route', query ->> 'route', 'strategy', strategy, 'generation', newest,
    'lexicon', jsonb_build_object('n', n, 'avg_length', coalesce(average, 0), 'df', coalesce(df, '{}')),
    'took_ms', round(extract(epoch from clock_timestamp() - started) * 1000, 3))
    || case when wants.project_id is null then '{}' else jsonb_build_object('model', cogo.model_json(wants)) end;
exception
  when invalid_text_representation or data_exception or datatype_mismatch then
    perform cogo.fail('CG000', 'query is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.search(uuid, jsonb) from public;
grant execute on function cogo_api.search(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/315_fn_span_chunks.sql 14d49fae71fc20c7
-- cogo_api.span_chunks: the published chunks of a file that hold any of the given lines, in order: chunk_json, at most 100. repo: the
-- repository, where several have the path (else the first by name). A path nobody indexed answers []. Needs viewer.
create or replace function cogo_api.span_chunks(project_id uuid, path text, first_line int default 1, last_line int default 2147483647, repo text default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  file bigint;
begin
  perform cogo.require_role(span_chunks.project_id, 'viewer');
  select f.id into file
    from cogo.repos r
    join cogo.source_files f on f.repo_id = r.id and f.generation <= r.generation and f.path = span_chunks.path
   where r.project_id = span_chunks.project_id and (span_chunks.repo is null or r.repo = span_chunks.repo)
   order by r.repo limit 1;
  return coalesce((
    select jsonb_agg(cogo.chunk_json(c, f, r) order by c.start_line, c.ordinal)
      from (select x.* from cogo.chunks x
             where x.file_id = file and x.start_line <= span_chunks.last_line and x.end_line >= span_chunks.first_line
             order by x.start_line, x.ordinal limit 100) c
      join cogo.source_files f on f.id = c.file_id
      join cogo.repos r on r.id = c.repo_id), '[]');
end
$$;
revoke all on function cogo_api.span_chunks(uuid, text, int, int, text) from public;
grant execute on function cogo_api.span_chunks(uuid, text, int, int, text) to anon, authenticated, service_role;

-- sql/knowledge/410_fn_embed_start.sql d7dc2f4fcbabadff
-- cogo_api.embed_start: begins to embed a project under another model, beside the one its searches use; also resumes one that was
-- retired. Every published chunk gets a place in the model's queue, and a job embed.fill is made. Returns embed_status' row of it.
-- model: {name, dims, fingerprint, semantic?, max_tokens?}. The same name with another fingerprint is another model: refused.
-- Needs editor. Errors: as require_role; CG004 a field is missing or out of range; CG007 the fingerprint or dims differ from those the
-- project's vectors of that name have.
create or replace function cogo_api.embed_start(project_id uuid, model jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_variable
declare
  asked jsonb := embed_start.model;
  chosen cogo.embedding_models;
begin
  perform cogo.require_role(embed_start.project_id, 'editor');
  if coalesce(asked ->> 'name', '') !~ '^[a-z0-9][a-z0-9._-]{0,99}$' or asked ->> 'name' = 'hash-1024-v1' then
    perform cogo.fail('CG004', 'name must be 1 to 100 of a-z, 0-9, ".", "_", "-", and not hash-1024-v1', jsonb_build_object('field', 'name'));
  end if;
  if coalesce((asked ->> 'dims')::int, 0) not between 1 and 4000 then
    perform cogo.fail('CG004', 'dims must be 1 to 4000', jsonb_build_object('field', 'dims'));
  end if;
  if coalesce(length(asked ->> 'fingerprint'), 0) not between 1 and 4000 then
    perform cogo.fail('CG004', 'fingerprint must have 1 to 4000 characters', jsonb_build_object('field', 'fingerprint'));
  end if;
  perform from cogo.projects p where p.id = embed_start.project_id for key share;
  insert into cogo.embedding_models as m (project_id, name, dims, fingerprint, semantic, max_tokens, status)
  values (embed_start.project_id, asked ->> 'name', (asked ->> 'dims')::int, asked ->> 'fingerprint',
    coalesce((asked ->> 'semantic')::boolean, true), least(greatest(coalesce((asked ->> 'max_tokens')::int, 480), 16), 8192), 'building')
  on conflict on constraint embedding_models_name_key do nothing;
  chosen := cogo.own_model(embed_start.project_id, asked ->> 'name');
  if chosen.fingerprint <> asked ->> 'fingerprint' or chosen.dims <> (asked ->> 'dims')::int then
    perform cogo.fail('CG007', format('%s answers the probes otherwise than when its vectors were made', chosen.name),
      jsonb_build_object('stored', chosen.fingerprint, 'given', asked ->> 'fingerprint'),
      'Give the new model another name, or remove the old one with embed_cancel');
  end if;
  update cogo.embedding_models m set status = 'building' where m.id = chosen.id and m.status = 'retired';
  insert into cogo.embed_queue (model_id, chunk_id, project_id)
  select chosen.id, c.id, c.project_id
    from cogo.chunks c
    join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation
   where c.project_id = embed_start.project_id
     and not exists (select from cogo.chunk_embeddings e where e.chunk_id = c.id and e.model_id = chosen.id)
  on conflict do nothing;
  if exists (select from cogo.embed_queue q where q.model_id = chosen.id and q.attempts < 3) then
    perform cogo.enqueue_fill(chosen);
  end if;
  return cogo.model_status(chosen.id);
exception
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG004', 'model is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.embed_start(uuid, jsonb) from public;
grant execute on function cogo_api.embed_start(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/420_fn_embed_take.sql 1ba92b5408c54a1c
-- cogo_api.embed_take: up to qty chunks that want a vector of a model, hidden from others for lease_s. Returns {model, items:[{chunk_id,
-- text}], left, next_in_s}: left counts all that still wait, these included; next_in_s: when the next one shows, null when none will.
-- text is the chunk under its path and symbol. A chunk is given out three times at most.
-- Needs editor, or a worker of the project. Errors: as require_role; CG003 no such model; CG022 it is retired; CG004 qty or lease_s.
create or replace function cogo_api.embed_take(project_id uuid, model text, qty int default 64, lease_s int default 120)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  chosen cogo.embedding_models;
  taken  bigint[];
  moment timestamptz := clock_timestamp();
begin
  perform cogo.require_role(embed_take.project_id, 'editor', true);
  if coalesce(qty, 0) not between 1 and 1000 or coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'qty must be 1 to 1000 and lease_s 5 to 3600');
  end if;
  select m.* into chosen from cogo.embedding_models m where m.project_id = embed_take.project_id and m.name = embed_take.model;
  if not found then
    chosen := cogo.own_model(embed_take.project_id, embed_take.model);
  elsif chosen.status = 'retired' then
    perform cogo.fail('CG022', 'the embedding model is retired', jsonb_build_object('model', chosen.name), 'embed_start resumes it');
  end if;
  with next as (
    select q.chunk_id from cogo.embed_queue q
     where q.model_id = chosen.id and q.attempts < 3 and q.visible_at <= moment
     order by q.chunk_id limit qty
       for update skip locked
  ),
  hidden as (
    update cogo.embed_queue q set visible_at = moment + make_interval(secs => lease_s), attempts = q.attempts + 1
      from next n where q.model_id = chosen.id and q.chunk_id = n.chunk_id
    returning q.chunk_id
  )
  select coalesce(array_agg(h.chunk_id order by h.chunk_id), '{}') into taken from hidden h;
  return jsonb_build_object(
    'model', cogo.model_json(chosen),
    'items', coalesce((
      select jsonb_agg(jsonb_build_object('chunk_id', c.id,
               'text', f.path || coalesce(' > ' || coalesce(c.symbol, c.heading), '') || E'\n' || c.text) order by c.id)
        from cogo.chunks c join cogo.source_files f on f.id = c.file_id where c.id = any (taken)), '[]'))
    || (select jsonb_build_object(
          'left', count(*) filter (where q.attempts < 3 or q.chunk_id = any (taken)),
          'next_in_s', (select ceil(extract(epoch from greatest(x.visible_at, moment) - moment)) from cogo.embed_queue x
                         where x.model_id = chosen.id and x.attempts < 3 and x.chunk_id <> all (taken) order by x.visible_at limit 1))
          from cogo.embed_queue q where q.model_id = chosen.id);
end
$$;
revoke all on function cogo_api.embed_take(uuid, text, int, int) from public;
grant execute on function cogo_api.embed_take(uuid, text, int, int) to anon, authenticated, service_role;

-- sql/knowledge/430_fn_embed_put.sql cdfd8c01edad23f9
-- cogo_api.embed_put: what became of chunks taken. Returns {stored, failed, released}; a chunk no longer in the queue (deleted, or done
-- by somebody else) is passed over.
-- items: [{chunk_id, embedding:'[x,y,...]'} | {chunk_id, code, message, final?} | {chunk_id, release:true}]. An error is tried again in
-- 30 s, until the third, or at once no more with final. release: it was not tried (the server was down, the run was stopped).
-- Needs editor, or a worker of the project. Errors: as require_role; CG003 no such model; CG007 the fingerprint is not the model's, so
-- nothing is stored; CG004 a vector with other dimensions than the model's; CG000 malformed.
create or replace function cogo_api.embed_put(project_id uuid, model text, fingerprint text, items jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  chosen   cogo.embedding_models;
  bad      bigint;
  stored   int;
  failed   int;
  released int;
begin
  perform cogo.require_role(embed_put.project_id, 'editor', true);
  select m.* into chosen from cogo.embedding_models m
   where m.project_id = embed_put.project_id and m.name = embed_put.model for share;
  if not found then
    chosen := cogo.own_model(embed_put.project_id, embed_put.model);
  elsif chosen.fingerprint is distinct from embed_put.fingerprint then
    perform cogo.fail('CG007', format('the vectors are not of %s: it answers the probes otherwise now', chosen.name),
      jsonb_build_object('model', chosen.name), 'Start the new model under a name of its own');
  end if;
  if jsonb_typeof(items) is distinct from 'array' then
    perform cogo.fail('CG000', 'items must be an array');
  end if;
  select (i ->> 'chunk_id')::bigint into bad from jsonb_array_elements(items) i
   where i ->> 'embedding' is not null and extensions.vector_dims((i ->> 'embedding')::extensions.halfvec) <> chosen.dims limit 1;
  if found then
    perform cogo.fail('CG004', format('a vector of %s has %s dimensions', chosen.name, chosen.dims), jsonb_build_object('chunk_id', bad));
  end if;

  with item as (
    select (i ->> 'chunk_id')::bigint as chunk_id, (i ->> 'embedding')::extensions.halfvec as embedding
      from jsonb_array_elements(items) i where i ->> 'embedding' is not null
  ),
  done as (
    delete from cogo.embed_queue q using item i where q.model_id = chosen.id and q.chunk_id = i.chunk_id returning i.chunk_id, i.embedding
  )
  insert into cogo.chunk_embeddings (chunk_id, model_id, project_id, embedding)
  select d.chunk_id, chosen.id, chosen.project_id, d.embedding from done d
  on conflict do nothing;
  get diagnostics stored = row_count;

  update cogo.embed_queue q
     set code = left(i.code, 100), message = left(i.message, 500), visible_at = clock_timestamp() + interval '30 seconds',
         attempts = case when coalesce(i.final, false) then 3 else q.attempts end
    from jsonb_to_recordset(items) as i(chunk_id bigint, code text, message text, final boolean)
   where q.model_id = chosen.id and q.chunk_id = i.chunk_id and i.code is not null;
  get diagnostics failed = row_count;
  update cogo.embed_queue q
     set visible_at = '-infinity', attempts = greatest(q.attempts - 1, 0)
    from jsonb_to_recordset(items) as i(chunk_id bigint, release boolean)
   where q.model_id = chosen.id and q.chunk_id = i.chunk_id and i.release;
  get diagnostics released = row_count;
  return jsonb_build_object('stored', stored, 'failed', failed, 'released', released);
exception
  when invalid_text_representation or numeric_value_out_of_range or data_exception then
    perform cogo.fail('CG000', 'items is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.embed_put(uuid, text, text, jsonb) from public;
grant execute on function cogo_api.embed_put(uuid, text, text, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/440_fn_embed_switch.sql ae0aef231c9aca99
-- cogo_api.embed_switch: answers the project's searches with another model from this transaction on; the one before is retired and
-- keeps its vectors. model: one of embed_status, or hash-1024-v1. Refused while chunks still wait for a vector, unless force.
-- Returns {model, before, left, failed}. Needs admin.
-- Errors: as require_role; CG003 no such model; CG022 not complete.
create or replace function cogo_api.embed_switch(project_id uuid, model text, force boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  before text;
  chosen cogo.embedding_models;
  status jsonb := '{"left":0,"failed":0}';
begin
  perform cogo.require_role(embed_switch.project_id, 'admin');
  perform from cogo.embedding_models m where m.project_id = embed_switch.project_id order by m.id for update;
  before := (cogo.current_model(embed_switch.project_id)).name;
  if embed_switch.model <> 'hash-1024-v1' then
    chosen := cogo.own_model(embed_switch.project_id, embed_switch.model);
    status := cogo.model_status(chosen.id);
    -- a retired one has gaps that nobody queued
    if chosen.status = 'retired' then
      status := status || jsonb_build_object('left', (
        select count(*) from cogo.chunks c
          join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation
         where c.project_id = embed_switch.project_id
           and not exists (select from cogo.chunk_embeddings e where e.chunk_id = c.id and e.model_id = chosen.id)
           and not exists (select from cogo.embed_queue q where q.chunk_id = c.id and q.model_id = chosen.id and q.attempts >= 3)));
    end if;
    if (status ->> 'left')::bigint > 0 and not coalesce(force, false) then
      perform cogo.fail('CG022', format('%s is not complete: %s chunks have no vector yet', chosen.name, status ->> 'left'),
        jsonb_build_object('model', chosen.name, 'left', (status ->> 'left')::bigint), 'Let it finish (embed_start, embed.fill), or force');
    end if;
  end if;
  update cogo.embedding_models m set status = 'retired'
   where m.project_id = embed_switch.project_id and m.status = 'active' and m.name <> embed_switch.model;
  update cogo.embedding_models m set status = 'active', switched_at = clock_timestamp() where m.id = chosen.id and m.status <> 'active';
  return jsonb_build_object('model', embed_switch.model, 'before', before, 'left', status -> 'left', 'failed', status -> 'failed');
end
$$;
revoke all on function cogo_api.embed_switch(uuid, text, boolean) from public;
grant execute on function cogo_api.embed_switch(uuid, text, boolean) to anon, authenticated, service_role;

-- sql/knowledge/450_fn_embed_cancel.sql e859d99f423a5c21
-- cogo_api.embed_cancel: gives up a model that searches do not use, and removes its vectors, at most max_rows a call: call again while
-- left is not 0. Returns {model, removed, left}. Needs admin.
-- Errors: as require_role; CG003 no such model; CG022 searches use it: switch to another first.
create or replace function cogo_api.embed_cancel(project_id uuid, model text, max_rows int default 20000)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  chosen  cogo.embedding_models;
  removed int;
  remain  bigint;
begin
  perform cogo.require_role(embed_cancel.project_id, 'admin');
  chosen := cogo.own_model(embed_cancel.project_id, embed_cancel.model);
  if chosen.status = 'active' then
    perform cogo.fail('CG022', format('searches use %s', chosen.name), jsonb_build_object('model', chosen.name),
      'Switch to another model first; hash-1024-v1 is always there');
  end if;
  update cogo.embedding_models m set status = 'retired' where m.id = chosen.id;
  delete from cogo.embed_queue q where q.model_id = chosen.id;
  delete from cogo.chunk_embeddings e
   where e.model_id = chosen.id and e.chunk_id in (
     select x.chunk_id from cogo.chunk_embeddings x
      where x.project_id = chosen.project_id and x.model_id = chosen.id limit greatest(max_rows, 1));
  get diagnostics removed = row_count;
  select count(*) into remain from cogo.chunk_embeddings e where e.project_id = chosen.project_id and e.model_id = chosen.id;
  if remain = 0 then
    execute format('drop index if exists cogo.chunk_embeddings_hnsw_%s', chosen.id);
    delete from cogo.embedding_models m where m.id = chosen.id;
  end if;
  return jsonb_build_object('model', chosen.name, 'removed', removed, 'left', remain);
end
$$;
revoke all on function cogo_api.embed_cancel(uuid, text, int) from public;
grant execute on function cogo_api.embed_cancel(uuid, text, int) to anon, authenticated, service_role;

-- sql/knowledge/460_fn_embed_retry.sql ff59e3b9c8d20fdb
-- cogo_api.embed_retry: lets a model's failed chunks be tried again, and makes the job for it. Returns {retried}. Needs editor.
-- Errors: as require_role; CG003 no such model.
create or replace function cogo_api.embed_retry(project_id uuid, model text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  chosen  cogo.embedding_models;
  retried int;
begin
  perform cogo.require_role(embed_retry.project_id, 'editor');
  chosen := cogo.own_model(embed_retry.project_id, embed_retry.model);
  update cogo.embed_queue q set attempts = 0, visible_at = '-infinity', code = null, message = null
   where q.model_id = chosen.id and q.code is not null;
  get diagnostics retried = row_count;
  if retried > 0 then
    perform cogo.enqueue_fill(chosen);
  end if;
  return jsonb_build_object('retried', retried);
end
$$;
revoke all on function cogo_api.embed_retry(uuid, text) from public;
grant execute on function cogo_api.embed_retry(uuid, text) to anon, authenticated, service_role;

-- sql/knowledge/470_fn_embed_status.sql fd69f5146a17cbb2
-- cogo_api.embed_status: {current, models:[model_status], chunks}. current: the name of the model searches use; models: the project's
-- own; chunks: published ones. With a model: also errors [{chunk_id, path, start_line, end_line, code, message, attempts}], at most lim.
-- Needs viewer.
create or replace function cogo_api.embed_status(project_id uuid, model text default null, lim int default 20)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(embed_status.project_id, 'viewer');
  return jsonb_build_object(
    'current', (cogo.current_model(embed_status.project_id)).name,
    'chunks', coalesce((select s.chunks from cogo.lex_stats s where s.project_id = embed_status.project_id), 0),
    'models', coalesce((
      select jsonb_agg(cogo.model_status(m.id) order by m.id) from cogo.embedding_models m
       where m.project_id = embed_status.project_id and (embed_status.model is null or m.name = embed_status.model)), '[]'))
    || case when embed_status.model is null then '{}' else jsonb_build_object('errors', coalesce((
         select jsonb_agg(jsonb_build_object('chunk_id', e.chunk_id, 'path', f.path, 'start_line', c.start_line, 'end_line', c.end_line,
                  'code', coalesce(e.code, 'unavailable'), 'message', coalesce(e.message, 'taken, and never answered for'),
                  'attempts', e.attempts) order by e.chunk_id)
           from (select q.* from cogo.embed_queue q
                   join cogo.embedding_models m on m.id = q.model_id and m.name = embed_status.model and m.project_id = embed_status.project_id
                  where q.code is not null or q.attempts >= 3
                  order by q.chunk_id limit least(greatest(lim, 0), 1000)) e
           join cogo.chunks c on c.id = e.chunk_id
           join cogo.source_files f on f.id = c.file_id), '[]')) end;
end
$$;
revoke all on function cogo_api.embed_status(uuid, text, int) from public;
grant execute on function cogo_api.embed_status(uuid, text, int) to anon, authenticated, service_role;

-- sql/knowledge/600_fn_call_weight.sql c11d520d466d8f13
-- cogo.call_weight: what calls seen at run time weigh now: ln(1 + count), halved every 30 days since they were seen.
create or replace function cogo.call_weight(count double precision, observed_at timestamptz)
returns double precision
language sql
stable
set search_path = ''
as $$
  select ln(1 + count) * power(0.5, greatest(extract(epoch from now() - observed_at), 0) / 2592000.0)
$$;

-- sql/knowledge/610_fn_node_json.sql 348c095c80c9b5fc
-- cogo.node_json: a symbol or file as the graph functions show it. commit_sha and generation are the published ones.
create or replace function cogo.node_json(n cogo.ast_nodes, r cogo.repos)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'id', n.id, 'key', n.key, 'kind', n.kind, 'name', n.name, 'path', split_part(n.key, '#', 1), 'repo', r.repo,
    'signature', n.signature, 'doc', n.doc, 'exported', n.exported, 'start_line', n.start_line, 'end_line', n.end_line,
    'commit_sha', r.commit_sha, 'generation', r.generation)
$$;

-- sql/knowledge/620_fn_find_nodes.sql 589a438e0a7cb777
-- cogo.find_nodes: the published symbols a caller means, best first. symbol: a key (path#Outer.name), or a qualified or plain name,
-- whatever its letter case. path: the file it stands in, or the end of its path. Without a symbol, the file itself. node_id beats both.
create or replace function cogo.find_nodes(project_id uuid, symbol text, path text, repo text, node_id bigint, lim int)
returns setof cogo.ast_nodes
language plpgsql
stable
set search_path = ''
as $$
declare
  last_part text := lower(substring(symbol from '[^.#]+$'));
  -- what must stand at the end of the key's name
  whole     text := lower(substring(symbol from '[^#]+$'));
begin
  if node_id is not null then
    return query
      select n.* from cogo.ast_nodes n join cogo.repos r on r.id = n.repo_id and n.generation <= r.generation
       where n.id = find_nodes.node_id and n.project_id = find_nodes.project_id;
  elsif symbol is null or strpos(symbol, '#') > 0 then
    return query
      select n.* from cogo.repos r
        join cogo.ast_nodes n on n.repo_id = r.id and n.generation <= r.generation
       where r.project_id = find_nodes.project_id and (find_nodes.repo is null or r.repo = find_nodes.repo)
         and n.key = coalesce(find_nodes.symbol, find_nodes.path)
       order by r.repo
       limit lim;
  else
    return query
      select n.* from cogo.ast_nodes n
        join cogo.repos r on r.id = n.repo_id and n.generation <= r.generation
       where n.project_id = find_nodes.project_id and lower(n.name) = last_part
         and (find_nodes.repo is null or r.repo = find_nodes.repo)
         and right('.' || lower(regexp_replace(substring(n.key from '#(.*)$'), '~\d+$', '')), length(whole) + 1) = '.' || whole
         and (find_nodes.path is null or split_part(n.key, '#', 1) = find_nodes.path
              or right(split_part(n.key, '#', 1), length(find_nodes.path) + 1) = '/' || find_nodes.path)
       order by (strpos(n.key, symbol) > 0) desc, n.exported desc, (n.kind in ('function', 'class', 'interface', 'type', 'method')) desc,
                length(n.key), n.key
       limit lim;
  end if;
end
$$;

-- sql/knowledge/630_fn_near_edges.sql 64db091d5b278d29
-- cogo.near_edges: the published relationships that start (direction 'out') or end ('in') at any of the given keys of one repository,
-- static and seen at run time merged: a call of both has the static row's place and the weight of what was seen; one that was only
-- seen has provenance 'runtime' and confidence 1. Strongest first: seen, then confident.
create or replace function cogo.near_edges(repo_id bigint, keys text[], direction text, kinds text[], min_confidence real, lim int)
returns table (from_key text, to_key text, kind text, via text, provenance text, confidence real, sites int, line int,
               weight double precision, observed_at timestamptz)
language sql
stable
set search_path = ''
as $$
  with static as (
    select e.from_key, e.to_key, e.kind, e.via, e.provenance, e.confidence, e.sites, e.line
      from cogo.repos r
      join cogo.code_relationships e on e.repo_id = r.id and e.generation <= r.generation
     where r.id = near_edges.repo_id
       and case direction when 'out' then e.from_key = any (keys) else e.to_key = any (keys) end
       and e.kind = any (kinds) and e.confidence >= min_confidence
  ),
  seen as (
    select c.from_key, c.to_key, c.count, c.observed_at
      from cogo.runtime_calls c
     where 'calls' = any (kinds) and c.repo_id = near_edges.repo_id
       and case direction when 'out' then c.from_key = any (keys) else c.to_key = any (keys) end
  )
  select a.*
    from (
      select s.from_key, s.to_key, s.kind, s.via, s.provenance, s.confidence, s.sites, s.line,
             cogo.call_weight(o.count, o.observed_at) as weight, o.observed_at
        from static s
        left join seen o on s.kind = 'calls' and o.from_key = s.from_key and o.to_key = s.to_key
      union all
      select o.from_key, o.to_key, 'calls', null, 'runtime', 1, 1, null, cogo.call_weight(o.count, o.observed_at), o.observed_at
        from seen o
       where not exists (select from static s where s.kind = 'calls' and s.from_key = o.from_key and s.to_key = o.to_key)
    ) a
   order by a.weight desc nulls last, a.confidence desc, a.from_key, a.to_key, a.kind
   limit lim
$$;

-- sql/knowledge/640_fn_walk_graph.sql 181960542bb9cadb
-- cogo.walk_graph: breadth first from some symbols of one repository. Returns {nodes, edges, truncated}; each node carries its depth
-- (0: where the walk began). At most lim nodes beside the first ones, depth at most 10.
create or replace function cogo.walk_graph(repo_id bigint, start text[], direction text, kinds text[], depth int, lim int, min_confidence real)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  repo     cogo.repos;
  seen     text[] := start;
  depths   int[] := array_fill(0, array[cardinality(start)]);
  frontier text[] := start;
  level    jsonb := '[]';
  met      jsonb := '[]';
  fresh    text[];
  truncated boolean := false;
  steps    int := least(greatest(coalesce(depth, 1), 1), 10);
  room     int := least(greatest(coalesce(lim, 50), 1), 500);
begin
  select r.* into repo from cogo.repos r where r.id = walk_graph.repo_id;
  for step in 1 .. steps loop
    exit when cardinality(frontier) = 0;
    select coalesce(jsonb_agg(to_jsonb(e) order by e.weight desc nulls last, e.confidence desc, e.from_key, e.to_key, e.kind), '[]')
      into level
      from (
        select e.* from cogo.near_edges(repo.id, frontier, 'out', kinds, min_confidence, 2000) e where direction in ('out', 'both')
        union
        select e.* from cogo.near_edges(repo.id, frontier, 'in', kinds, min_confidence, 2000) e where direction in ('in', 'both')
      ) e;
    select coalesce(array_agg(k.key order by k.best), '{}') into fresh
      from (
        select ends.key, min(e.ordinality) as best
          from jsonb_array_elements(level) with ordinality e
         cross join lateral (values (e.value ->> 'from_key'), (e.value ->> 'to_key')) as ends(key)
         where ends.key <> all (seen)
           and exists (select from cogo.ast_nodes n where n.repo_id = repo.id and n.key = ends.key and n.generation <= repo.generation)
         group by ends.key) k;
    if cardinality(seen) - cardinality(start) + cardinality(fresh) > room then
      fresh := fresh[1 : greatest(room - (cardinality(seen) - cardinality(start)), 0)];
      truncated := true;
    end if;
    seen := seen || fresh;
    depths := depths || array_fill(step, array[cardinality(fresh)]);
    met := met || level;
    frontier := fresh;
  end loop;
  if cardinality(frontier) > 0 and not truncated then
    -- there is more one step further
    truncated := exists (
      select from cogo.near_edges(repo.id, frontier, case direction when 'both' then 'out' else direction end, kinds, min_confidence, 500) e
       where (case direction when 'in' then e.from_key else e.to_key end) <> all (seen)
         and exists (select from cogo.ast_nodes n
                      where n.repo_id = repo.id and n.generation <= repo.generation
                        and n.key = case direction when 'in' then e.from_key else e.to_key end));
  end if;
  return (
    with node as materialized (
      -- a run in progress has a second row for a key; the published one is older
      select distinct on (s.key) s.key, s.depth, s.place, n.id, cogo.node_json(n, repo) as body
        from unnest(seen, depths) with ordinality as s(key, depth, place)
        join cogo.ast_nodes n on n.repo_id = repo.id and n.key = s.key and n.generation <= repo.generation
       order by s.key, n.generation desc
    )
    select jsonb_build_object(
      'nodes', coalesce((select jsonb_agg(n.body || jsonb_build_object('depth', n.depth) order by n.place) from node n), '[]'),
      'edges', coalesce((
        select jsonb_agg(distinct jsonb_build_object(
                 'from', a.id, 'to', b.id, 'kind', e.kind, 'via', e.via, 'provenance', e.provenance, 'confidence', e.confidence,
                 'sites', e.sites, 'line', e.line, 'weight', e.weight, 'observed_at', e.observed_at))
          from jsonb_to_recordset(met) as e(from_key text, to_key text, kind text, via text, provenance text, confidence real,
                 sites int, line int, weight double precision, observed_at timestamptz)
          join node a on a.key = e.from_key
          join node b on b.key = e.to_key), '[]'),
      'truncated', truncated));
end
$$;

-- sql/knowledge/650_fn_graph_walk.sql d9f4352368b0f955
-- cogo_api.graph_walk: what is around a symbol or file. {targets, nodes, edges, truncated}: targets are the nodes meant (several when
-- the name is not unique, at most 5), nodes all met (each with its depth), edges {from, to, kind, via, provenance, confidence, sites,
-- line, weight, observed_at} by node id. direction: in | out | both. kinds: relationship kinds, all when null. with_members: also start
-- from what a target contains (the methods of a class, the symbols of a file). No such symbol: targets is []. Needs viewer. Errors: CG000
-- nothing named.
create or replace function cogo_api.graph_walk(project_id uuid, symbol text default null, path text default null, repo text default null,
  node_id bigint default null, direction text default 'both', kinds text[] default null, depth int default 1, lim int default 50,
  min_confidence real default 0, with_members boolean default false)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  targets cogo.ast_nodes[];
  answer  jsonb := '{"nodes": [], "edges": [], "truncated": false}';
  part    jsonb;
  one     record;
begin
  perform cogo.require_role(graph_walk.project_id, 'viewer');
  if symbol is null and path is null and node_id is null then
    perform cogo.fail('CG000', 'name a symbol, a path or a node id');
  end if;
  if direction not in ('in', 'out', 'both') then
    perform cogo.fail('CG000', 'direction is in, out or both', jsonb_build_object('direction', direction));
  end if;
  targets := array(select n from cogo.find_nodes(graph_walk.project_id, symbol, path, repo, node_id, 5) n);
  for one in
    select t.repo_id, array_agg(distinct k.key) as keys
      from unnest(targets) t
     cross join lateral (
       select t.key
       union
       select c.to_key from cogo.code_relationships c
        where with_members and c.repo_id = t.repo_id and c.kind = 'contains' and c.from_key = t.key
       union
       select d.to_key from cogo.code_relationships c
         join cogo.code_relationships d on d.repo_id = c.repo_id and d.kind = 'contains' and d.from_key = c.to_key
        where with_members and c.repo_id = t.repo_id and c.kind = 'contains' and c.from_key = t.key
     ) k
     group by t.repo_id
  loop
    part := cogo.walk_graph(one.repo_id, one.keys, direction,
      coalesce(kinds, array['contains', 'imports', 'extends', 'implements', 'calls', 'references', 'uses_type', 'links']),
      depth, lim, min_confidence);
    answer := jsonb_build_object(
      'nodes', (answer -> 'nodes') || (part -> 'nodes'),
      'edges', (answer -> 'edges') || (part -> 'edges'),
      'truncated', (answer -> 'truncated')::boolean or (part -> 'truncated')::boolean);
  end loop;
  return jsonb_build_object('targets', coalesce((
    select jsonb_agg(cogo.node_json(n, r) order by n.key)
      from cogo.ast_nodes n join cogo.repos r on r.id = n.repo_id where n.id in (select t.id from unnest(targets) t)), '[]')) || answer;
end
$$;
revoke all on function cogo_api.graph_walk(uuid, text, text, text, bigint, text, text[], int, int, real, boolean) from public;
grant execute on function cogo_api.graph_walk(uuid, text, text, text, bigint, text, text[], int, int, real, boolean)
  to anon, authenticated, service_role;

-- sql/knowledge/660_fn_graph_symbol.sql 55152a9b16f476e8
-- cogo_api.graph_symbol: symbols by name, best first: [{id, key, kind, name, path, repo, signature, doc, exported, start_line, end_line,
-- commit_sha, generation, callers, callees, entry_distance}]. symbol: a plain or qualified name, or a key (path#Name); a name nobody has
-- matches by its beginning. Nothing found is []. Needs viewer.
create or replace function cogo_api.graph_symbol(project_id uuid, symbol text, path text default null, repo text default null, lim int default 20)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  room int := least(greatest(coalesce(lim, 20), 1), 200);
  ids  bigint[];
begin
  perform cogo.require_role(graph_symbol.project_id, 'viewer');
  ids := array(select n.id from cogo.find_nodes(graph_symbol.project_id, symbol, path, repo, null, room) n);
  if cardinality(ids) = 0 and length(symbol) >= 2 then
    ids := array(
      select n.id
        from cogo.ast_nodes n
        join cogo.repos r on r.id = n.repo_id and n.generation <= r.generation
       where n.project_id = graph_symbol.project_id and (graph_symbol.repo is null or r.repo = graph_symbol.repo)
         and starts_with(lower(n.name), lower(symbol)) and strpos(n.key, '#') > 0
         and (graph_symbol.path is null or starts_with(n.key, graph_symbol.path || '#'))
       order by n.exported desc, length(n.name), n.key
       limit room);
  end if;
  return coalesce((
    select jsonb_agg(cogo.node_json(n, r) || jsonb_build_object(
             'callers', (select count(distinct e.from_key) from cogo.near_edges(r.id, array[n.key], 'in', array['calls'], 0, 1000) e),
             'callees', (select count(distinct e.to_key) from cogo.near_edges(r.id, array[n.key], 'out', array['calls'], 0, 1000) e),
             'entry_distance', (select d.distance from cogo.entry_distances d where d.repo_id = r.id and d.path = split_part(n.key, '#', 1)))
           order by array_position(ids, n.id))
      from cogo.ast_nodes n join cogo.repos r on r.id = n.repo_id
     where n.id = any (ids)), '[]');
end
$$;
revoke all on function cogo_api.graph_symbol(uuid, text, text, text, int) from public;
grant execute on function cogo_api.graph_symbol(uuid, text, text, text, int) to anon, authenticated, service_role;

-- sql/knowledge/670_fn_graph_callers.sql 5b1677a980fb748e
-- cogo_api.graph_callers: who calls a symbol, up to depth calls away; as graph_walk. Of a class or a file: who calls what is in it.
-- Calls that were seen at run time come first. Needs viewer. Errors as graph_walk.
create or replace function cogo_api.graph_callers(project_id uuid, symbol text default null, path text default null, repo text default null,
  depth int default 1, lim int default 50, min_confidence real default 0)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select cogo_api.graph_walk(graph_callers.project_id, symbol, path, repo, null, 'in', array['calls'], depth, lim, min_confidence, true)
$$;
revoke all on function cogo_api.graph_callers(uuid, text, text, text, int, int, real) from public;
grant execute on function cogo_api.graph_callers(uuid, text, text, text, int, int, real) to anon, authenticated, service_role;

-- sql/knowledge/680_fn_graph_callees.sql 795c713b2088e67e
-- cogo_api.graph_callees: what a symbol calls, up to depth calls away; as graph_walk. Needs viewer. Errors as graph_walk.
create or replace function cogo_api.graph_callees(project_id uuid, symbol text default null, path text default null, repo text default null,
  depth int default 1, lim int default 50, min_confidence real default 0)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select cogo_api.graph_walk(graph_callees.project_id, symbol, path, repo, null, 'out', array['calls'], depth, lim, min_confidence, true)
$$;
revoke all on function cogo_api.graph_callees(uuid, text, text, text, int, int, real) from public;
grant execute on function cogo_api.graph_callees(uuid, text, text, text, int, int, real) to anon, authenticated, service_role;

-- sql/knowledge/690_fn_graph_impact.sql 0198ee0a1a276df2
-- cogo_api.graph_impact: what may change with a symbol or file: everything that calls it, extends or implements it, uses its type, refers
-- to it or imports its file, transitively; as graph_walk. Needs viewer. Errors as graph_walk.
create or replace function cogo_api.graph_impact(project_id uuid, symbol text default null, path text default null, repo text default null,
  depth int default 3, lim int default 100, min_confidence real default 0)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select cogo_api.graph_walk(graph_impact.project_id, symbol, path, repo, null, 'in',
    array['calls', 'extends', 'implements', 'uses_type', 'references', 'imports'], depth, lim, min_confidence, true)
$$;
revoke all on function cogo_api.graph_impact(uuid, text, text, text, int, int, real) from public;
grant execute on function cogo_api.graph_impact(uuid, text, text, text, int, int, real) to anon, authenticated, service_role;

-- sql/knowledge/700_fn_graph_path.sql a98bf12b664c4b3f
-- cogo_api.graph_path: a shortest way from one symbol or file to another, following relationships from their start to their end:
-- {found, nodes, edges}, nodes and edges in the order of the way; found false when there is none or an end is unknown. kinds: all but 'contains' when null. depth: at most 12
-- steps. Needs viewer.
create or replace function cogo_api.graph_path(project_id uuid, from_symbol text default null, from_path text default null,
  to_symbol text default null, to_path text default null, repo text default null, kinds text[] default null, depth int default 8,
  min_confidence real default 0, from_id bigint default null, to_id bigint default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  starts   cogo.ast_nodes[];
  goals    cogo.ast_nodes[];
  goal     text[];
  allowed  text[] := coalesce(kinds, array['imports', 'extends', 'implements', 'calls', 'references', 'uses_type', 'links']);
  home     cogo.repos;
  frontier text[];
  seen     text[];
  -- one step back: parent[i] and its edge lead to seen[i]
  parent   text[];
  edges    jsonb[];
  step     record;
  reached  text;
  way      jsonb := '[]';
  stops    text[];
  place    int;
begin
  perform cogo.require_role(graph_path.project_id, 'viewer');
  starts := array(select n from cogo.find_nodes(graph_path.project_id, from_symbol, from_path, repo, from_id, 5) n);
  goals := array(select n from cogo.find_nodes(graph_path.project_id, to_symbol, to_path, repo, to_id, 5) n);
  for home in select distinct r.* from unnest(starts) t join cogo.repos r on r.id = t.repo_id loop
    seen := array(select t.key from unnest(starts) t where t.repo_id = home.id);
    goal := array(select t.key from unnest(goals) t where t.repo_id = home.id);
    parent := array_fill(null::text, array[cardinality(seen)]);
    edges := array_fill(null::jsonb, array[cardinality(seen)]);
    frontier := seen;
    select k into reached from unnest(seen) k where k = any (goal) limit 1;
    for hop in 1 .. least(greatest(coalesce(depth, 8), 1), 12) loop
      exit when reached is not null or cardinality(frontier) = 0 or cardinality(seen) > 20000;
      place := cardinality(seen);
      for step in
        select distinct on (e.to_key) e.* from cogo.near_edges(home.id, frontier, 'out', allowed, min_confidence, 20000) e
         where e.to_key <> all (seen)
         order by e.to_key, e.weight desc nulls last, e.confidence desc, e.from_key
      loop
        seen := seen || step.to_key;
        parent := parent || step.from_key;
        edges := edges || to_jsonb(step);
        if step.to_key = any (goal) then
          reached := step.to_key;
          exit;
        end if;
      end loop;
      frontier := seen[place + 1 :];
    end loop;
    if reached is not null then
      stops := array[reached];
      place := array_position(seen, reached);
      while parent[place] is not null loop
        way := jsonb_build_array(edges[place]) || way;
        stops := parent[place] || stops;
        place := array_position(seen, parent[place]);
      end loop;
      return (
        with node as materialized (
          select distinct on (s.place) s.key, s.place, n.id, cogo.node_json(n, home) as body
            from unnest(stops) with ordinality as s(key, place)
            join cogo.ast_nodes n on n.repo_id = home.id and n.key = s.key and n.generation <= home.generation
           order by s.place, n.generation desc)
        select jsonb_build_object('found', true,
          'nodes', (select jsonb_agg(n.body order by n.place) from node n),
          'edges', coalesce((
            select jsonb_agg(jsonb_build_object('from', a.id, 'to', b.id, 'kind', e.value ->> 'kind', 'via', e.value ->> 'via',
                     'provenance', e.value ->> 'provenance', 'confidence', e.value -> 'confidence', 'line', e.value -> 'line',
                     'weight', e.value -> 'weight', 'observed_at', e.value ->> 'observed_at') order by e.ordinality)
              from jsonb_array_elements(way) with ordinality e
              join node a on a.key = e.value ->> 'from_key'
              join node b on b.key = e.value ->> 'to_key'), '[]')));
    end if;
  end loop;
  return jsonb_build_object('found', false, 'nodes', '[]'::jsonb, 'edges', '[]'::jsonb);
end
$$;
revoke all on function cogo_api.graph_path(uuid, text, text, text, text, text, text[], int, real, bigint, bigint) from public;
grant execute on function cogo_api.graph_path(uuid, text, text, text, text, text, text[], int, real, bigint, bigint)
  to anon, authenticated, service_role;

-- sql/knowledge/710_fn_trace_put.sql 2078334c6d020afc
-- cogo_api.trace_put: adds calls that were seen at run time to a repository. calls: [{from, to, count}] by key; counts seen before are
-- halved for every 30 days since, then added to. A key the index does not know is taken as it is: it may be indexed later. Needs editor
-- (or a worker of the project). Returns {calls, new}. Errors: CG003 no such repository, CG000 malformed.
create or replace function cogo_api.trace_put(project_id uuid, repo text, calls jsonb, observed_at timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  home cogo.repos;
  at   timestamptz := least(coalesce(trace_put.observed_at, clock_timestamp()), clock_timestamp());
  n    int;
  made int;
begin
  perform cogo.require_role(trace_put.project_id, 'editor', true);
  select r.* into home from cogo.repos r where r.project_id = trace_put.project_id and r.repo = trace_put.repo;
  if not found then
    perform cogo.fail('CG003', 'no such repository in the project', jsonb_build_object('repo', trace_put.repo), 'Index it first');
  end if;
  if jsonb_typeof(calls) is distinct from 'array' then
    perform cogo.fail('CG000', 'calls must be an array');
  end if;
  with given as (
    select c."from" as from_key, c."to" as to_key, sum(c.count) as count
      from jsonb_to_recordset(calls) as c("from" text, "to" text, count double precision)
     group by 1, 2
  ),
  put as (
    insert into cogo.runtime_calls as c (repo_id, project_id, from_key, to_key, count, observed_at)
    select home.id, home.project_id, g.from_key, g.to_key, g.count, at from given g
    on conflict on constraint runtime_calls_pkey do update
      set count = case when c.observed_at <= excluded.observed_at
            then excluded.count + c.count * power(0.5, extract(epoch from excluded.observed_at - c.observed_at) / 2592000.0)
            else c.count + excluded.count * power(0.5, extract(epoch from c.observed_at - excluded.observed_at) / 2592000.0) end,
          observed_at = greatest(c.observed_at, excluded.observed_at)
    returning (c.xmax = 0) as fresh
  )
  select count(*), count(*) filter (where fresh) into n, made from put;
  return jsonb_build_object('calls', n, 'new', made);
exception
  when not_null_violation or check_violation or invalid_text_representation or data_exception then
    perform cogo.fail('CG000', 'calls is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.trace_put(uuid, text, jsonb, timestamptz) from public;
grant execute on function cogo_api.trace_put(uuid, text, jsonb, timestamptz) to anon, authenticated, service_role;

-- sql/knowledge/715_fn_mirror_status.sql bef6467e82c0de0f
-- cogo_api.mirror_status: {enabled, backlog, oldest_at, told, told_at, started_at}: how far the mirror of a project is behind. backlog:
-- changed files not told yet, the oldest since oldest_at. Needs viewer.
create or replace function cogo_api.mirror_status(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_status.project_id, 'viewer');
  return (
    select jsonb_build_object('enabled', m.project_id is not null, 'backlog', o.n, 'oldest_at', o.oldest, 'told', coalesce(m.told, 0),
             'told_at', m.told_at, 'started_at', m.started_at)
      from (select count(*) as n, min(x.made_at) as oldest from cogo.graph_outbox x where x.project_id = mirror_status.project_id) o
      left join cogo.graph_mirrors m on m.project_id = mirror_status.project_id);
end
$$;
revoke all on function cogo_api.mirror_status(uuid) from public;
grant execute on function cogo_api.mirror_status(uuid) to anon, authenticated, service_role;

-- sql/knowledge/720_fn_mirror_start.sql 48edc0b39ba1760c
-- cogo_api.mirror_start: gives a project a mirror: from now on every published file goes to the outbox, and all that is published already
-- goes there at once; started again, the mirror is told everything anew. Returns mirror_status. Needs admin.
create or replace function cogo_api.mirror_start(project_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_start.project_id, 'admin');
  insert into cogo.graph_mirrors (project_id) values (mirror_start.project_id) on conflict do nothing;
  perform from cogo.graph_mirrors m where m.project_id = mirror_start.project_id for update;
  delete from cogo.graph_outbox o where o.project_id = mirror_start.project_id;
  insert into cogo.graph_outbox (project_id, repo_id, path)
  select r.project_id, r.id, f.path
    from cogo.repos r join cogo.source_files f on f.repo_id = r.id and f.generation <= r.generation
   where r.project_id = mirror_start.project_id
   order by r.id, f.path;
  return cogo_api.mirror_status(mirror_start.project_id);
end
$$;
revoke all on function cogo_api.mirror_start(uuid) from public;
grant execute on function cogo_api.mirror_start(uuid) to anon, authenticated, service_role;

-- sql/knowledge/725_fn_mirror_stop.sql bfc8af5acd7f152f
-- cogo_api.mirror_stop: takes a project's mirror away: nothing goes to the outbox any more, and what lay there is gone. The graph database
-- is the caller's to clear. Returns mirror_status. Needs admin.
create or replace function cogo_api.mirror_stop(project_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_stop.project_id, 'admin');
  delete from cogo.graph_mirrors m where m.project_id = mirror_stop.project_id;
  return cogo_api.mirror_status(mirror_stop.project_id);
end
$$;
revoke all on function cogo_api.mirror_stop(uuid) from public;
grant execute on function cogo_api.mirror_stop(uuid) to anon, authenticated, service_role;

-- sql/knowledge/730_fn_mirror_take.sql aef83a541dec312d
-- cogo_api.mirror_take: the oldest files in the outbox with what their graph is now: {items:[{ids, repo, path, generation, commit_sha,
-- published, nodes, edges}], backlog}. ids: the notes of the outbox it answers for, to be given to mirror_done. published false: the file is gone.
-- nodes and edges by key, as index_graph takes them; nodes with their id. Takes nothing away: told twice is told the same.
-- Needs editor, or a worker of the project. Errors: as require_role; CG003 the project has no mirror.
create or replace function cogo_api.mirror_take(project_id uuid, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(mirror_take.project_id, 'editor', true);
  if not exists (select from cogo.graph_mirrors m where m.project_id = mirror_take.project_id) then
    perform cogo.fail('CG003', 'the project has no mirror', null, 'Start one with mirror_start');
  end if;
  return jsonb_build_object(
    'backlog', (select count(*) from cogo.graph_outbox o where o.project_id = mirror_take.project_id),
    'items', coalesce((
      select jsonb_agg(jsonb_build_object('ids', w.ids, 'repo', r.repo, 'path', w.path, 'generation', r.generation,
               'commit_sha', r.commit_sha, 'published', f.id is not null,
               'nodes', coalesce((
                 select jsonb_agg(jsonb_build_object('id', n.id, 'key', n.key, 'kind', n.kind, 'name', n.name, 'signature', n.signature,
                          'exported', n.exported, 'start_line', n.start_line, 'end_line', n.end_line) order by n.key)
                   from cogo.ast_nodes n where n.file_id = f.id), '[]'),
               'edges', coalesce((
                 select jsonb_agg(jsonb_build_object('from', e.from_key, 'to', e.to_key, 'kind', e.kind, 'via', e.via,
                          'provenance', e.provenance, 'confidence', e.confidence, 'sites', e.sites, 'line', e.line) order by e.id)
                   from cogo.code_relationships e where e.file_id = f.id), '[]')) order by w.first)
        from (select t.repo_id, t.path, array_agg(t.id) as ids, min(t.id) as first
                from (select o.* from cogo.graph_outbox o where o.project_id = mirror_take.project_id
                       order by o.id limit least(greatest(mirror_take.lim, 1), 500)) t
               group by t.repo_id, t.path) w
        join cogo.repos r on r.id = w.repo_id
        left join cogo.source_files f on f.repo_id = r.id and f.path = w.path and f.generation <= r.generation), '[]'));
end
$$;
revoke all on function cogo_api.mirror_take(uuid, int) from public;
grant execute on function cogo_api.mirror_take(uuid, int) to anon, authenticated, service_role;

-- sql/knowledge/735_fn_mirror_done.sql b51b3548982c26aa
-- cogo_api.mirror_done: the mirror holds what these notes of the outbox stood for. Returns {done, backlog}. By id, not up to one: a
-- transaction may publish a lower id later. Needs editor, or a worker of the project.
create or replace function cogo_api.mirror_done(project_id uuid, ids bigint[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  done int;
begin
  perform cogo.require_role(mirror_done.project_id, 'editor', true);
  delete from cogo.graph_outbox o where o.project_id = mirror_done.project_id and o.id = any (ids);
  get diagnostics done = row_count;
  update cogo.graph_mirrors m set told = m.told + done, told_at = clock_timestamp()
   where m.project_id = mirror_done.project_id and done > 0;
  return jsonb_build_object('done', done,
    'backlog', (select count(*) from cogo.graph_outbox o where o.project_id = mirror_done.project_id));
end
$$;
revoke all on function cogo_api.mirror_done(uuid, bigint[]) from public;
grant execute on function cogo_api.mirror_done(uuid, bigint[]) to anon, authenticated, service_role;

-- sql/chat/210_fn_chat_begin.sql e7513cfd2589f9e0
-- cogo_api.chat_begin: opens or continues a session and stores what the user said; returns {session_id, message_id, history, found?}.
-- history: up to 50 messages before this call, [{role, content}], oldest first. message_id: the last message stored.
-- messages: [{role, content}] as the request had them. A client may send the whole conversation each time: on a session that
-- has messages, only those after its last assistant message are stored.
-- query: what to look for, as cogo_api.search takes it: found is what that answers. One call for both, because an embedded database
-- answers one call at a time. A query that is refused stores nothing.
-- Needs viewer. Errors: as search; as require_role; CG003 another's session; CG004 no message, or one without role and content.
create or replace function cogo_api.chat_begin(
  project_id uuid, session_id uuid, trace_id text, messages jsonb, model text, role_id text default null, query jsonb default null)
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
  found   jsonb;
begin
  perform cogo.require_role(chat_begin.project_id, 'viewer');
  if jsonb_typeof(messages) is distinct from 'array' or jsonb_array_length(messages) = 0 then
    perform cogo.fail('CG004', 'at least one message is needed', jsonb_build_object('field', 'messages'));
  end if;
  if chat_begin.query is not null then
    found := cogo_api.search(chat_begin.project_id, chat_begin.query);
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

  begin
    with said as (
      insert into cogo.chat_messages as c (session_id, project_id, role, content, trace_id, role_id, model)
      select session.id, session.project_id, m.body ->> 'role', m.body ->> 'content', chat_begin.trace_id, chat_begin.role_id, chat_begin.model
        from jsonb_array_elements(messages) with ordinality as m(body, nth)
       where m.nth >= first
       order by m.nth
      returning c.id
    )
    select max(said.id) into last_id from said;
  exception
    when not_null_violation or check_violation then
      perform cogo.fail('CG004', 'a message needs role (system, user, assistant or tool) and content',
        jsonb_build_object('field', 'messages'));
  end;
  return jsonb_build_object('session_id', session.id, 'message_id', last_id, 'history', history)
    || case when found is null then '{}' else jsonb_build_object('found', found) end;
end
$$;
revoke all on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text, jsonb) from public;
grant execute on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text, jsonb) to anon, authenticated, service_role;

-- sql/jobs/010_tables.sql 42203e4ea203bbd4
-- by hand

-- sql/jobs/011_fn_sound_job.sql 6edd0ba27b8a3f20
-- cogo.sound_job: whether a row of cogo.jobs is one that its state may have: the check of the table. One function of the whole row,
-- because CHECK constraints are parsed anew by every statement that writes: ten of them were most of the cost of a single update.
create or replace function cogo.sound_job(job cogo.jobs)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(case job.state
    when 'running' then num_nulls(job.lease_token, job.lease_until, job.executor_id, job.lease_s) = 0
      and num_nonnulls(job.msg_id, job.blocked_on, job.finished_at) = 0
    when 'succeeded' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    when 'queued' then (job.pinned_executor_id is null) = (job.msg_id is not null)
      and num_nonnulls(job.lease_token, job.lease_until, job.blocked_on, job.finished_at) = 0
    when 'blocked' then (job.blocked_on in ('children', 'turn') or job.blocked_on = 'slot' and job.concurrency_key is not null)
      and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.finished_at) = 0
    when 'scheduled' then num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on, job.finished_at) = 0
    when 'cancelled' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    when 'dead' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    end and least(job.attempt, job.failures, job.lease_losses, job.releases, job.pending_children) >= 0
      and job.max_attempts between 1 and 50, false);
end
$$;

-- sql/jobs/013_checks.sql ed53fe00ec96b413
-- by hand

-- sql/jobs/015_fn_ensure_queue.sql 5bf1def3839fb7e0
-- cogo.ensure_queue: makes the pgmq queue where its table is not there. Queue tables belong to the extension in pgmq 1.5.1, so a
-- logical dump or a branch can come back without them. The index on vt goes: no statement of pgmq or ours reads by it (both walk
-- msg_id), and each message would write it.
create or replace function cogo.ensure_queue(queue text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if to_regclass(format('pgmq.%I', 'q_' || queue)) is not null then
    return false;
  end if;
  perform pgmq.create(queue);
  execute format('drop index if exists pgmq.%I', 'q_' || queue || '_vt_idx');
  return true;
end
$$;

-- sql/jobs/016_doorbells.sql 2e5211338a4d0333
-- by hand

-- sql/jobs/018_fn_create_lane_functions.sql 1b028b3574de01e0
-- cogo.create_lane_functions: makes the functions that touch the table of a lane's queue, or makes them again.
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
create or replace function cogo.create_lane_functions(lane text, queue text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  execute format($sql$
    create or replace function cogo.push_%1$s(ids uuid[])
    returns table (job_id uuid, msg_id bigint)
    language plpgsql
    rows 20
    set search_path = ''
    as $fn$
    #variable_conflict use_column
    begin
      return query
        insert into pgmq.q_%1$s as q (vt, message)
        select clock_timestamp(), jsonb_build_object('j', i.id)
          from unnest(ids) with ordinality as i(id, nth)
         order by i.nth
        returning (q.message ->> 'j')::uuid, q.msg_id;
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.pop_%1$s(qty int)
    returns uuid[]
    language plpgsql
    set search_path = ''
    as $fn$
    declare
      low      bigint;
      places   tid[];
      messages bigint[];
      wanted   uuid[];
      taken    uuid[];
      done     bigint[];
    begin
      select array_agg(p.ctid), array_agg(p.msg_id), array_agg(p.job_id) into places, messages, wanted
        from (select q.ctid, q.msg_id, (q.message ->> 'j')::uuid as job_id
                from pgmq.q_%1$s q
               where q.msg_id >= (select s.last_value from cogo.low_%1$s s)
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
      low := (select s.last_value from cogo.low_%1$s s);
      if messages[1] - 500 > low + 100 then
        perform setval('cogo.low_%1$s', messages[1] - 500);
      end if;
      return coalesce(taken, '{}');
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.drop_%1$s(msg_ids bigint[])
    returns void
    language plpgsql
    set search_path = ''
    as $fn$
    begin
      delete from pgmq.q_%1$s q
       where q.msg_id in (select x.msg_id from pgmq.q_%1$s x where x.msg_id = any (msg_ids) order by x.msg_id for update skip locked);
    end
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.head_%1$s(out oldest bigint, out newest bigint)
    language sql
    set search_path = ''
    as $fn$
      select (select q.msg_id from pgmq.q_%1$s q order by q.msg_id limit 1), s.last_value
        from pgmq.q_%1$s_msg_id_seq s
    $fn$
  $sql$, queue);

  execute format($sql$
    create or replace function cogo.lost_%1$s(lim int)
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
end
$$;

-- sql/jobs/020_fn_create_lane.sql cf0d9b6edaca17da
-- cogo.create_lane: makes a lane, its pgmq queue, its watermarks, and the functions that touch the queue's table.
create or replace function cogo.create_lane(executor text, capability text, band smallint)
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

  perform cogo.create_lane_functions(lane, queue);
  return lane;
end
$$;

-- cogo.create_dispatch: makes cogo.push, pop, drop_messages, low and turn, which call the functions of a lane by its name without
-- building SQL; offer, which adds the message of a job that is about to be made, unless its project has its share of the lane's ready
-- list (then null; as ready_room, but for the backlog); and open_lanes: the lanes of an executor kind (null: all) by band that have a message or a backlog. To be called after
-- lanes are made.
create or replace function cogo.create_dispatch()
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
  offer text;
begin
  select string_agg(format('when %L then return query select * from cogo.push_%s(ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return cogo.pop_%s(qty);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then perform cogo.drop_%s(msg_ids);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.low_%s s);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then exists (select from pgmq.q_%s q where q.msg_id >= (select s.last_value from cogo.low_%s s))',
           l.name, l.queue_name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format('when %L then return (select s.last_value from cogo.turn_%s s);', l.name, l.queue_name), e'\n    ' order by l.name),
         string_agg(format($sql$when %1$L then
      insert into pgmq.q_%2$s as q (vt, message)
      select clock_timestamp(), jsonb_build_object('j', offer.id)
       where (select count(*) from (
                select from cogo.jobs j
                 where j.lane = %1$L and j.project_id = offer.project_id and j.state = 'queued' and j.pinned_executor_id is null
                   and j.msg_id >= (select s.last_value from cogo.low_%2$s s)
                 limit offer.share) r) < offer.share
      returning q.msg_id into made;$sql$, l.name, l.queue_name), e'\n    ' order by l.name)
    into push, pop, gone, low, open, turn, offer
    from cogo.lanes l;
  execute format($sql$
    create or replace function cogo.push(lane text, ids uuid[]) returns table (job_id uuid, msg_id bigint)
    language plpgsql rows 20 set search_path = '' as $fn$ #variable_conflict use_column
    begin case lane
    %s
    end case; end $fn$ $sql$, push);
  execute format($sql$
    create or replace function cogo.offer(lane text, project_id uuid, id uuid, share int) returns bigint
    language plpgsql set search_path = '' as $fn$
    declare made bigint;
    begin case lane
    %s
    end case; return made; end $fn$ $sql$, offer);
  revoke all on function cogo.offer(text, uuid, uuid, int) from public, anon, authenticated, service_role;
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

-- sql/jobs/122_fn_executor_state.sql 96654a5ca255716c
-- cogo.executor_state: what an executor is doing. stopped: it left in good order; dead: it missed three beats; silent: it promised no
-- beats and was not seen for 60 s; draining: takes no more jobs; working, idle: by its last beat.
create or replace function cogo.executor_state(e cogo.executors)
returns text
language sql
stable
set search_path = ''
as $$
  select case
    when e.stopped_at is not null then 'stopped'
    when e.dead_at is not null then 'dead'
    when e.last_seen < clock_timestamp() - interval '60 seconds' then 'silent'
    when e.draining then 'draining'
    when e.running > 0 then 'working'
    else 'idle'
  end
$$;

-- sql/jobs/124_fn_executor_presence.sql 8338b482a340c88a
-- Trigger: an executor that came, changed what it does or says of itself, left, or was found dead says so on agents:{executor_id}:
-- presence {executor_id, kind, epoch, state, draining, running, slots, last_seen, info}. state: as executor_state. A beat that changes
-- nothing is no news.
create or replace function cogo.executor_presence()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.hint('agents:' || new.id, 'presence', jsonb_build_object('executor_id', new.id, 'kind', new.kind, 'epoch', new.epoch,
    'state', cogo.executor_state(new), 'draining', new.draining, 'running', new.running, 'slots', new.info -> 'slots',
    'last_seen', new.last_seen, 'info', new.info));
  return null;
end
$$;

create or replace trigger executor_came
  after insert on cogo.executors
  for each row execute function cogo.executor_presence();
create or replace trigger executor_changed
  after update on cogo.executors
  for each row when (
    (old.kind, old.epoch, old.instance, old.draining, old.running, old.info, old.dead_at is null, old.stopped_at is null)
      is distinct from
    (new.kind, new.epoch, new.instance, new.draining, new.running, new.info, new.dead_at is null, new.stopped_at is null))
  execute function cogo.executor_presence();

-- sql/jobs/130_fn_job_events_broadcast.sql d244fdb8ae7979d1
-- Trigger: new rows of job_events go out on jobs:{job_id}; the turns of a job's life (not its progress and logs) also become bus
-- events of its trace. The plain turns are no rows: cogo.tell says them.
-- Bounded: at most 100 broadcasts a statement. Quiet jobs (made by the dozen in one call) are not broadcast at all, and give their
-- trace one event a statement and kind, with their number. The rows are there all the same for who reads on from the last id.
create or replace function cogo.job_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  event record;
begin
  if exists (select from inserted i where not i.quiet) then
    for event in select * from inserted i where not i.quiet order by i.id limit 100 loop
      perform cogo.hint('jobs:' || event.job_id, event.kind,
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

create or replace trigger job_events_broadcast
  after insert on cogo.job_events
  referencing new table as inserted
  for each statement execute function cogo.job_events_broadcast();

-- sql/jobs/135_fn_tell.sql 2140f393fa91d5f1
-- cogo.tell: records one event of each of the jobs, with the same data and the attempt.
--
-- The plain turns of a life (enqueued, started, done) are no rows: cogo.job_turns reads them off the job itself, which says all of it.
-- They are told to who listens on jobs:{id} right now, and to the job's trace. Of quiet jobs (made by the dozen in one call) nobody is
-- told one by one: their trace gets one event a call, with their number. What else happens to a job is a row, and its trigger tells.
create or replace function cogo.tell(ids uuid[], kind text, data jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  topics text[];
  traced boolean;
begin
  if kind not in ('job.enqueued', 'job.started', 'job.done') then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
    select j.id, j.project_id, tell.kind, tell.data || jsonb_build_object('attempt', j.attempt), j.trace_id, j.quiet
      from cogo.jobs j where j.id = any (ids) order by j.id;
    return;
  end if;
  select array_agg('jobs:' || j.id) filter (where not j.quiet), bool_or(j.trace_id is not null) into topics, traced
    from cogo.jobs j where j.id = any (ids);
  -- nobody can listen on a topic before the id of the job is known
  if topics is not null and kind <> 'job.enqueued' then
    topics := cogo.heard(topics);
    if cardinality(topics) > 0 then
      perform cogo.hint('jobs:' || t.id, tell.kind,
                jsonb_build_object('id', (extract(epoch from t.at) * 1000000)::bigint, 'job_id', t.id, 'kind', tell.kind,
                  'data', tell.data || jsonb_build_object('attempt', t.attempt), 'ts', t.at))
         from (select j.id, j.attempt, case tell.kind when 'job.done' then j.finished_at else j.leased_at end as at
                 from cogo.jobs j where j.id = any (ids) and not j.quiet and 'jobs:' || j.id = any (topics) order by j.id limit 100) t;
    end if;
  end if;
  if traced then
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select j.trace_id, tell.kind, 'jobs', j.project_id, tell.data || jsonb_build_object('attempt', j.attempt, 'job_id', j.id, 'type', j.type)
      from cogo.jobs j where j.id = any (ids) and not j.quiet and j.trace_id is not null order by j.id;
    insert into cogo.bus_events (trace_id, event_type, source, project_id, payload)
    select j.trace_id, tell.kind, 'jobs', j.project_id, jsonb_build_object('jobs', count(*))
      from cogo.jobs j where j.id = any (ids) and j.quiet and j.trace_id is not null
     group by j.trace_id, j.project_id;
  end if;
end
$$;

-- sql/jobs/140_fn_ring.sql a96e90f21b105540
-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20; one where jobs is 0. One message each on agents:{executor_id}, to those that listen; a hint, everyone polls as well.
-- Edge consumers have no ear on Realtime: where the lane's kind has a doorbell, it is rung.
create or replace function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
returns void
language plpgsql
set search_path = ''
as $$
declare
  worker text := split_part(lane, '/', 1);
  bells  text[];
begin
  select array_agg('agents:' || e.id order by e.last_seen desc) into bells
    from cogo.executors e
   where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
     and e.kind = worker
     and (e.project_id is null or e.project_id = ring.project_id)
     and not e.draining and e.dead_at is null
     and e.last_seen > clock_timestamp() - interval '60 seconds';
  if bells is not null then
    bells := cogo.heard(bells);
    for i in 1..least(cardinality(bells), case when jobs = 0 then 1 else least(20, jobs + 4) end) loop
      perform cogo.hint(bells[i], 'wake', jsonb_build_object('lane', ring.lane));
    end loop;
  end if;
  if pinned_executor_id is null and exists (select from cogo.doorbells d where d.executor = worker and d.url is not null) then
    perform cogo.ring_doorbell(worker);
  end if;
end
$$;

-- sql/jobs/141_fn_free_seat.sql da491ee8a5c8a23e
-- cogo.free_seat: the id of the first edge consumer of an executor kind, of so many, that is not at work; null when all are.
create or replace function cogo.free_seat(executor text, seats int)
returns text
language sql
stable
set search_path = ''
as $$
  select s.id
    from generate_series(1, free_seat.seats) n
   cross join lateral (select free_seat.executor || '.edge.' || n as id) s
    left join cogo.executors e on e.id = s.id
   where e.id is null or e.draining or e.dead_at is not null
      or e.last_seen < clock_timestamp() - make_interval(secs => 3 * coalesce(e.beat_s, 10))
   order by n
   limit 1
$$;

-- sql/jobs/142_fn_needs_ring.sql 2180abf1d64da867
-- cogo.needs_ring: whether jobs of an executor kind wait that an edge consumer could do, and no live executor of a server or a
-- developer has a slot free for them. Cheap when nothing waits: the lanes' own look, one statement.
create or replace function cogo.needs_ring(executor text, types text[])
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  lanes    text[] := array(select o.name from cogo.open_lanes(needs_ring.executor) o);
  exact    text[];
  prefixes text[];
  idle     cogo.executors[];
begin
  if cardinality(lanes) = 0 then
    return false;
  end if;
  idle := array(
    select e from cogo.executors e
     where e.kind = needs_ring.executor and not e.draining and e.dead_at is null and e.id not like '%.edge.%'
       and e.last_seen > clock_timestamp() - make_interval(secs => 3 * coalesce(e.beat_s, 10))
       and (select count(*) from cogo.jobs j where j.state = 'running' and j.executor_id = e.id)
           < coalesce((e.info ->> 'slots')::numeric, 1));
  if types is not null then
    exact := array(select t from unnest(types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(types) t where t like '%.*');
  end if;
  return exists (
    select from cogo.jobs j
     where j.lane = any (lanes)
       and (j.state = 'queued' and j.pinned_executor_id is null or j.state = 'blocked' and j.blocked_on = 'turn')
       and (types is null or j.type = any (exact) or j.type like any (prefixes))
       and not exists (
         select from unnest(idle) e
          where (e.project_id is null or e.project_id = j.project_id)
            and (coalesce(jsonb_typeof(e.info -> 'types'), 'null') <> 'array' or exists (
              select from jsonb_array_elements_text(e.info -> 'types') t
               where t = j.type or t like '%.*' and starts_with(j.type, left(t, -1))))));
end
$$;

-- sql/jobs/144_fn_ring_doorbell.sql 5fec3309dee26a1f
-- cogo.ring_doorbell: wakes one edge consumer of an executor kind over pg_net, where jobs wait for it (needs_ring) and a seat is free;
-- returns whether it rang. At most one ring in 100 ms; while one is unanswered, in five seconds. Called by pg_cron every second, by
-- whatever makes jobs ready, and by a consumer that leaves work behind. The request goes out when the caller's transaction commits.
-- Two at once: one rings, the other returns at once.
create or replace function cogo.ring_doorbell(executor text default 'cogo-plan')
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  bell   cogo.doorbells;
  ticket text;
begin
  select d.* into bell from cogo.doorbells d
   where d.executor = ring_doorbell.executor and d.url is not null
     and (d.rung_at is null or d.rung_at < clock_timestamp() - make_interval(secs => case when d.ticket_hash is null then 0.1 else 5 end));
  if not found or to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null then
    return false;
  end if;
  if not cogo.needs_ring(bell.executor, bell.types) or cogo.free_seat(bell.executor, bell.seats) is null then
    return false;
  end if;
  -- the same again under the lock; who holds it rings
  select d.* into bell from cogo.doorbells d
   where d.executor = bell.executor and d.url is not null and d.rung_at is not distinct from bell.rung_at
     for update skip locked;
  if not found then
    return false;
  end if;
  ticket := cogo.new_secret();
  update cogo.doorbells d set rung_at = clock_timestamp(), ticket_hash = sha256(convert_to(ticket, 'UTF8')) where d.executor = bell.executor;
  perform net.http_post(url := bell.url, body := jsonb_build_object('ticket', ticket), timeout_milliseconds := 5000);
  return true;
end
$$;

-- sql/jobs/150_fn_push_jobs.sql 1ec4bd73b9115448
-- cogo.push_jobs: makes locked jobs queued: each gets a new message in its lane's queue, or none where it is pinned. Their slots
-- must be taken already. Rings the executors; only one where they are handed on: who made room for them has a hand free itself.
create or replace function cogo.push_jobs(ids uuid[], handed_on boolean default false)
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
  perform cogo.ring(w.project_id, w.lane, w.pinned_executor_id, case when handed_on then 0 else w.n end)
     from (select j.project_id, j.lane, j.pinned_executor_id, count(*) as n
             from cogo.jobs j where j.id = any (push_jobs.ids) group by 1, 2, 3) w;
end
$$;

-- sql/jobs/163_fn_has_backlog.sql 00498c9f22cfcb99
-- cogo.has_backlog: whether jobs of the lane, and of the project where given, wait for their turn. In the order of the index: EXISTS
-- alone may walk the table for its first row. Of a project it looks from the watermark on only, which is all that claims do; sweep,
-- which moves the watermark, looks at all.
create or replace function cogo.has_backlog(lane text, project_id uuid default null)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  low timestamptz;
begin
  if has_backlog.project_id is null then
    return coalesce((
      select true from cogo.jobs j
       where j.lane = has_backlog.lane and j.state = 'blocked' and j.blocked_on = 'turn'
       order by j.project_id, j.type, j.run_at limit 1), false);
  end if;
  low := to_timestamp(cogo.turn(has_backlog.lane) / 1000000.0);
  return coalesce((
    select true from cogo.jobs j
     where j.lane = has_backlog.lane and j.project_id = has_backlog.project_id and j.state = 'blocked' and j.blocked_on = 'turn'
       and j.run_at >= low
     order by j.type, j.run_at limit 1), false);
end
$$;

-- sql/jobs/165_fn_ready_room.sql 85c39048e69572ea
-- cogo.ready_room: how many more jobs of the project may be on the lane's ready list: its share less what is there; none while some
-- wait for their turn, so that nobody overtakes them. Approximate under concurrency, which fairness can bear.
create or replace function cogo.ready_room(project_id uuid, lane text)
returns int
language plpgsql
set search_path = ''
as $$
declare
  -- read once: as part of the query it would be called for every row, and the scan begin at the oldest dead one
  low   bigint := cogo.low(ready_room.lane);
  share int := coalesce((select q.ready_share from cogo.job_quotas q where q.project_id = ready_room.project_id), 100);
begin
  if (select l.backlog from cogo.lanes l where l.name = ready_room.lane) and cogo.has_backlog(ready_room.lane, ready_room.project_id) then
    return 0;
  end if;
  return share - (
    select count(*) from (
      select from cogo.jobs j
       where j.lane = ready_room.lane and j.project_id = ready_room.project_id and j.state = 'queued' and j.pinned_executor_id is null
         and j.msg_id >= low
       limit share) r)::int;
end
$$;

-- sql/jobs/167_fn_mark_backlog.sql c236efe67f7002e2
-- cogo.mark_backlog: notes that jobs of the lanes wait for their turn; written once, sweep takes it back when none do.
create or replace function cogo.mark_backlog(names text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  update cogo.lanes l set backlog = true
   where l.name in (select x.name from cogo.lanes x where x.name = any (names) and not x.backlog order by x.name for update);
end
$$;

-- sql/jobs/170_fn_admit_jobs.sql 7dde155438f5333d
-- cogo.admit_jobs: makes locked jobs that are due queued, or blocked: on slot where their concurrency key has none left (jobs of one
-- key take its slots by band and age), on turn where their project has its share of the lane's ready list. The caller holds the locks
-- of lock_jobs. handed_on: as push_jobs.
create or replace function cogo.admit_jobs(ids uuid[], handed_on boolean default false)
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
  perform cogo.push_jobs(admitted, handed_on);
end
$$;

-- sql/jobs/179_fn_hand_on.sql 8abea9ff11c06a32
-- cogo.hand_on: gives back n slots of a concurrency key and admits the next blocked jobs of it. A slot that one job leaves and the next
-- one takes is not written at all. The caller holds the slot; blocked jobs are locked here, and one that is locked by another is left
-- to it (sweep finds a slot that stays free).
create or replace function cogo.hand_on(project_id uuid, key text, n int)
returns void
language plpgsql
set search_path = ''
as $$
declare
  room  int := coalesce((select s.slots - greatest(s.used - n, 0) from cogo.job_slots s where s.project_id = hand_on.project_id and s.key = hand_on.key), 0);
  taken int := 0;
  next  uuid[];
  home  text;
  same  boolean;
begin
  if room > 0 then
    select array_agg(x.id order by x.id), count(*), min(x.lane), bool_and(x.pinned_executor_id is null) and min(x.lane) = max(x.lane)
      into next, taken, home, same
      from (select j.id, j.lane, j.pinned_executor_id from cogo.jobs j
             where j.project_id = hand_on.project_id and j.concurrency_key = hand_on.key and j.state = 'blocked' and j.blocked_on = 'slot'
             order by j.band, j.id
             limit room
               for update skip locked) x;
  end if;
  if taken <> n then
    update cogo.job_slots s set used = greatest(s.used - n, 0) + taken where s.project_id = hand_on.project_id and s.key = hand_on.key;
  end if;
  if same then
    -- push_jobs for jobs of one lane
    update cogo.jobs j set state = 'queued', blocked_on = null, msg_id = p.msg_id, queued_at = clock_timestamp()
      from cogo.push(home, next) p
     where j.id = p.job_id;
    perform cogo.ring(hand_on.project_id, home, null, 0);
  elsif taken > 0 then
    perform cogo.push_jobs(next, true);
  end if;
end
$$;

-- sql/jobs/180_fn_free_slots.sql 0413fb7b7b9422d0
-- cogo.free_slots: gives back the slots of jobs that stopped being queued or running, and hands them on. The caller holds the locks of
-- lock_jobs for the given jobs, so their slots are locked.
create or replace function cogo.free_slots(ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform cogo.hand_on(f.project_id, f.concurrency_key, f.n)
     from (select j.project_id, j.concurrency_key, count(*)::int as n
             from cogo.jobs j
            where j.id = any (free_slots.ids) and j.concurrency_key is not null
            group by j.project_id, j.concurrency_key
            order by j.project_id, j.concurrency_key) f;
end
$$;

-- sql/jobs/200_fn_executor_scope.sql aaa222313d08a944
-- cogo.executor_scope: who works here: (kind, project_id) the caller may serve as executor_id. A worker token: its executor kind in
-- its project. The server: the kind the executor registered with, or every kind (null), in every project (null).
-- current: epoch is none, or that of its newest process; draining as it registered. Takes note of its presence.
-- Errors: CG001 anonymous, CG002 not a worker or the id is another project's, CG004 malformed id.
create or replace function cogo.executor_scope(
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
    -- who holds the row notes it as well; waiting for them with jobs locked (turn) could go round in a circle with a beat
    update cogo.executors e set last_seen = clock_timestamp(), dead_at = null
     where e.id in (select x.id from cogo.executors x where x.id = executor_scope.executor_id for update skip locked);
  end if;
end
$$;

-- sql/jobs/201_fn_reporting_scope.sql cda8c6337e74a2ea
-- cogo.reporting_scope: whose jobs the caller may report on: those of project_id (a worker token), or all of them (every, the server).
-- Errors: CG001 anonymous, CG002 not a worker.
create or replace function cogo.reporting_scope(out every boolean, out project_id uuid)
language plpgsql
set search_path = ''
as $$
declare
  who record := cogo.identity();
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers report on jobs', null, 'Use a worker token');
  end if;
  reporting_scope.every := who.kind = 'service';
  reporting_scope.project_id := who.project_id;
end
$$;

-- sql/jobs/202_fn_lock_children.sql 6694356fd1c86c52
-- cogo.lock_children: takes what making the children of a worker's call will need before anything of the jobs themselves is locked:
-- idempotency keys, rates, then slots in one pass with the jobs' own and their parents'. So finish and release keep the order of
-- enqueue (key -> rate -> slot -> job) and can not meet it in a circle. items: as fenced, with children.
-- A key is locked by inserting and deleting its row: whoever inserts the same one waits for this transaction, as it would for a real one.
create or replace function cogo.lock_children(items jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  wanted jsonb;
begin
  if jsonb_typeof(items) is distinct from 'array' or not jsonb_path_exists(items, '$[*].children[0]') then
    return;
  end if;
  begin
    select jsonb_agg(jsonb_build_object('p', j.project_id, 'key', c ->> 'key', 'rate', coalesce(c ->> 'rate_key', c ->> 'type'),
             'slot', c ->> 'concurrency_key'))
      into wanted
      from jsonb_array_elements(items) i
      join cogo.jobs j on j.id = (i ->> 'job_id')::uuid and j.lease_token = (i ->> 'token')::bigint
     cross join lateral jsonb_array_elements(case jsonb_typeof(i -> 'children') when 'array' then i -> 'children' else '[]' end) c
     where jsonb_typeof(c) = 'object';
  exception
    when invalid_text_representation or numeric_value_out_of_range then
      return;  -- fenced says what is wrong
  end;
  if wanted is null then
    return;
  end if;
  if jsonb_path_exists(wanted, '$[*] ? (@.key != null)') then
    insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
    select distinct (w ->> 'p')::uuid, w ->> 'key', nobody, ''::bytea, '-infinity'::timestamptz
      from jsonb_array_elements(wanted) w where w ->> 'key' is not null order by 1, 2
    on conflict do nothing;
    delete from cogo.job_keys k
     where (k.project_id, k.key) in (select (w ->> 'p')::uuid, w ->> 'key' from jsonb_array_elements(wanted) w) and k.job_id = nobody;
  end if;
  perform from cogo.job_rates r
    where (r.project_id, r.key) in (select (w ->> 'p')::uuid, w ->> 'rate' from jsonb_array_elements(wanted) w)
    order by r.project_id, r.key for update;
  if jsonb_path_exists(wanted, '$[*] ? (@.slot != null)') then
    insert into cogo.job_slots (project_id, key)
    select distinct (w ->> 'p')::uuid, w ->> 'slot' from jsonb_array_elements(wanted) w where w ->> 'slot' is not null order by 1, 2
    on conflict do nothing;
    perform from cogo.job_slots s
      where (s.project_id, s.key) in (
        select (w ->> 'p')::uuid, w ->> 'slot' from jsonb_array_elements(wanted) w
         union all
        select j.project_id, j.concurrency_key
          from cogo.jobs j
         where j.concurrency_key is not null
           and j.id in (select x.id from jsonb_array_elements(items) i join cogo.jobs x on x.id = (i ->> 'job_id')::uuid
                         union all
                        select x.parent_id from jsonb_array_elements(items) i join cogo.jobs x on x.id = (i ->> 'job_id')::uuid))
      order by s.project_id, s.key for update;
  end if;
end
$$;

-- sql/jobs/203_fn_read_items.sql f22cdc066183c5c3
-- cogo.read_items: [{job_id, token, …}] of a worker's call, by job id. Items without a job_id are left out. Error: CG000 malformed.
create or replace function cogo.read_items(items jsonb, out ids uuid[], out tokens bigint[], out bodies jsonb[])
language plpgsql
immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(items) is distinct from 'array' then
    perform cogo.fail('CG000', 'an array of {job_id, token, …} is needed');
  end if;
  select array_agg(i.id), array_agg(i.token), array_agg(i.body) into ids, tokens, bodies
    from (select (e ->> 'job_id')::uuid as id, (e ->> 'token')::bigint as token, e as body
            from jsonb_array_elements(items) e where e ->> 'job_id' is not null
           order by 1) i;
exception
  -- only the reading is in a block with a handler: row locks of a subtransaction cost the update after it
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'job_id must be a uuid and token a number', jsonb_build_object('reason', sqlerrm));
end
$$;

-- sql/jobs/204_fenced_item.sql baa42479275b50f9
-- by hand

-- sql/jobs/205_fn_fenced.sql 2fb665ff503806ca
-- cogo.fenced: reads [{job_id, token, …}] of a worker's call, locks those jobs in order, and returns each item once with whether its
-- token still holds the lease. Jobs outside the caller's project answer lost, as unknown ones do.
-- Errors: CG001/CG002 not a worker, CG000 malformed.
create or replace function cogo.fenced(items jsonb)
returns cogo.fenced_item[]
language plpgsql
set search_path = ''
as $$
declare
  who    record := cogo.reporting_scope();
  ids    uuid[];
  tokens bigint[];
  bodies jsonb[];
  answer cogo.fenced_item[];
begin
  select r.ids, r.tokens, r.bodies into ids, tokens, bodies from cogo.read_items(fenced.items) r;
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
            left join cogo.jobs j on j.id = i.id and (who.every or j.project_id = who.project_id)
           order by i.id, (j.lease_token is not distinct from i.token) desc) f;
  return answer;
end
$$;

-- sql/jobs/210_fn_close_attempts.sql e76b4d237c57c397
-- cogo.close_attempts: records the attempts of running, locked jobs as over without having ended the job well. To be called before
-- their state changes.
create or replace function cogo.close_attempts(ids uuid[], outcome text, error jsonb default null)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into cogo.job_attempts (job_id, attempt, project_id, lease_token, executor_id, started_at, outcome, error)
  select j.id, j.attempt, j.project_id, j.lease_token, j.executor_id, j.leased_at, close_attempts.outcome, close_attempts.error
    from cogo.jobs j where j.id = any (ids) and j.state = 'running' order by j.id;
end
$$;

-- sql/jobs/225_fn_claim_job_keys.sql 364304aadd30fbaa
-- cogo.claim_job_keys: the idempotency of enqueue. Claims the key of each planned item; where a key has a job already, the item gets
-- that job_id and fresh = false. Keys are taken in order, so two calls with the same keys take turns instead of deadlocking.
-- Error: CG023 the key belongs to another input.
create or replace function cogo.claim_job_keys(project_id uuid, plan cogo.planned_job[])
returns cogo.planned_job[]
language plpgsql
set search_path = ''
as $$
declare
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
  if claimed = cardinality(plan) or claimed = (select count(*) from unnest(plan) p where p.key is not null) then
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

-- sql/jobs/226_fn_count_waiting.sql eeaec3659cfdcc32
-- cogo.count_waiting: counts what a project has waiting (scheduled, blocked, queued) and keeps the number for check_quota.
-- Error: CG024 where so many jobs more are over its limit.
create or replace function cogo.count_waiting(project_id uuid, jobs int)
returns void
language plpgsql
set search_path = ''
as $$
declare
  quota   cogo.job_quotas;
  waiting int;
begin
  select q.* into quota from cogo.job_quotas q where q.project_id = count_waiting.project_id;
  select count(*) into waiting from (
    (select from cogo.jobs j join cogo.lanes l on l.name = j.lane
      where j.project_id = count_waiting.project_id and j.state = 'queued' and j.pinned_executor_id is null limit quota.queue_limit + 1)
    union all
    (select from cogo.lanes l join cogo.jobs j on j.lane = l.name
      where j.project_id = count_waiting.project_id and j.state = 'blocked' and j.blocked_on = 'turn' limit quota.queue_limit + 1)
    union all
    (select from cogo.jobs j
      where j.project_id = count_waiting.project_id and j.state = 'blocked' and j.blocked_on = 'slot' limit quota.queue_limit + 1)
    union all
    (select from cogo.jobs j where j.project_id = count_waiting.project_id and j.state = 'scheduled' limit quota.queue_limit + 1)) w;
  if waiting + jobs > quota.queue_limit then
    perform cogo.fail('CG024', format('the project has %s jobs waiting, of at most %s', waiting, quota.queue_limit),
      jsonb_build_object('waiting', waiting, 'limit', quota.queue_limit, 'asked', jobs),
      'Wait until some are done, or have an admin raise the limit');
  end if;
  update cogo.job_quotas q set counted = waiting + jobs, counted_at = clock_timestamp()
   where q.project_id in (select x.project_id from cogo.job_quotas x where x.project_id = count_waiting.project_id for update skip locked);
end
$$;

-- sql/jobs/228_fn_check_quota.sql 4fce7530a9735c37
-- cogo.check_quota: refuses jobs over what a project may have waiting (scheduled, blocked, queued). Waiting jobs are counted, not
-- kept in a counter, which every claim would have to write; the count is taken the more likely the more of the room left since the
-- last one this call would fill, so the limit is kept within a few percent at no cost far from it, and exactly near it.
-- Error: CG024.
create or replace function cogo.check_quota(project_id uuid, jobs int)
returns void
language plpgsql
set search_path = ''
as $$
declare
  quota cogo.job_quotas;
begin
  select q.* into quota from cogo.job_quotas q where q.project_id = check_quota.project_id;
  if not found then
    insert into cogo.job_quotas (project_id) values (check_quota.project_id)
    on conflict do nothing;
    select q.* into quota from cogo.job_quotas q where q.project_id = check_quota.project_id;
  end if;
  if random() * (quota.queue_limit - quota.counted) < jobs * 10 then
    perform cogo.count_waiting(check_quota.project_id, jobs);
  end if;
end
$$;

-- sql/jobs/230_fn_plan_jobs.sql 1e00dfdc0b9c3960
-- cogo.plan_jobs: checks the items of enqueue and finds their lanes. Returns them in order, each with a new job_id and what it waits
-- for: null nothing, time, pin, slot. The hash of an item, which makes two enqueues of one key the same input, covers all of it but
-- its key and trace: jsonb's text form is canonical, with keys sorted and numbers normalised. Errors: those of enqueue.
create or replace function cogo.plan_jobs(project_id uuid, jobs jsonb)
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
      select t.type, r.executor, r.max_attempts, r.run_s, r.steps
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
               when r.type is null then 'the type is not known'
               when a.payload is not null and jsonb_typeof(a.payload) not in ('object', 'null') then 'payload must be an object'
               when a.band not between 0 and 2 then 'priority must be 0, 1 or 2'
               when a.delay_s not between 0 and 2592000 then 'delay_s must be 0 to 2592000'
               when length(a.key) not between 1 and 255 then 'key must have 1 to 255 characters'
               when length(a.concurrency_key) not between 1 and 255 then 'concurrency_key must have 1 to 255 characters'
               when length(a.rate_key) not between 1 and 255 then 'rate_key must have 1 to 255 characters'
               when a.max_attempts not between 1 and 50 then 'max_attempts must be 1 to 50'
               when a.executor not in ('cogo-plan', 'cogo-work') then 'executor must be cogo-plan or cogo-work'
               when coalesce(a.executor, r.executor) = 'cogo-plan' and r.run_s > 90 and not r.steps
                 then format('%s may run for %s s and has no steps: cogo-plan hands work back after 90 s', a.type, r.run_s)
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

  -- as text a payload has at most six times the bytes it has as jsonb
  select p.problem, p.type, octet_length(p.payload::text) as bytes, p.nth - 1 as index into bad
    from unnest(plan) p
   where p.problem is not null or pg_column_size(p.payload) > 21845 and octet_length(p.payload::text) > 131072
   order by p.problem is null, p.nth limit 1;
  if bad.problem = 'the type is not known' then
    perform cogo.fail('CG004', format('jobs[%s]: the type %s is not known', bad.index, coalesce(bad.type, 'null')),
      jsonb_build_object('index', bad.index, 'field', 'type', 'known', (select jsonb_agg(t.pattern order by t.pattern) from cogo.job_types t)),
      'Known types: ' || (select string_agg(t.pattern, ', ' order by t.pattern) from cogo.job_types t));
  elsif bad.problem is not null then
    perform cogo.fail('CG004', format('jobs[%s]: %s', bad.index, bad.problem), jsonb_build_object('index', bad.index));
  elsif bad.index is not null then
    perform cogo.fail('CG005', format('jobs[%s]: the payload has %s bytes, at most 131072 are stored', bad.index, bad.bytes),
      jsonb_build_object('index', bad.index, 'bytes', bad.bytes, 'limit', 131072), 'Upload it to Storage and send its path');
  end if;
  return plan;
end
$$;

-- sql/jobs/235_fn_make_jobs.sql 9e2bd5b670910853
-- cogo.make_jobs: makes the fresh jobs of a plan, their messages, slots and events; returns the states [{job_id, state}] of all.
-- The caller has checked who asks, and locked the project against being deleted.
create or replace function cogo.make_jobs(project_id uuid, plan cogo.planned_job[], made_by text, batch_id uuid)
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
  quiet   boolean;
  traced  boolean;
  late    text[] := '{}';
  lanes   text[] := '{}';
  counts  int[] := '{}';
  -- the message of each item, by its place
  msgs    bigint[] := array_fill(null::bigint, array[cardinality(plan)]);
  sent    bigint[];
  room    int;
  states  text[];
begin
  select count(*) filter (where p.fresh), coalesce(bool_or(p.parent_id is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.concurrency_key is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.wait in ('slot', 'pin')) filter (where p.fresh), false)
    into total, parents, keyed, other
    from unnest(plan) p;
  quiet := total > 25;
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
    select p.lane, array_agg(p.job_id order by p.nth) as ids, array_agg(p.nth order by p.nth) as places from unnest(plan) p
     where p.fresh and p.wait is null group by p.lane order by p.lane
  loop
    lanes := lanes || route.lane;
    counts := counts || cardinality(route.ids);
    room := greatest(cogo.ready_room(make_jobs.project_id, route.lane), 0);
    if room < cardinality(route.ids) then
      late := late || route.lane;
    end if;
    if room > 0 then
      -- messages are numbered in the order of the ids
      select array_agg(m.msg_id order by m.msg_id) into sent from cogo.push(route.lane, route.ids[:room]) m;
      for i in 1..cardinality(sent) loop
        msgs[route.places[i]] := sent[i];
      end loop;
    end if;
  end loop;
  if cardinality(late) > 0 then
    perform cogo.mark_backlog(late);
  end if;

  with item as materialized (
    select p.*,
           case when p.message is not null then 'queued' when p.wait is null then 'blocked' else 'scheduled' end as begins
      from rows from (unnest(plan), unnest(msgs)) as p(
             nth, job_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin, concurrency_key, rate_key,
             parent_id, trace_id, msg_id, problem, message)
     where p.fresh
  ),
  made as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, quiet, run_at, msg_id, queued_at, max_attempts,
                           pinned_executor_id, concurrency_key, parent_id, batch_id, trace_id, created_by)
    select i.job_id, make_jobs.project_id, i.type, i.lane, i.band, i.begins, case i.begins when 'blocked' then 'turn' end, quiet, i.run_at,
           i.message, case i.begins when 'queued' then clock_timestamp() end, i.max_attempts, i.pin, i.concurrency_key, i.parent_id,
           make_jobs.batch_id, i.trace_id, made_by
      from item i
  ),
  stored as (
    insert into cogo.job_payloads (job_id, project_id, input)
    select i.job_id, make_jobs.project_id, i.payload from item i
  )
  select array_agg(i.begins order by i.nth), coalesce(bool_or(i.trace_id is not null), false) into states, traced from item i;

  if traced then
    perform cogo.tell(array(select p.job_id from unnest(plan) p where p.fresh), 'job.enqueued', '{}');
  end if;
  if other then
    perform cogo.admit_jobs(array(select p.job_id from unnest(plan) p where p.fresh and p.wait in ('slot', 'pin')));
  end if;
  for i in 1..cardinality(lanes) loop
    perform cogo.ring(make_jobs.project_id, lanes[i], null, counts[i]);
  end loop;
  if not other and total = cardinality(plan) then
    return query select p.job_id, p.state from rows from (unnest(plan), unnest(states)) as p(
      nth, job_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin, concurrency_key, rate_key,
      parent_id, trace_id, msg_id, problem, state);
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

-- sql/jobs/245_fn_take_turns.sql be9e4e31235f268f
-- cogo.take_turns: jobs that wait for their turn: the projects of the lane one after the other, and in a project its types in random
-- order, each oldest first. Returns the jobs, locked. Waits for nothing. Starts at a random project, looks at no more groups (a type of a project)
-- than it needs, or eight, at most at 500; what it costs does not depend on how many jobs wait.
create or replace function cogo.take_turns(lane text, project_id uuid, every_type boolean, exact text[], prefixes text[], qty int)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  low      timestamptz := to_timestamp(cogo.turn(lane) / 1000000.0);
  start    uuid := gen_random_uuid();
  home     uuid := coalesce(take_turns.project_id, start);
  label    text := '';
  wrapped  boolean := take_turns.project_id is not null;
  next     record;
  over     boolean := false;
  projects uuid[] := '{}';
  types    text[] := '{}';
  more     uuid[];
  taken    uuid[] := '{}';
begin
  for looked in 1..500 loop
    select j.project_id, j.type into next
      from cogo.jobs j
     where j.lane = take_turns.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
       and (j.project_id, j.type) > (home, label)
     order by j.project_id, j.type limit 1;
    if found and (take_turns.project_id is null or next.project_id = take_turns.project_id)
       and (not wrapped or take_turns.project_id is not null or next.project_id < start) then
      home := next.project_id;
      label := next.type;
      if every_type or label = any (exact) or label like any (prefixes) then
        projects := projects || home;
        types := types || label;
      end if;
    elsif wrapped then
      over := true;
    else
      wrapped := true;
      home := '00000000-0000-0000-0000-000000000000';
      label := '';
    end if;
    continue when cardinality(types) < greatest(qty - cardinality(taken), 8) and not over and looked < 500;
    -- the types of a project in random order: a claim of one job would always get the first
    if cardinality(types) > 1 then
      select array_agg(g.project_id order by g.first, g.dice), array_agg(g.type order by g.first, g.dice) into projects, types
        from (select x.project_id, x.type, min(x.nth) over (partition by x.project_id) as first, random() as dice
                from unnest(projects, types) with ordinality x(project_id, type, nth)) g;
    end if;
    while cardinality(types) > 0 and cardinality(taken) < qty loop
      select array_agg(x.id order by x.nth, x.run_at, x.id) into more
        from (select j.id, j.run_at, g.nth
                from unnest(projects, types) with ordinality g(project_id, type, nth)
               cross join lateral (
                 select j.id, j.run_at from cogo.jobs j
                  where j.lane = take_turns.lane and j.project_id = g.project_id and j.type = g.type
                    and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low and not (j.id = any (taken))
                  order by j.run_at, j.id
                  limit greatest((qty - cardinality(taken)) / cardinality(types), 1)
                    for update skip locked) j
               limit qty - cardinality(taken)) x;
      exit when more is null;
      taken := taken || more;
      exit when cardinality(types) = 1;
    end loop;
    exit when over or cardinality(taken) >= qty;
    projects := '{}';
    types := '{}';
  end loop;
  return taken;
end
$$;

-- sql/jobs/246_fn_take_turn.sql 0cf1eb8d204f8bf3
-- cogo.take_turn: take_turns for one job of any type, which most claims want: the oldest of a random project's first type, in one
-- statement. Returns it locked, or nothing. Waits for nothing.
create or replace function cogo.take_turn(lane text, project_id uuid)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  low   timestamptz := to_timestamp(cogo.turn(lane) / 1000000.0);
  start uuid := coalesce(take_turn.project_id, gen_random_uuid());
  one   uuid;
begin
  -- the second half is looked at only where the first is empty
  select f.id into one
    from (select * from (
            select j.id from cogo.jobs j
             where j.lane = take_turn.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
               and j.project_id >= start and (take_turn.project_id is null or j.project_id = take_turn.project_id)
             order by j.project_id, j.type, j.run_at, j.id
             limit 1 for update skip locked) a
          union all
          select * from (
            select j.id from cogo.jobs j
             where j.lane = take_turn.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
               and j.project_id < start and take_turn.project_id is null
             order by j.project_id, j.type, j.run_at, j.id
             limit 1 for update skip locked) b) f
   limit 1;
  return case when one is null then '{}' else array[one] end;
end
$$;

-- sql/jobs/247_fn_earlier_work.sql 7e941cd5268a29d9
-- cogo.earlier_work: what earlier attempts of a job left: {steps?: {name: output}, children?: [{job_id, type, state, result, error}]}.
create or replace function cogo.earlier_work(job_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select coalesce((select jsonb_build_object('steps', jsonb_object_agg(s.name, s.output))
                       from cogo.job_steps s where s.job_id = earlier_work.job_id having count(*) > 0), '{}')
        || coalesce((select jsonb_build_object('children', jsonb_agg(c.child order by c.id))
                       from (select j.id, jsonb_build_object('job_id', j.id, 'type', j.type, 'state', j.state, 'result', j.result, 'error', p.error) as child
                               from cogo.jobs j left join cogo.job_payloads p on p.job_id = j.id where j.parent_id = earlier_work.job_id
                             union all
                             select h.id, jsonb_build_object('job_id', h.id, 'type', h.type, 'state', h.state, 'result', h.result, 'error', h.error)
                               from cogo.jobs_history h where h.parent_id = earlier_work.job_id) c
                     having count(*) > 0), '{}'));
end
$$;

-- sql/jobs/250_fn_lease_jobs.sql ee41f7f9da5a81cc
-- cogo.lease_jobs: gives locked jobs to an executor: running, a new token. Returns what claim answers. steps and children are there
-- where a job has them, which a first attempt has not.
create or replace function cogo.lease_jobs(ids uuid[], executor_id text, lease_s int)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  moment  timestamptz := clock_timestamp();
  heard   boolean;
  answer  jsonb;
begin
  with leased as (
    update cogo.jobs j
       set state = 'running', blocked_on = null, attempt = j.attempt + 1, msg_id = null, executor_id = lease_jobs.executor_id,
           lease_token = nextval('cogo.lease_tokens'), lease_s = lease_jobs.lease_s,
           lease_until = moment + make_interval(secs => lease_jobs.lease_s), leased_at = moment,
           started_at = coalesce(j.started_at, moment)
     where j.id = any (ids)
    returning j.id, j.project_id, j.type, j.attempt, j.lease_token, j.trace_id, j.quiet, j.band, j.pinned_executor_id,
              j.cancel_requested_at
  )
  select jsonb_agg(jsonb_build_object(
           'job_id', l.id, 'token', l.lease_token::text, 'attempt', l.attempt, 'type', l.type, 'payload', p.input,
           'checkpoint', p.checkpoint, 'project_id', l.project_id, 'trace_id', l.trace_id, 'lease_s', lease_jobs.lease_s,
           'cancel_requested', l.cancel_requested_at is not null)
           || case when l.attempt = 1 then '{}' else cogo.earlier_work(l.id) end
           order by l.pinned_executor_id is null, l.band, l.id),
         bool_or(not l.quiet or l.trace_id is not null)
    into answer, heard
    from leased l left join cogo.job_payloads p on p.job_id = l.id;
  if heard then
    perform cogo.tell(ids, 'job.started', jsonb_build_object('executor_id', lease_jobs.executor_id));
  end if;
  return answer;
end
$$;

-- sql/jobs/260_fn_verdicts.sql b3ef3cd8cddc7e58
-- cogo.verdicts: the answer of fail and release: [{job_id, verdict, state}] by job id. A lost attempt learns no state: it may be
-- another project's job.
create or replace function cogo.verdicts(items cogo.fenced_item[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('job_id', i.job_id,
             'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
             'state', case when i.held then j.state end) order by i.job_id), '[]')
      from unnest(items) i left join cogo.jobs j on j.id = i.job_id);
end
$$;

-- sql/jobs/270_fn_job_json.sql 85736ed537d25464
-- cogo.job_json: a job's own row as the API shows it. outcome: what the result of a job that ran to its end says of itself (a build
-- that ran and found failing tests has a result of state failed).
create or replace function cogo.job_json(j cogo.jobs)
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
    'blocked_on', j.blocked_on, 'pending_children', j.pending_children, 'batch_id', j.batch_id, 'redriven_from', j.redriven_from,
    'cancel_requested', j.cancel_requested_at is not null, 'priority', j.band,
    'outcome', case when jsonb_typeof(j.result -> 'state') = 'string' then j.result ->> 'state' end)
$$;

-- sql/jobs/287_fn_waiting_turns.sql 3360836235aa985f
-- cogo.waiting_turns: the oldest run_at of jobs that wait for their turn, for each project and type of the lane, at most 1,000.
create or replace function cogo.waiting_turns(lane text)
returns table (project_id uuid, type text, run_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
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
  select w.project_id, w.type, w.run_at from waiting w;
end
$$;

-- sql/jobs/295_fn_enqueue_one.sql 3764cd56bdde7417
-- cogo.enqueue_one: enqueue for a single plain job: of any type, with payload, priority, max_attempts, executor, key and trace_id, and
-- nothing that makes it wait. Returns enqueue's answer, or null where there is more to it (a rate, a key that is taken, anything that
-- may be wrong): then nothing was changed, and the long way does it or says why it can't be. Both ways make the same rows.
create or replace function cogo.enqueue_one(project_id uuid, item jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  who     record := cogo.identity();
  kind    text := item ->> 'type';
  payload jsonb := coalesce(nullif(item -> 'payload', 'null'), '{}');
  name    text := item ->> 'key';
  trace   text := item ->> 'trace_id';
  band    int := 1;
  rule    record;
  home    record;
  route   text;
  made_by text;
  message bigint;
  moment  timestamptz := clock_timestamp();
  made    uuid := encode(int8send(((extract(epoch from moment) * 1000)::bigint << 16) | 28673)
                    || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid;
begin
  if jsonb_typeof(item) <> 'object' or item - array['type', 'payload', 'priority', 'max_attempts', 'executor', 'key', 'trace_id'] <> '{}'
     or jsonb_typeof(payload) <> 'object' or pg_column_size(payload) > 21845 or length(name) not between 1 and 255 then
    return null;
  end if;
  if item ? 'priority' or item ? 'max_attempts' then
    if coalesce(item ->> 'priority', '1') !~ '^[012]$' or coalesce(item ->> 'max_attempts', '1') !~ '^([1-9]|[1-4][0-9]|50)$' then
      return null;
    end if;
    band := coalesce(item ->> 'priority', '1');
  end if;
  case who.kind
    when 'service' then made_by := 'service';
    when 'token' then made_by := case who.project_id when enqueue_one.project_id then 'token:' || who.token_id end;
    when 'user' then
      select 'user:' || m.user_id into made_by from cogo.project_members m
       where m.project_id = enqueue_one.project_id and m.user_id = who.user_id and m.role in ('editor', 'admin', 'owner');
    else null;
  end case;
  if made_by is null then
    return null;
  end if;

  select x.executor, x.max_attempts, x.run_s, x.steps into rule
    from cogo.job_types x
   where x.pattern = kind or (x.pattern like '%.*' and starts_with(kind, left(x.pattern, -1)))
   order by length(x.pattern) desc limit 1;
  route := coalesce(item ->> 'executor', rule.executor) || '/default/' || band;
  if not found or route like 'cogo-plan/%' and rule.run_s > 90 and not rule.steps then
    return null;
  end if;
  -- the project is locked against being deleted; a lane that is not known finds nothing
  select q.queue_limit - q.counted as room, q.ready_share, l.backlog into home
    from cogo.projects p
    join cogo.job_quotas q on q.project_id = p.id
    join cogo.lanes l on l.name = route
   where p.id = enqueue_one.project_id
     and not exists (select from cogo.job_rates r where r.project_id = p.id)
     for key share of p;
  if not found then
    return null;
  end if;
  if name is not null then
    insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
    -- the hash is that of plan_jobs
    values (enqueue_one.project_id, name, made,
      sha256(convert_to(('{"payload": {}, "priority": 1}' || item - array['key', 'trace_id'])::text, 'UTF8')), moment + interval '7 days')
    on conflict do nothing;
    if not found then
      return null;
    end if;
  end if;
  -- as cogo.check_quota
  if random() * home.room < 10 then
    perform cogo.count_waiting(enqueue_one.project_id, 1);
  end if;

  if not (home.backlog and cogo.has_backlog(route, enqueue_one.project_id)) then
    message := cogo.offer(route, enqueue_one.project_id, made, home.ready_share);
  end if;
  insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, run_at, msg_id, queued_at, max_attempts, trace_id, created_by)
  values (made, enqueue_one.project_id, kind, route, band, case when message is null then 'blocked' else 'queued' end,
    case when message is null then 'turn' end, moment, message, case when message is not null then moment end,
    coalesce((item ->> 'max_attempts')::int, rule.max_attempts), trace, made_by);
  insert into cogo.job_payloads (job_id, project_id, input) values (made, enqueue_one.project_id, payload);
  if message is null and not home.backlog then
    perform cogo.mark_backlog(array[route]);
  end if;
  if trace is not null then
    perform cogo.tell(array[made], 'job.enqueued', '{}');
  end if;
  perform cogo.ring(enqueue_one.project_id, route, null, 1);
  return jsonb_build_array(jsonb_build_object('job_id', made, 'state', case when message is null then 'blocked' else 'queued' end,
    'duplicate', false));
end
$$;

-- sql/jobs/300_fn_enqueue.sql b5c47c3e16488b2b
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
create or replace function cogo_api.enqueue(project_id uuid, jobs jsonb, batch jsonb default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  plan   cogo.planned_job[];
  group_id uuid;
  answer jsonb;
begin
  if batch is null and jsonb_typeof(jobs) = 'array' and jsonb_array_length(jobs) = 1 then
    answer := cogo.enqueue_one(enqueue.project_id, jobs -> 0);
    if answer is not null then
      return answer;
    end if;
  end if;
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
             then jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh)
             else jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh, 'batch_id', group_id) end
           order by m.nth), '[]')
    into answer
    -- two lists of one order, laid beside each other: a join of them would be planned for ten rows
    from rows from (cogo.make_jobs(enqueue.project_id, plan, cogo.principal(), group_id), unnest(plan)) as m(
           job_id, state, nth, planned_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin,
           concurrency_key, rate_key, parent_id, trace_id, msg_id, problem);
  return answer;
end
$$;
revoke all on function cogo_api.enqueue(uuid, jsonb, jsonb) from public;
grant execute on function cogo_api.enqueue(uuid, jsonb, jsonb) to anon, authenticated, service_role;

-- sql/jobs/310_fn_claim.sql 0b37eda1563ba392
-- cogo_api.claim: leases up to qty ready jobs to an executor; returns [{job_id, token, attempt, type, payload, checkpoint, project_id,
-- trace_id, lease_s, cancel_requested, steps?, children?}]. token (a string: it is a bigint) goes with every later call for the
-- attempt. steps: outputs earlier attempts stored; children: the jobs it awaited, with their results.
--
-- Jobs pinned to the executor first, then its lanes by band, each roughly first in, first out, and no project more than its share
-- while others wait. A worker token gets jobs of its project only. include_types: exact types or prefixes ending in '.*'. epoch: as
-- register_executor gave it, so that a process another one of the same id has replaced gets nothing.
-- The lease ends lease_s after the last beat, by the database's clock: count it on a monotonic clock and stop at 80 %.
-- An empty answer is normal; nothing ever waits for a lock here.
--
-- As all calls of workers it keeps its plans, and keeps off scans of whole tables: a session that planned while cogo.jobs was almost
-- empty, and not analyzed, would walk the table in every later call. seq_page_cost says so; much more of it would have plans compiled.
-- Errors: CG001/CG002/CG004 as executor_scope; CG004 qty not 1 to 1000, lease_s not 5 to 3600; CG025 the executor is draining, or its
-- epoch is over.
create or replace function cogo_api.claim(
  executor_id text, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
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
    select l.name, l.backlog from cogo.lanes l where scope.kind is null or l.executor = scope.kind order by l.band, l.name
  loop
    exit when cardinality(chosen) >= qty;
    if scope.project_id is null and include_types is null then
      chosen := chosen || cogo.pop(lane.name, qty - cardinality(chosen));
    else
      chosen := chosen || cogo.pick_jobs(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
    -- the short way knows a project's first type only; now and then the long one gives the others their turn
    if lane.backlog and qty = 1 and include_types is null and cardinality(chosen) = 0 and random() < 0.9 then
      chosen := cogo.take_turn(lane.name, scope.project_id);
    elsif lane.backlog and cardinality(chosen) < qty then
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

-- sql/jobs/320_fn_beat.sql bb58cd7c637b41ca
-- cogo_api.beat: keeps leases alive, all of an executor's in one call; returns [{job_id, verdict}].
--   ok      the lease runs lease_s from now
--   cancel  the same, and somebody wants the job cancelled: stop it, then finish or fail it
--   lost    the token is not the job's any more, or the epoch is over: stop at once, nothing of this attempt counts
-- beats: [{job_id, token, progress?, log?, steps?}]; an empty list is presence only. progress replaces the last one; at most two a
-- second become events. log: text or a list of lines, up to 16,384 characters a beat are kept. steps: [{name, output}] done since the
-- last beat, which a later attempt finds in its claim.
-- running: how many jobs it is at work on, where the call is about all of them: its presence.
-- Errors: CG001/CG002/CG004 as executor_scope; CG000 malformed.
create or replace function cogo_api.beat(executor_id text, beats jsonb, epoch int default null, running int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  scope  record;
  held   cogo.fenced_item[] := '{}';
  moment timestamptz;
begin
  scope := cogo.executor_scope(beat.executor_id, beat.epoch, coalesce(beats, '[]') = '[]');
  if scope.current and beat.running is not null then
    update cogo.executors e set running = least(greatest(beat.running, 0), 100000)
     where e.id in (select x.id from cogo.executors x
                     where x.id = beat.executor_id and x.running <> least(greatest(beat.running, 0), 100000) for update skip locked);
  end if;
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
revoke all on function cogo_api.beat(text, jsonb, int, int) from public;
grant execute on function cogo_api.beat(text, jsonb, int, int) to anon, authenticated, service_role;

-- sql/jobs/326_fn_finish_keyed.sql 0e6fc0b3dbba5d7e
-- cogo.finish_keyed: finish_one for a single job that has a concurrency key: ends it well and hands its slot on; whether it did. False:
-- nothing was changed, and the long way says why. The slot is locked before the job, as everywhere.
create or replace function cogo.finish_keyed(results jsonb, every boolean, project_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  item  jsonb := results -> 0;
  home  record;
  done  record;
begin
  if item ?| array['children', 'events', 'await'] or (item ->> 'job_id') !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
     or (item ->> 'token') !~ '^[0-9]{1,18}$' then
    return false;
  end if;
  -- keys and parents never change, so they can be read before the lock
  select j.project_id, j.concurrency_key as key into home from cogo.jobs j
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.concurrency_key is not null and j.parent_id is null and (every or j.project_id = finish_keyed.project_id);
  if not found then
    return false;
  end if;
  perform from cogo.job_slots s where s.project_id = home.project_id and s.key = home.key for update;
  update cogo.jobs j
     set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = item -> 'result'
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.cancel_requested_at is null
  returning j.id, not j.quiet or j.trace_id is not null as heard into done;
  if done.heard then
    perform cogo.tell(array[done.id], 'job.done', '{"state":"succeeded"}');
  end if;
  if done.id is null then
    return false;
  end if;
  perform cogo.hand_on(home.project_id, home.key, 1);
  return true;
end
$$;

-- sql/jobs/327_fn_spawn_children.sql d27f1cb2c24c3af8
-- cogo.spawn_children: makes the children and events held items of finish or release carry, in the same transaction. children: items of
-- enqueue, which get the job as parent, unless it was cancelled meanwhile; events: [{kind, data}], recorded on the job as job.<kind>.
-- Errors: as enqueue's items; CG000 malformed.
create or replace function cogo.spawn_children(items cogo.fenced_item[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  item record;
  plan cogo.planned_job[];
begin
  for item in
    select i.job_id, i.body, i.cancel_requested, j.project_id, j.trace_id, j.created_by, j.batch_id
      from unnest(items) i join cogo.jobs j on j.id = i.job_id
     where i.held and (i.body ? 'children' or i.body ? 'events')
     order by i.job_id
  loop
    if jsonb_typeof(item.body -> 'children') = 'array' and not item.cancel_requested then
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

-- sql/jobs/328_fn_finish_plain.sql efd88200c9228237
-- cogo.finish_plain: ends running jobs well where none of the call's has more to it: no concurrency key, no parent, no wish to cancel,
-- every token current. Returns the ids of those it ended, or null where something of that does not hold when it looks: then nothing
-- is changed, and the long way takes all of them. That one locks slots and parents first; here no lock but those of the jobs, by id.
create or replace function cogo.finish_plain(ids uuid[], tokens bigint[], bodies jsonb[], every boolean, project_id uuid)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  -- only running jobs have a token. To say so as well would let a join read the index of running jobs, with all that ran since the
  -- last vacuum
  plain int;
  ended uuid[];
  heard boolean;
begin
  select count(*) into plain
    from unnest(ids, tokens) as i(id, token)
    join cogo.jobs j on j.id = i.id
   where j.lease_token = i.token and j.cancel_requested_at is null and j.concurrency_key is null and j.parent_id is null
     and (every or j.project_id = finish_plain.project_id);
  if plain < cardinality(ids) then
    return null;
  end if;
  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = i.body -> 'result'
      from unnest(ids, tokens, bodies) as i(id, token, body)
     where j.id = i.id and j.lease_token = i.token and j.cancel_requested_at is null
    returning j.id, j.quiet, j.trace_id
  )
  select coalesce(array_agg(d.id), '{}'), bool_or(not d.quiet or d.trace_id is not null) into ended, heard from done d;
  if heard then
    perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');
  end if;
  return ended;
end
$$;

-- sql/jobs/329_fn_finish_one.sql 3ad3405b7c17deaf
-- cogo.finish_one: finish_plain for a single job, in one statement: whether it ended it well. False: nothing was changed, and the long
-- way says why. results: as finish.
create or replace function cogo.finish_one(results jsonb, every boolean, project_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  item  jsonb := results -> 0;
  done  record;
begin
  if item ?| array['children', 'events', 'await'] or (item ->> 'job_id') !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
     or (item ->> 'token') !~ '^[0-9]{1,18}$' then
    return false;
  end if;
  update cogo.jobs j
     set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = item -> 'result'
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.cancel_requested_at is null and j.concurrency_key is null and j.parent_id is null
     and (every or j.project_id = finish_one.project_id)
  returning j.id, not j.quiet or j.trace_id is not null as heard into done;
  if done.heard then
    perform cogo.tell(array[done.id], 'job.done', '{"state":"succeeded"}');
  end if;
  return done.id is not null;
end
$$;

-- sql/jobs/330_fn_finish.sql 271984d3a64766a3
-- cogo_api.finish: records results; returns [{job_id, verdict, state}] by job id.
-- results: [{job_id, token, result, children?, events?, await?, checkpoint?}]. ok: the job succeeded. cancelled: somebody had asked for
-- that; the result is kept all the same. lost: the token is stale and nothing was changed.
-- children: jobs (as in enqueue) made in the same transaction, with this one as parent. await: the job is not over: it is blocked
-- until its children are, then claimed again with their results (state blocked, verdict ok); its checkpoint is kept.
-- Writes of the same transaction stand or fall with the verdict.
-- Errors: CG001/CG002/CG000 as fenced; as spawn_children.
create or replace function cogo_api.finish(results jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  who       record := cogo.reporting_scope();
  ids       uuid[];
  tokens    bigint[];
  bodies    jsonb[];
  plain     uuid[];
  items     cogo.fenced_item[];
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  if jsonb_typeof(results) = 'array' and jsonb_array_length(results) = 1
     and (cogo.finish_one(results, who.every, who.project_id) or cogo.finish_keyed(results, who.every, who.project_id)) then
    return jsonb_build_array(jsonb_build_object('job_id', lower(results -> 0 ->> 'job_id'), 'verdict', 'ok', 'state', 'succeeded'));
  end if;
  select r.ids, r.tokens, r.bodies into ids, tokens, bodies from cogo.read_items(results) r;
  if ids is null then
    return '[]';
  end if;
  if not exists (select from unnest(bodies) b where b ?| array['children', 'events', 'await']) then
    plain := cogo.finish_plain(ids, tokens, bodies, who.every, who.project_id);
    if cardinality(plain) = cardinality(ids) then
      return (select jsonb_agg(jsonb_build_object('job_id', i.id, 'verdict', 'ok', 'state', 'succeeded')) from unnest(ids) i(id));
    elsif plain is not null then
      -- an id said twice, or one that was lost or cancelled between the look and the update
      results := (select jsonb_agg(b.body) from unnest(ids, bodies) as b(id, body) where not (b.id = any (plain)));
    end if;
  end if;
  plain := coalesce(plain, '{}');
  perform cogo.lock_children(results);
  items := cogo.fenced(coalesce(results, '[]'));
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
    returning j.id
  )
  select array_agg(d.id) into ended from done d;
  perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');

  select array_agg(i.job_id) into ended
    from unnest(items) i where i.held and (i.keyed or i.parented) and not (i.job_id = any (awaiting));
  if ended is not null then
    perform cogo.jobs_over(ended, ended);
  end if;
  return coalesce((
    select jsonb_agg(x.verdict order by x.job_id)
      from (select i.job_id, jsonb_build_object('job_id', i.job_id,
                   'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
                   'state', case when not i.held then null when i.cancel_requested then 'cancelled'
                                 when i.job_id = any (awaiting) then (select j.state from cogo.jobs j where j.id = i.job_id)
                                 else 'succeeded' end) as verdict
              from unnest(items) i
            union all
            select p.id, jsonb_build_object('job_id', p.id, 'verdict', 'ok', 'state', 'succeeded') from unnest(plain) p(id)) x), '[]');
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;

-- sql/jobs/335_fn_turn.sql 3f6f9a1bc6f9aaf9
-- cogo_api.turn: finish and claim in one call and one transaction, which is what a busy worker does all day: half the calls and half
-- the commits. Returns {verdicts: as finish, jobs: as claim}; results are recorded when the answer is there, both or neither.
-- results: as finish, may be empty; the rest as claim. Errors: as finish and claim; then nothing was recorded, nor leased.
create or replace function cogo_api.turn(
  executor_id text, results jsonb, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  verdicts jsonb := case when turn.results = '[]' then '[]' else cogo_api.finish(turn.results) end;
begin
  return jsonb_build_object('verdicts', verdicts,
    'jobs', cogo_api.claim(turn.executor_id, turn.qty, turn.lease_s, turn.include_types, turn.epoch));
end
$$;
revoke all on function cogo_api.turn(text, jsonb, int, int, text[], int) from public;
grant execute on function cogo_api.turn(text, jsonb, int, int, text[], int) to anon, authenticated, service_role;

-- sql/jobs/340_fn_fail.sql a3b9ffc9ef864888
-- cogo_api.fail: records failed attempts; returns [{job_id, verdict, state}] by job id.
-- failures: [{job_id, token, error:{code, message, reason?}, retryable, retry_after_s?}].
-- A retryable failure is tried again after retry_after_s, or after a full-jitter backoff: random() * least(60, 0.5 * 2^(failures - 1))
-- seconds; when max_attempts failures are spent the job is dead (exhausted_retries). One that is not retryable is dead at once, with
-- error.reason where that is a dead-letter reason, else validation_failed.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.fail(failures jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
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

-- sql/jobs/350_fn_release.sql 503cc73eb00f2f21
-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?, steps?, children?, await?}]; returns [{job_id, verdict, state}] by job id. The job is queued
-- again at once and its next claim gets the checkpoint; with await it is blocked until its children are over.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  items     cogo.fenced_item[];
  item      record;
  again     uuid[] := '{}';
  cancelled uuid[] := '{}';
begin
  perform cogo.lock_children(releases);
  items := cogo.fenced(releases);
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

-- sql/jobs/353_fn_family.sql fdbdf57da47ffa7e
-- cogo.family: a job and all below it, the job first. Also those that are over: what a child began may go on when the child has ended.
create or replace function cogo.family(job_id uuid)
returns uuid[]
language sql
stable
set search_path = ''
as $$
  with recursive below as (
    select family.job_id as id, 0 as depth
    union all
    select j.id, b.depth + 1
      from below b join cogo.jobs j on j.parent_id = b.id
  )
  select array(select b.id from below b order by b.depth, b.id)
$$;

-- sql/jobs/355_fn_lock_family.sql d3beef079a410574
-- cogo.lock_family: locks a job as lock_jobs does, with all below it where below is said; returns their ids, the job's
-- first. A child that was made while this waited for a lock would be locked out of order, so then all is let go and begun anew: once
-- a job is locked, no more children of it can be made.
create or replace function cogo.lock_family(job_id uuid, below boolean)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  ids uuid[];
begin
  loop
    ids := case when below then cogo.family(job_id) else array[job_id] end;
    begin
      perform cogo.lock_jobs(ids);
      if not below or cogo.family(job_id) <@ ids then
        return ids;
      end if;
      raise exception using errcode = 'CG0LF';
    exception when sqlstate 'CG0LF' then
      null;
    end;
  end loop;
end
$$;

-- sql/jobs/360_fn_cancel.sql 99bedd060f2becfd
-- cogo_api.cancel: cancels a job, and unless children is false what is below it and not over; returns {job_id, state,
-- cancel_requested, children}. Those that do not run are cancelled at once; running ones are asked to stop (by their next beat, and by
-- the doorbell) and count as cancelled when their worker reports or loses the lease. children: how many below it this call cancelled
-- or asked to stop. Again on a cancelled job is harmless. Needs editor.
-- Errors: CG003 as readable_job; CG022 the job succeeded or is dead.
create or replace function cogo_api.cancel(job_id uuid, children boolean default true)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  job    cogo.jobs := cogo.readable_job(cancel.job_id, 'editor');
  ids    uuid[] := cogo.lock_family(job.id, coalesce(children, true));
  asked  uuid[];
  ended  uuid[];
  queued uuid[];
  item   record;
begin
  select j.* into job from cogo.jobs j where j.id = job.id;
  if not found then
    job := cogo.readable_job(cancel.job_id, 'editor');
  end if;
  if job.state in ('succeeded', 'dead') then
    perform cogo.fail('CG022', format('the job is %s already', job.state), jsonb_build_object('state', job.state));
  end if;
  select coalesce(array_agg(j.id) filter (where j.state = 'running'), '{}'),
         coalesce(array_agg(j.id) filter (where j.state in ('scheduled', 'blocked', 'queued')), '{}'),
         coalesce(array_agg(j.id) filter (where j.state = 'queued'), '{}')
    into asked, ended, queued
    from cogo.jobs j
   where j.id = any (ids) and j.state not in ('succeeded', 'dead', 'cancelled') and (j.state <> 'running' or j.cancel_requested_at is null);
  update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = any (asked || ended);
  for item in select j.id, j.executor_id from cogo.jobs j where j.id = any (asked) order by j.id loop
    perform cogo.tell(array[item.id], 'job.cancel_requested', jsonb_build_object('executor_id', item.executor_id));
    perform cogo.hint('agents:' || item.executor_id, 'cancel', jsonb_build_object('job_id', item.id));
  end loop;
  for item in
    select j.lane, array_agg(j.msg_id order by j.msg_id) as messages
      from cogo.jobs j where j.id = any (queued) and j.msg_id is not null group by j.lane order by j.lane
  loop
    perform cogo.drop_messages(item.lane, item.messages);
  end loop;
  perform cogo.settle_cancelled(ended);
  perform cogo.jobs_over(ended, queued);
  job := cogo.readable_job(cancel.job_id, 'editor');
  return jsonb_build_object('job_id', job.id, 'state', job.state, 'cancel_requested', job.cancel_requested_at is not null,
    'children', cardinality(array_remove(asked || ended, job.id)));
end
$$;
revoke all on function cogo_api.cancel(uuid, boolean) from public;
grant execute on function cogo_api.cancel(uuid, boolean) to anon, authenticated, service_role;

-- sql/jobs/395_fn_job_detail.sql fc84430f85787d5c
-- cogo_api.job_detail: what job_status leaves out: {attempts:[{attempt, executor_id, started_at, ended_at, outcome, error}],
-- steps:[{name, attempt, at}], children:[{job_id, type, state}]}; attempts in order, the running one without ended_at and outcome;
-- at most 1,000 steps and children, oldest first. Needs viewer. Error: CG003.
create or replace function cogo_api.job_detail(job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(job_detail.job_id, 'viewer');
begin
  return jsonb_build_object(
    'attempts', coalesce((
      select jsonb_agg(jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id, 'started_at', a.started_at,
               'ended_at', a.ended_at, 'outcome', a.outcome, 'error', a.error) order by a.attempt)
        from cogo.attempts a where a.job_id = job.id), '[]'),
    'steps', coalesce((
      select jsonb_agg(jsonb_build_object('name', s.name, 'attempt', s.attempt, 'at', s.at) order by s.at, s.name)
        from (select x.* from cogo.job_steps x where x.job_id = job.id order by x.at, x.name limit 1000) s), '[]'),
    'children', coalesce((
      select jsonb_agg(jsonb_build_object('job_id', c.id, 'type', c.type, 'state', c.state) order by c.id)
        from (select j.id, j.type, j.state from cogo.jobs j where j.parent_id = job.id
              union all
              select h.id, h.type, h.state from cogo.jobs_history h where h.parent_id = job.id
               order by 1 limit 1000) c), '[]'));
end
$$;
revoke all on function cogo_api.job_detail(uuid) from public;
grant execute on function cogo_api.job_detail(uuid) to anon, authenticated, service_role;

-- sql/jobs/398_fn_job_turns.sql 176c8bc4985700c7
-- cogo.job_turns: the plain turns of a job's life as events: enqueued, each start, done; but those an event was stored for, as it was
-- done in earlier versions, and is for starts of failed attempts when the job moves to the history. The id of such an event is its time in microseconds, as that of a stored one is about, so they are in one order.
create or replace function cogo.job_turns(job_id uuid)
returns table (id bigint, kind text, data jsonb, at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  job record;
begin
  select j.type, j.state, j.attempt, j.redriven_from, j.created_at, j.finished_at into job from cogo.jobs j where j.id = job_turns.job_id;
  if not found then
    select h.type, h.state, h.attempt, h.redriven_from, h.created_at, h.finished_at into job
      from cogo.jobs_history h where h.id = job_turns.job_id limit 1;
    if not found then
      return;
    end if;
  end if;
  return query
    select (extract(epoch from t.at) * 1000000)::bigint, t.kind, t.data, t.at
      from (select 'job.enqueued' as kind, jsonb_strip_nulls(jsonb_build_object('type', job.type, 'redriven_from', job.redriven_from)) as data, 0 as attempt, job.created_at as at
            union all
            select 'job.started', jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id), a.attempt, a.started_at
              from cogo.attempts a where a.job_id = job_turns.job_id
            union all
            select 'job.done', jsonb_build_object('state', job.state, 'attempt', job.attempt), job.attempt, job.finished_at where job.state = 'succeeded') t
     where not exists (
       select from cogo.job_events e
        where e.job_id = job_turns.job_id and e.kind = t.kind
          and coalesce((e.data ->> 'attempt')::int, 0) = t.attempt);
end
$$;

-- sql/jobs/400_fn_job_events.sql 0840b49087d7aa8d
-- cogo_api.job_events: the events of a job after an id, oldest first, at most 1,000: [{id, kind, data, at}]. Needs viewer.
-- Error: CG003.
create or replace function cogo_api.job_events(job_id uuid, after_id bigint default 0, lim int default 200)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  most int := least(greatest(coalesce(lim, 200), 1), 1000);
begin
  perform cogo.readable_job(job_events.job_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'data', e.data, 'at', e.at) order by e.id)
      from (select x.id, x.kind, x.data, x.at
              from ((select s.id, s.kind, s.data, s.at from cogo.job_events s
                      where s.job_id = job_events.job_id and s.id > coalesce(after_id, 0)
                      order by s.id limit most)
                    union all
                    select t.id, t.kind, t.data, t.at from cogo.job_turns(job_events.job_id) t where t.id > coalesce(after_id, 0)) x
             order by x.id limit most) e), '[]');
end
$$;
revoke all on function cogo_api.job_events(uuid, bigint, int) from public;
grant execute on function cogo_api.job_events(uuid, bigint, int) to anon, authenticated, service_role;

-- sql/jobs/410_fn_list_jobs.sql 12d847bd66ecd663
-- cogo_api.list_jobs: the newest jobs of a project, of one state where given, at most 500, also those of the history; a dead one with
-- its reason. Needs viewer.
create or replace function cogo_api.list_jobs(project_id uuid, state text default null, lim int default 50)
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
              (select j.id, cogo.job_json(j) || case when j.state = 'dead' then jsonb_build_object('reason',
                        (select d.reason from cogo.job_dead d where d.job_id = j.id)) else '{}' end as body
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

-- sql/jobs/412_fn_list_dead.sql 49608275e908823c
-- cogo_api.list_dead: the dead letters of a project, newest first, of one reason or type where given, at most 500: [{job_id, type,
-- reason, error, at, attempt, failures, lease_losses, executor_id, redriven_to}]. redriven_to: the job that redrive made of it.
-- Needs viewer. Error: CG003.
create or replace function cogo_api.list_dead(project_id uuid, reason text default null, type text default null, lim int default 50)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(list_dead.project_id, 'viewer');
  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', d.job_id, 'type', d.type, 'reason', d.reason, 'error', d.error, 'at', d.at,
             'attempt', d.attempt, 'failures', d.failures, 'lease_losses', d.lease_losses, 'executor_id', d.executor_id,
             'redriven_to', d.redriven_to) order by d.at desc, d.job_id desc)
      from (select x.job_id, j.type, x.reason, x.error, x.at, j.attempt, j.failures, j.lease_losses, j.executor_id, x.redriven_to
              from cogo.job_dead x join cogo.jobs j on j.id = x.job_id
             where x.project_id = list_dead.project_id
               and (list_dead.reason is null or x.reason = list_dead.reason)
               and (list_dead.type is null or j.type = list_dead.type)
             order by x.at desc, x.job_id desc
             limit least(greatest(coalesce(lim, 50), 1), 500)) d), '[]');
end
$$;
revoke all on function cogo_api.list_dead(uuid, text, text, int) from public;
grant execute on function cogo_api.list_dead(uuid, text, text, int) to anon, authenticated, service_role;

-- sql/jobs/420_fn_register_executor.sql 76775d348f2d3ab9
-- cogo_api.register_executor: announces an executor, or changes what it says of itself; returns {executor_id, kind, project_id, epoch}.
-- info: {version?, slots?, capabilities?, draining?, stopped?, kind?, instance?, beat_s?, epoch?, …}, kept whole. stopped: it leaves in
-- good order, and is no longer waited for. A worker token fixes kind and project;
-- the server may name a kind (default cogo-plan) and serves every project.
-- instance: a name of the process. Another instance of the same id begins a new epoch: claims and beats that carry an older one are
-- refused, and the leases of the old process end with the next sweep. The same instance again keeps its epoch and its leases; without
-- one, every registration is an epoch and leases are left alone. epoch: the one this process had: it is refused when another process
-- has taken over since, so that one which was away does not take the executor back.
-- beat_s: how often it will be heard of (1 to 300 s): after three misses it counts as dead and its leases end at once.
-- Errors: as executor_scope; CG004 unknown kind, beat_s out of range; CG007 a version this database does not work with; CG025 its
-- epoch is over.
create or replace function cogo_api.register_executor(executor_id text, info jsonb default '{}')
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
  oldest text := cogo.oldest_worker();
begin
  if (info ->> 'version') ~ '^\d{1,9}\.\d{1,9}\.\d{1,9}' and (info ->> 'kind') = 'cogo-work'
     and string_to_array(substring(info ->> 'version' from '^\d+\.\d+\.\d+'), '.')::int[] < string_to_array(oldest, '.')::int[]
  then
    perform cogo.fail('CG007', format('this worker is version %s, this database works with %s and later', info ->> 'version', oldest),
      jsonb_build_object('version', info ->> 'version', 'oldest', oldest), 'Update cogo-work on this machine and start it again');
  end if;
  if (cogo.identity()).kind = 'service' then
    kind := coalesce(info ->> 'kind', scope.kind, 'cogo-plan');
    if kind not in ('cogo-plan', 'cogo-work') then
      perform cogo.fail('CG004', 'kind must be cogo-plan or cogo-work', jsonb_build_object('field', 'kind'));
    end if;
  else
    kind := scope.kind;
  end if;
  select e.* into old from cogo.executors e where e.id = register_executor.executor_id for update;
  if old.epoch > (info ->> 'epoch')::int and old.instance is distinct from left(info ->> 'instance', 200) then
    perform cogo.fail('CG025', 'a newer process runs as this executor', jsonb_build_object('epoch', (info ->> 'epoch')::int),
      'Stop this one');
  end if;
  insert into cogo.executors as e (id, project_id, kind, info, draining, instance, beat_s, stopped_at)
  values (register_executor.executor_id, scope.project_id, kind, coalesce(info - 'epoch', '{}'), coalesce((info ->> 'draining')::boolean, false),
    left(info ->> 'instance', 200), (info ->> 'beat_s')::int, case when (info ->> 'stopped')::boolean then clock_timestamp() end)
  on conflict on constraint executors_pkey do update
    set kind = excluded.kind, info = excluded.info, draining = excluded.draining, instance = excluded.instance,
        beat_s = excluded.beat_s, dead_at = null, stopped_at = excluded.stopped_at,
        running = case when e.instance = excluded.instance and excluded.stopped_at is null then e.running else 0 end,
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
  return jsonb_build_object('executor_id', made.id, 'kind', made.kind, 'project_id', made.project_id, 'epoch', made.epoch);
exception
  when check_violation or invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG004', 'info is out of range: beat_s is 1 to 300, draining and stopped true or false', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.register_executor(text, jsonb) from public;
grant execute on function cogo_api.register_executor(text, jsonb) to anon, authenticated, service_role;

-- sql/jobs/430_fn_list_executors.sql 6d592394810a2701
-- cogo_api.list_executors: the executors that serve a project, [{executor_id, kind, info, epoch, state, draining, alive, running,
-- started_at, last_seen, stopped_at, dead_at}]; state: as executor_state; alive: none of stopped, dead, silent; running: jobs of this project it holds. Needs to be a member (viewer of a private
-- project); readers of a public project get [].
create or replace function cogo_api.list_executors(project_id uuid)
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
             'state', cogo.executor_state(e), 'draining', e.draining,
             'alive', cogo.executor_state(e) in ('draining', 'working', 'idle'),
             'running', (select count(*) from cogo.jobs j
                          where j.state = 'running' and j.executor_id = e.id and j.project_id = list_executors.project_id),
             'started_at', e.started_at, 'last_seen', e.last_seen, 'stopped_at', e.stopped_at, 'dead_at', e.dead_at) order by e.last_seen desc, e.id)
      from cogo.executors e
     where e.project_id is null or e.project_id = list_executors.project_id), '[]');
end
$$;
revoke all on function cogo_api.list_executors(uuid) from public;
grant execute on function cogo_api.list_executors(uuid) to anon, authenticated, service_role;

-- sql/jobs/440_fn_sweep.sql d8dc7c8c56b013d9
-- cogo_api.sweep: what no caller does: dead executors, expired leases, due jobs, free slots, lost messages, low watermarks. Scheduled every second; one
-- at a time (a second one returns {skipped: true}); each part takes a bounded bite. Returns {expired, dead, due, promoted, resent,
-- executors_dead}.
-- Error: CG002 not the server.
create or replace function cogo_api.sweep()
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
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
                     where x.dead_at is null and x.stopped_at is null and x.last_seen < clock_timestamp() - make_interval(secs => 3 * x.beat_s)
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

-- sql/jobs/465_fn_move_to_history.sql 94eb510845094e26
-- cogo.move_to_history: moves up to lim jobs that succeeded or were cancelled over an hour ago, and whose parent is over, to
-- jobs_history, with their payloads; their steps and closed attempts go. Returns how many.
create or replace function cogo.move_to_history(lim int, older_than interval default '1 hour')
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
  -- the history has no attempts: starts that can't be read off any more are stored, and nobody is told of them again
  insert into cogo.job_events (id, job_id, project_id, kind, data, quiet, at)
  select (extract(epoch from a.started_at) * 1000000)::bigint, a.job_id, a.project_id, 'job.started',
         jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id), true, a.started_at
    from cogo.job_attempts a
   where a.job_id = any (ids)
     and not exists (
       select from cogo.job_events e
        where e.job_id = a.job_id and e.kind = 'job.started' and (e.data ->> 'attempt')::int = a.attempt);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p where p.job_id = any (ids);
  delete from cogo.jobs j where j.id = any (ids);
  return cardinality(ids);
end
$$;

-- sql/jobs/466_fn_due_objects.sql 4e49b8d3a2e5c452
-- cogo.due_objects: objects of the bucket cogo-artifacts that nobody needs any more, the oldest first: {path, home, reason}. home: the
-- project it belonged to, null when that is gone or unknown.
--   expired  an artifact (jobs/…) made over 30 days ago
--   orphan   over a day old, and an artifact of a job that is gone, or a payload (payloads/…) that no job of cogo.jobs refers to
-- Nothing is kept about what is due: it is read off the objects, so what could not be deleted is due again. Only the Storage API may
-- delete an object (it deletes the file before the row): see the job type storage.clean.
create or replace function cogo.due_objects(lim int)
returns table (path text, home uuid, reason text)
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('storage.objects') is null then
    return;
  end if;
  return query execute $sql$
    select o.name, coalesce(l.project_id, h.project_id, p.id),
           case when o.family = 'jobs' and (l.project_id is not null or h.project_id is not null) then 'expired' else 'orphan' end
      from (select x.name, x.created_at, split_part(x.name, '/', 1) as family,
                   case when split_part(x.name, '/', 2) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then split_part(x.name, '/', 2)::uuid end as id
              from storage.objects x
             where x.bucket_id = 'cogo-artifacts' and x.created_at < clock_timestamp() - interval '1 day') o
      left join cogo.jobs l on o.family = 'jobs' and l.id = o.id
      left join lateral (select y.project_id from cogo.jobs_history y where o.family = 'jobs' and l.id is null and y.id = o.id limit 1) h on true
      left join cogo.projects p on o.family = 'payloads' and p.id = o.id
     where case
             when l.project_id is not null or h.project_id is not null then o.created_at < clock_timestamp() - interval '30 days'
             when p.id is not null then not exists (
               select from cogo.job_payloads i
                where i.input ? 'payload_ref' and i.input #>> '{payload_ref,path}' = o.name)
             else o.family in ('jobs', 'payloads')
           end
     order by o.created_at
     limit $1$sql$ using lim;
end
$$;

-- sql/jobs/467_fn_clean_storage.sql bf406576d84fc97c
-- cogo.clean_storage: makes a job storage.clean for each project that has objects nobody needs (due_objects), unless one waits or runs
-- already; what belongs to no project is the first one's to delete. Returns how many it made. A project that may not have more jobs
-- waiting gets its job an hour later.
create or replace function cogo.clean_storage()
returns int
language plpgsql
set search_path = ''
as $$
declare
  home uuid;
  made int := 0;
begin
  for home in
    select distinct coalesce(d.home, (select p.id from cogo.projects p order by p.created_at, p.id limit 1)) from cogo.due_objects(1000) d
  loop
    continue when home is null or exists (
      select from cogo.job_slots s where s.project_id = home and s.key = 'storage.clean' and s.used > 0);
    begin
      perform cogo_api.enqueue(home, '[{"type": "storage.clean", "concurrency_key": "storage.clean", "priority": 2}]');
      made := made + 1;
    exception when sqlstate 'CG024' then
      null;
    end;
  end loop;
  return made;
end
$$;

-- sql/jobs/468_fn_due_objects.sql d95813d910859e32
-- cogo_api.due_objects: [{path, reason}] of the bucket cogo-artifacts that a job storage.clean of this project may delete, the oldest
-- first, at most lim (1 to 1,000): the project's own, and those that belong to none. Reasons as cogo.due_objects. Error: CG002 not
-- the server.
create or replace function cogo_api.due_objects(project_id uuid, lim int default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_service();
  return (
    select coalesce(jsonb_agg(jsonb_build_object('path', m.path, 'reason', m.reason)), '[]')
      from (select d.path, d.reason from cogo.due_objects(10000) d
             where d.home is null or d.home = due_objects.project_id
             limit least(greatest(due_objects.lim, 1), 1000)) m);
end
$$;
revoke all on function cogo_api.due_objects(uuid, int) from public;
grant execute on function cogo_api.due_objects(uuid, int) to service_role;

-- sql/jobs/470_fn_housekeeping.sql ba0cb8b7c9532df9
-- cogo.housekeeping: deletes what nobody needs any more, hourly, in bounded bites: expired idempotency keys, full rate buckets, traces and
-- their events after 30 days, job keys after their 7 days, job events after 14 days, dead jobs after 30, the history of jobs after 13 weeks, executors unseen for 30
-- days, and the run log
-- of pg_cron, which never cleans itself (a job every second writes 86,400 rows a day). Also makes the HNSW indexes
-- that have become worth it, and the jobs that delete what nobody needs from Storage.
create or replace function cogo.housekeeping()
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
  perform cogo.clean_storage();
  perform cogo.ensure_vector_indexes();
  if to_regclass('cron.job_run_details') is not null then
    begin
      delete from cron.job_run_details d where d.end_time < moment - interval '1 day';
      delete from cron.job_run_details d
       where d.end_time < moment - interval '10 minutes' and d.status = 'succeeded' and d.jobid in (select j.jobid from cron.job j where j.jobname = 'cogo-doorbell');
    exception when insufficient_privilege or undefined_column then
      null;
    end;
  end if;
end
$$;

-- sql/jobs/475_fn_set_doorbell.sql cfc85ad38c47900b
-- cogo_api.set_doorbell: says where the edge consumer of an executor kind is and how many may work at once (1 to 20; as before where
-- null); url null silences it, and with the last one the schedule of every second ends. Returns {executor, url, seats}. Forgets what the consumers said they can do: another one may stand there.
-- Errors: CG002 not the server; CG004 url is not http(s) or holds a user, seats out of range, unknown executor.
create or replace function cogo_api.set_doorbell(url text, executor text default 'cogo-plan', seats int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  bell cogo.doorbells;
begin
  perform cogo.require_service();
  insert into cogo.doorbells as d (executor, url, seats)
  values (set_doorbell.executor, set_doorbell.url, coalesce(set_doorbell.seats, 2))
  on conflict on constraint doorbells_pkey do update
    set url = excluded.url, seats = coalesce(set_doorbell.seats, d.seats), types = null, ticket_hash = null, rung_at = null
  returning d.* into bell;
  -- looked at every second only where there is something to ring
  if to_regprocedure('cron.schedule(text,text,text)') is not null then
    if exists (select from cogo.doorbells d where d.url is not null) then
      perform cron.schedule('cogo-doorbell', '1 second', 'select cogo.ring_doorbell(d.executor) from cogo.doorbells d');
    elsif exists (select from cron.job j where j.jobname = 'cogo-doorbell') then
      perform cron.unschedule('cogo-doorbell');
    end if;
  end if;
  return jsonb_build_object('executor', bell.executor, 'url', bell.url, 'seats', bell.seats);
exception when check_violation or not_null_violation then
  perform cogo.fail('CG004', 'url must be http(s) without a user, seats 1 to 20, executor cogo-plan or cogo-work', jsonb_build_object('reason', sqlerrm));
  return null;
end
$$;
revoke all on function cogo_api.set_doorbell(text, text, int) from public;
grant execute on function cogo_api.set_doorbell(text, text, int) to service_role;

-- sql/jobs/476_fn_answer_doorbell.sql bed9b91e07ec6550
-- cogo_api.answer_doorbell: a consumer that was rung shows the ticket it got and becomes one of the bell's executors; returns
-- {executor_id, kind, project_id, epoch} as register_executor. info: as there, with types (what it can do) and instance.
-- A ticket is good once, for a minute. No free seat: {executor_id: null}, and the ring counts as answered.
-- Errors: CG002 not the server; CG001 the ticket is unknown, used or old.
create or replace function cogo_api.answer_doorbell(ticket text, info jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  bell cogo.doorbells;
  seat text;
begin
  perform cogo.require_service();
  update cogo.doorbells d
     set ticket_hash = null, answered_at = clock_timestamp(),
         types = case when jsonb_typeof(info -> 'types') = 'array' then array(select jsonb_array_elements_text(info -> 'types')) end
   where d.ticket_hash = sha256(convert_to(ticket, 'UTF8')) and d.rung_at > clock_timestamp() - interval '1 minute'
  returning d.* into bell;
  if not found then
    perform cogo.fail('CG001', 'the ticket of this ring is unknown, used or old', null, 'Only the doorbell wakes a consumer');
  end if;
  seat := cogo.free_seat(bell.executor, bell.seats);
  if seat is null then
    return jsonb_build_object('executor_id', null, 'kind', bell.executor);
  end if;
  return cogo_api.register_executor(seat, info || jsonb_build_object('kind', bell.executor));
end
$$;
revoke all on function cogo_api.answer_doorbell(text, jsonb) from public;
grant execute on function cogo_api.answer_doorbell(text, jsonb) to service_role;

-- sql/jobs/477_fn_ring_doorbell.sql bd1ea41f6995a5f7
-- cogo_api.ring_doorbell: cogo.ring_doorbell for the server: a consumer that leaves work behind has it rung once more. Error: CG002.
create or replace function cogo_api.ring_doorbell(executor text default 'cogo-plan')
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_service();
  return cogo.ring_doorbell(ring_doorbell.executor);
end
$$;
revoke all on function cogo_api.ring_doorbell(text) from public;
grant execute on function cogo_api.ring_doorbell(text) to service_role;

-- sql/jobs/480_fn_can_use_artifact.sql 5ab6c1a6ab45f07e
-- cogo.can_read_artifact, cogo.can_write_artifact: whether the caller may read or make an object of the bucket cogo-artifacts. Used by
-- the policies on storage.objects; they disclose nothing but that answer. An existing object is never written again.
--   jobs/{job_id}/{attempt}/{set}/{file}   read: the project's members, tokens and workers; write: a worker of the project and the
--                                          executor kind that runs this attempt, while it runs
--   payloads/{project_id}/{name}           read: the same; write: editors of the project
create or replace function cogo.can_read_artifact(name text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  part text[] := string_to_array(name, '/');
  home uuid;
begin
  if part[1] = 'payloads' then
    home := part[2]::uuid;
  elsif part[1] = 'jobs' then
    select j.project_id into home from cogo.jobs j where j.id = part[2]::uuid;
    if not found then
      select h.project_id into home from cogo.jobs_history h where h.id = part[2]::uuid limit 1;
    end if;
  end if;
  if home is null then
    return false;
  end if;
  -- readers of a public project see its jobs, not what they left behind
  return coalesce(cogo.role_in(home) in ('service', 'worker', 'editor', 'admin', 'owner'), false) or exists (
    select from cogo.project_members m where m.project_id = home and m.user_id = (cogo.identity()).user_id);
exception
  when invalid_text_representation or sqlstate 'CG001' then
    return false;
end
$$;

create or replace function cogo.can_write_artifact(name text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  part text[] := string_to_array(name, '/');
  who  record := cogo.identity();
begin
  if name !~ '^[A-Za-z0-9_-]+(/[A-Za-z0-9_][A-Za-z0-9._-]*){2,5}$' then
    return false;
  elsif part[1] = 'payloads' and cardinality(part) = 3 then
    return coalesce(cogo.role_in(part[2]::uuid) in ('service', 'editor', 'admin', 'owner'), false);
  elsif part[1] = 'jobs' and cardinality(part) >= 4 and part[3] ~ '^\d{1,9}$' then
    return who.kind = 'service' or who.kind = 'worker' and exists (
      select from cogo.jobs j join cogo.executors e on e.id = j.executor_id
       where j.id = part[2]::uuid and j.project_id = who.project_id and j.state = 'running' and j.attempt = part[3]::int
         and e.kind = who.executor);
  end if;
  return false;
exception
  when invalid_text_representation or sqlstate 'CG001' then
    return false;
end
$$;

-- sql/jobs/900_schedules.sql f37a092aa42b1886
-- by hand

-- sql/jobs/910_grants.sql 5f6407c67647e365
-- Nothing in cogo is for the API roles but the two functions that policies on realtime.messages call.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;

-- sql/jobs/920_artifacts.sql 74677a4f3c795797
-- by hand

-- end of what is built

-- Claims: what needs the function of the check
alter table cogo.jobs add constraint jobs_sound check (cogo.sound_job(jobs));

-- jobs: the functions of the lanes in their new form
do $$
begin
  perform cogo.create_lane_functions(l.name, l.queue_name) from cogo.lanes l;
  perform cogo.create_dispatch();
end
$$;

-- proof: the sweep comes every second instead of every 5, so that with a lease of 30 s a lost job is handed on within 32
do $$
begin
  if to_regprocedure('cron.schedule(text,text,text)') is not null then
    perform cron.schedule('cogo-sweep', '1 seconds', 'select cogo_api.sweep()');
  end if;
end
$$;

-- Worker: the bucket of artifacts and its policies.
grant execute on function cogo.can_read_artifact(text), cogo.can_write_artifact(text) to anon, authenticated, service_role;

do $$
begin
  if to_regclass('storage.objects') is null or to_regclass('storage.buckets') is null then
    return;
  end if;
  insert into storage.buckets (id, name, public) values ('cogo-artifacts', 'cogo-artifacts', false) on conflict do nothing;
  execute 'drop policy if exists cogo_artifacts_read on storage.objects';
  execute 'drop policy if exists cogo_artifacts_write on storage.objects';
  execute 'create policy cogo_artifacts_read on storage.objects for select to anon, authenticated
             using (bucket_id = ''cogo-artifacts'' and cogo.can_read_artifact(name))';
  execute 'create policy cogo_artifacts_write on storage.objects for insert to anon, authenticated
             with check (bucket_id = ''cogo-artifacts'' and cogo.can_write_artifact(name))';
end
$$;
