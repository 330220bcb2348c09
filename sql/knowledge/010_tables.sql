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
  -- ids it had before it was taken over: calls under them come from a writer that lost it
  former_ids   uuid[] not null default '{}',
  constraint index_runs_generation_key unique (repo_id, generation),
  constraint index_runs_state_known check (state in ('running', 'published', 'aborted')),
  constraint index_runs_finished check ((state = 'running') = (finished_at is null))
);
-- one run at a time: index_begin aborts the one before it, index_resume takes it over
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
  -- what the file is beside the thing itself: test, migration, data; null: the thing
  role          text,
  -- words of its name and of its folders, each once
  base_terms    text[] not null default '{}',
  folder_terms  text[] not null default '{}',
  constraint source_files_path_key unique (repo_id, path, generation)
);
create index source_files_dropped on cogo.source_files (repo_id, dropped_by) where dropped_by is not null;
create index source_files_project on cogo.source_files (project_id);

create table cogo.chunks (
  id            bigint generated always as identity primary key,
  -- of its file, whose references see to both: two checks a row less
  project_id    uuid not null,
  repo_id       bigint not null,
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
  -- its terms: makes removal exact without an index on lex_postings.chunk_id
  term_ids      int[] not null default '{}',
  -- words of its symbol or heading, each once
  name_terms    text[] not null default '{}',
  -- only passes names on
  is_barrel     boolean not null default false,
  constraint chunks_ordinal_key unique (file_id, ordinal),
  constraint chunks_lines check (start_line >= 0 and end_line >= start_line),
  constraint chunks_length check (length >= 0)
);
create index chunks_project on cogo.chunks (project_id, repo_id, generation);
-- exact symbol
create index chunks_symbol on cogo.chunks (project_id, lower(symbol)) where symbol is not null;

create table cogo.lex_terms (
  id          int generated always as identity primary key,
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  -- compared for equality only: bytes, not words of a language
  term        text collate "C" not null,
  df          int not null default 0,
  -- the consonants of an English word (packages/spec/src/sound_key.ts), for Korean spellings of it
  sound       text collate "C",
  constraint lex_terms_term_key unique (project_id, term),
  constraint lex_terms_df check (df >= 0)
) with (fillfactor = 80);
create index lex_terms_sound on cogo.lex_terms (project_id, sound) where sound is not null;
-- misspelt words
create index lex_terms_trigrams on cogo.lex_terms using gin (term extensions.gin_trgm_ops) where sound is not null;

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

-- Where a word is common, only the places where it names something are candidates.
create index lex_postings_names on cogo.lex_postings (term_id, chunk_id) where name > 0;

create table cogo.lex_stats (
  project_id    uuid primary key references cogo.projects (id) on delete cascade,
  chunks        bigint not null default 0,
  total_length  bigint not null default 0,
  constraint lex_stats_positive check (chunks >= 0 and total_length >= 0)
);

-- One row per embedding model; only vectors of the same model are compared. hash-1024-v1 belongs to no project and is always there;
-- every other model is one project's: made side by side (building), then switched to (active, one at most), then kept or removed
-- (retired). A project without an active model of its own answers with hash-1024-v1.
create table cogo.embedding_models (
  id           smallint generated always as identity primary key,
  name         text not null,
  dims         int not null,
  -- what the model answers to fixed probes (packages/knowledge/src/embed/fingerprint.ts): vectors of another one are refused
  fingerprint  text,
  -- false: the vectors are made of the words themselves, so a chunk without a word of the query is hardly near it
  semantic     boolean not null default true,
  status       text not null default 'active',
  project_id   uuid references cogo.projects (id) on delete cascade,
  -- a text is cut to this many tokens before it is sent
  max_tokens   int not null default 480,
  -- the job that fills it, as last enqueued
  job_id       uuid,
  created_at   timestamptz not null default clock_timestamp(),
  switched_at  timestamptz,
  constraint embedding_models_status_known check (status in ('active', 'building', 'retired')),
  constraint embedding_models_name_key unique nulls not distinct (project_id, name),
  constraint embedding_models_dims check (dims between 1 and 4000),
  constraint embedding_models_own check (project_id is null or (name <> 'hash-1024-v1' and fingerprint is not null))
);
create unique index embedding_models_one_active on cogo.embedding_models (project_id) where status = 'active' and project_id is not null;
insert into cogo.embedding_models (name, dims, semantic) values ('hash-1024-v1', 1024, false);

create table cogo.chunk_embeddings (
  chunk_id    bigint not null references cogo.chunks (id) on delete cascade,
  model_id    smallint not null references cogo.embedding_models (id) on delete cascade,
  project_id  uuid not null,
  -- as many dimensions as the model has: embed_put sees to it
  embedding   extensions.halfvec not null,
  primary key (chunk_id, model_id)
);
-- 2,056 bytes are just over the TOAST threshold; in line, an exact scan reads pages in order instead of one TOAST row a vector
alter table cogo.chunk_embeddings alter column embedding set storage plain;
-- exact scan of one project; no HNSW below about 20,000 rows (40 s to build 5,000 in WASM, for a scan of 40 ms)
create index chunk_embeddings_project on cogo.chunk_embeddings (project_id, model_id);

-- Chunks that still want a vector of a model, and those whose vector could not be had, with the reason. A row is taken for a while
-- (visible_at), and goes when its vector is stored or its chunk is gone.
create table cogo.embed_queue (
  model_id    smallint not null references cogo.embedding_models (id) on delete cascade,
  chunk_id    bigint not null references cogo.chunks (id) on delete cascade,
  project_id  uuid not null,
  visible_at  timestamptz not null default '-infinity',
  -- how often it was taken; after three it waits for embed_retry
  attempts    smallint not null default 0,
  code        text,
  message     text,
  constraint embed_queue_pkey primary key (model_id, chunk_id)
);
create index embed_queue_chunk on cogo.embed_queue (chunk_id);

-- A term of a question that the vocabulary has; worth is its weight times its idf.
create type cogo.asked_term as (id int, term text, df int, worth double precision);
-- A candidate of a search with its scores: BM25F, cosine, and both fused.
create type cogo.fused_chunk as (chunk_id bigint, lexical double precision, vector double precision, fused double precision);

alter table cogo.repos enable row level security;
alter table cogo.index_runs enable row level security;
alter table cogo.source_files enable row level security;
alter table cogo.chunks enable row level security;
alter table cogo.lex_terms enable row level security;
alter table cogo.lex_postings enable row level security;
alter table cogo.lex_stats enable row level security;
alter table cogo.embedding_models enable row level security;
alter table cogo.chunk_embeddings enable row level security;
alter table cogo.embed_queue enable row level security;
