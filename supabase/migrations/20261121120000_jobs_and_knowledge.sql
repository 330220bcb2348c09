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
insert into cogo.job_types (pattern, executor, max_attempts, run_s) values ('embed.fill', 'cogo-work', 20, 3600) on conflict do nothing;

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

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/knowledge/010_tables.sql ed2c5daec520efdb
-- by hand

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

-- sql/knowledge/154_fn_ensure_vector_indexes.sql 93dbd23deccb4762
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
  model record;
  made  int := 0;
begin
  if version() ~* 'emscripten|wasm' then
    return 0;
  end if;
  for model in
    select m.id, m.dims from cogo.embedding_models m
     where m.project_id is not null and m.status in ('active', 'building')
       and to_regclass('cogo.chunk_embeddings_hnsw_' || m.id) is null
       and (select count(*) from (select from cogo.chunk_embeddings e
             where e.project_id = m.project_id and e.model_id = m.id limit min_rows + 1) e) > min_rows
  loop
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

-- sql/knowledge/160_fn_find_terms.sql 3bdff337475c83f5
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

-- sql/knowledge/164_fn_rank_chunks.sql b57b6f2923dd4613
-- cogo.rank_chunks: orders candidates by what a reader means, on top of how well the words fit. Strengths and wishes are query.rank (see search); one
-- that is not given has no effect.
--
-- Added to the base (the fused score over the best one): definition, whoever defines a name that was asked for; symbol, file, folder: share of
-- the words of the name that the question has; kind, of the chunk or language the question names; document, a section, when someone asks how
-- to do something; overview, where a README opens, when someone asks what the thing is; coherence, the
-- score of all candidates of the file over that of the best file. Factors: test, migration, data by the file's role, unless asked for; barrel; copy, a
-- text already listed; repeat, each further chunk of a file.
create or replace function cogo.rank_chunks(fused cogo.fused_chunk[], query jsonb, asked text[])
returns table (chunk_id bigint, score double precision, signals jsonb)
language plpgsql
stable
set search_path = ''
as $$
declare
  k     jsonb := coalesce(query -> 'rank', '{}');
  names text[] := array(select jsonb_array_elements_text(coalesce(query -> 'names', '[]')));
  s_definition double precision := coalesce((k ->> 'definition')::double precision, 0);
  s_symbol     double precision := coalesce((k ->> 'symbol')::double precision, 0);
  s_file       double precision := coalesce((k ->> 'file')::double precision, 0);
  s_folder     double precision := coalesce((k ->> 'folder')::double precision, 0);
  s_kind       double precision := coalesce((k ->> 'kind')::double precision, 0);
  s_document   double precision := coalesce((k ->> 'document')::double precision, 0);
  s_overview   double precision := coalesce((k ->> 'overview')::double precision, 0);
  s_coherence  double precision := coalesce((k ->> 'coherence')::double precision, 0);
  f_test       double precision := coalesce((k ->> 'test')::double precision, 1);
  f_migration  double precision := coalesce((k ->> 'migration')::double precision, 1);
  f_data       double precision := coalesce((k ->> 'data')::double precision, 1);
  f_barrel     double precision := coalesce((k ->> 'barrel')::double precision, 1);
  f_copy       double precision := coalesce((k ->> 'copy')::double precision, 1);
  f_repeat     double precision := coalesce((k ->> 'repeat')::double precision, 1);
  how_to       boolean := coalesce((k ->> 'how_to')::boolean, false);
  overview_of  boolean := coalesce((k ->> 'overview_of')::boolean, false);
  wants_tests  boolean := coalesce((k ->> 'wants_tests')::boolean, false);
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
           (select count(*) from unnest(l.name_terms) t where t = any (asked))::double precision / greatest(cardinality(l.name_terms), 1) as of_name,
           (select count(*) from unnest(l.base_terms) t where t = any (asked))::double precision / greatest(cardinality(l.base_terms), 1) as of_base,
           (select count(*) from unnest(l.folder_terms) t where t = any (asked))::double precision
             / greatest(cardinality(l.folder_terms), 1) as of_folder,
           (l.kind = any (asked) or l.language = any (asked))::int as of_kind,
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
  placed as (
    select a.*,
           row_number() over (partition by a.file_id order by a.points * a.factor desc, a.chunk_id) - 1 as before_in_file,
           row_number() over (partition by a.text order by a.points * a.factor desc, a.chunk_id) > 1 as is_copy
      from added a
  )
  select p.chunk_id, p.points * p.factor * power(f_repeat, p.before_in_file) * case when p.is_copy then f_copy else 1 end,
         jsonb_build_object('lexical', p.lexical, 'vector', p.vector, 'base', p.base, 'definition', s_definition * p.definition,
           'symbol', s_symbol * p.named * p.of_name, 'file', s_file * p.named * p.of_base, 'folder', s_folder * p.of_folder,
           'kind', s_kind * p.of_kind, 'document', case when how_to and p.kind = 'section' then s_document else 0 end,
           'coherence', s_coherence * p.share, 'factor', p.factor,
           'repeat', power(f_repeat, p.before_in_file) * case when p.is_copy then f_copy else 1 end)
    from placed p;
end
$$;

-- sql/knowledge/230_fn_index_put.sql ae6c17e8900e0849
-- cogo_api.index_put: writes files with all their chunks into an open run and returns {files, chunks}. Each file is replaced whole,
-- and the call is atomic: all of its files, or none. Readers see nothing of it before index_finish.
--
-- files: [{path, content_hash, language?, bytes?, extractor, warning?, role?, base_terms?, folder_terms?, sounds?:{term: key}, chunks:[{ordinal, kind,
--   symbol?, signature?, heading?, start_line, end_line, text, content_hash, tokens:{path:{t:n}, name:{..}, doc:{..}, body:{..}}, length,
--   name_terms?, is_barrel?, embedding?}]}]
-- embedding: '[x,y,...]' of the run's model (meta.embedder of index_begin, default hash-1024-v1) or null.
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
  counted as materialized (
    select t.chunk_id, ids.id as term_id, t.path, t.name, t.doc, t.body
      from token t
      join (select k.id, k.term from known k where k.id is not null union all select a.id, a.term from added a) ids
        on ids.term = t.term
  ),
  chunk as (
    insert into cogo.chunks (id, project_id, repo_id, file_id, generation, ordinal, kind, symbol, signature, heading,
                             start_line, end_line, text, content_hash, length, term_ids, name_terms, is_barrel)
    overriding system value
    select i.chunk_id, run.project_id, run.repo_id, i.file_id, run.generation, r.ordinal, r.kind, r.symbol, r.signature, r.heading,
           r.start_line, r.end_line, r.text, r.content_hash, coalesce(r.length, 0), coalesce(terms.ids, '{}'),
           coalesce(r.name_terms, '{}'), coalesce(r.is_barrel, false)
      from item i
     cross join lateral jsonb_to_record(i.body)
        as r(ordinal int, kind text, symbol text, signature text, heading text, start_line int, end_line int, text text,
             content_hash text, length int, name_terms text[], is_barrel boolean)
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

-- sql/knowledge/250_fn_index_finish.sql 6eff4f0e44af4630
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

-- sql/knowledge/300_fn_search.sql bc9ca40ed6c57e65
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
--   rank?: {definition, symbol, file, folder, kind, document, overview, coherence, test, barrel, migration, data, copy, repeat,
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
    select p.chunk_id, p.length, t.id as term_id, t.worth, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body as tf
      from essential t
     -- offset 0: an index range a term, never a scan of all postings, also where no statistics are
     cross join lateral (select x.* from cogo.lex_postings x where x.term_id = t.id offset 0) p
     where is_small or t.df <= budget
    union all
    select p.chunk_id, p.length, t.id, t.worth, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body
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
     where p.tf > 0
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
              where not (t.so_far <= budget or t.df = t.rarest) and x.tf > 0), 0)
      from (select * from found order by score desc, chunk_id limit 400) f
     where not is_small
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
       select x.* from cogo.chunks x
        where x.project_id = search.project_id and lower(x.symbol) = name and x.symbol is not null limit 20) c
      join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation and c.repo_id = any (repo_ids)
      join cogo.source_files f on f.id = c.file_id
     where (kinds is null or c.kind = any (kinds)) and (prefix is null or starts_with(f.path, prefix))
       and (languages is null or f.language = any (languages))
  ),
  candidate as (
    select l.chunk_id from lexical l union select v.chunk_id from near v union select d.chunk_id from named d
  ),
  scored as (
    select k.chunk_id, greatest(coalesce(l.score, 0), 0) as lexical,
           greatest(coalesce(
             v.score,
             (select 1 - (e.embedding operator(extensions.<=>) goal) from cogo.chunk_embeddings e
               where goal is not null and e.chunk_id = k.chunk_id and e.model_id = model.id), 0), 0) as vector
      from candidate k
      left join bm25 l on l.chunk_id = k.chunk_id
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
      query, array(select distinct t.term from unnest(asked) t)) r
     order by r.score desc, r.chunk_id
     limit lim
  )
  select jsonb_agg(
           cogo.chunk_json(c, f, r) || jsonb_build_object('score', h.score) || case when explain then jsonb_build_object('signals', h.signals) else '{}' end
           order by h.score desc, h.chunk_id)
    into items
    from ranked h
    join cogo.chunks c on c.id = h.chunk_id
    join cogo.source_files f on f.id = c.file_id
    join cogo.repos r on r.id = c.repo_id;

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

-- sql/knowledge/420_fn_embed_take.sql aebb93590ada4a93
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
          'next_in_s', ceil(extract(epoch from greatest(min(q.visible_at) filter (where q.attempts < 3 and q.chunk_id <> all (taken)), moment) - moment)))
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

-- sql/jobs/010_tables.sql ab2c6a2c502b320a
-- by hand

-- sql/jobs/016_doorbells.sql 2e5211338a4d0333
-- by hand

-- sql/jobs/140_fn_ring.sql 14a054b1e6223a0a
-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20. One message each on agents:{executor_id}; a hint, everyone polls as well. Edge consumers have no ear on Realtime:
-- where the lane's kind has a doorbell, it is rung.
create or replace function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
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
  if ring.pinned_executor_id is null then
    perform cogo.ring_doorbell(split_part(ring.lane, '/', 1));
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

-- sql/jobs/144_fn_ring_doorbell.sql b17abde483bf825d
-- cogo.ring_doorbell: wakes one edge consumer of an executor kind over pg_net, where jobs wait for it (needs_ring) and a seat is free;
-- returns whether it rang. At most one ring a second; while a ring is unanswered, one in five. Called by pg_cron every second, by
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
     and (d.rung_at is null or d.rung_at < clock_timestamp() - make_interval(secs => case when d.ticket_hash is null then 1 else 5 end));
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

-- sql/jobs/230_fn_plan_jobs.sql 726aed0c7c165c92
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
               when r.type is null then 'type is not known'
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

-- sql/jobs/330_fn_finish.sql ca3bc0f9a3953f5a
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
as $$
declare
  items     cogo.fenced_item[];
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  perform cogo.lock_children(results);
  items := cogo.fenced(results);
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

-- sql/jobs/350_fn_release.sql 6f328a157727b01a
-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?, steps?, children?, await?}]; returns [{job_id, verdict, state}] by job id. The job is queued
-- again at once and its next claim gets the checkpoint; with await it is blocked until its children are over.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
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

-- sql/jobs/353_fn_family.sql 933bb29ba5c23f71
-- cogo.family: a job and all below it that are not over, the job first.
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
     where j.state not in ('succeeded', 'cancelled', 'dead')
  )
  select array(select b.id from below b order by b.depth, b.id)
$$;

-- sql/jobs/355_fn_lock_family.sql 894102ab045b5bf6
-- cogo.lock_family: locks a job as lock_jobs does, with all below it that are not over where below is said; returns their ids, the job's
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

-- sql/jobs/360_fn_cancel.sql 5bb87fd8cfb3c179
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
    perform cogo.broadcast('agents:' || item.executor_id, 'cancel', jsonb_build_object('job_id', item.id));
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

-- sql/jobs/470_fn_housekeeping.sql 945b505f03862eef
-- cogo.housekeeping: deletes what nobody needs any more, hourly, in bounded bites: expired idempotency keys, full rate buckets, traces and
-- their events after 30 days, job keys after their 7 days, job events after 14 days, dead jobs after 30, the history of jobs after 13 weeks, executors unseen for 30
-- days, and the run log
-- of pg_cron, which never cleans itself (a job every second writes 86,400 rows a day). Also makes the HNSW indexes
-- that have become worth it.
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

-- sql/jobs/910_grants.sql 5f6407c67647e365
-- Nothing in cogo is for the API roles but the two functions that policies on realtime.messages call.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text) to anon, authenticated, service_role;

-- end of what is built
