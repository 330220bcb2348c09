-- COGO faster_turns.

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/core/110_fn_schema_version.sql 35293b220cc6914a
-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create or replace function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121180000' $$;

-- sql/knowledge/163_fn_source_key.sql f6af61a6a77b05c5
-- cogo.source_key: what a file and its tests have in common, so that one is found by the other: its path without extension, folders of tests
-- and of sources, and the marks of a test. a/b.test.ts, a/__tests__/b.spec.ts and tests/a/test_b.py have the key a/b.
create or replace function cogo.source_key(path text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(regexp_replace(regexp_replace(regexp_replace(path,
           '\.[^./]+$', ''),
           '(^|/)(__tests__|tests?|spec|src|lib)(?=/)', '\1', 'g'),
           '^/+|/+(?=/)', '', 'g'),
           '(^|/)test_([^/]*)$|[._-](test|spec)s?$', '\1\2')
$$;

-- sql/knowledge/164_fn_rank_chunks.sql 65390d6db6116685
-- cogo.rank_chunks: orders candidates by what a reader means, on top of how well the words fit. Strengths and wishes are query.rank (see search); one
-- that is not given has no effect.
--
-- Added to the base (the fused score over the best one): definition, whoever defines a name that was asked for; symbol, file, folder: share of
-- the words of the name that the question has; kind, of the chunk or language the question names; document, a section, when someone asks how
-- to do something; overview, where a README opens, when someone asks what the thing is; coherence, the
-- score of all candidates of the file over that of the best file; close, share of the question's worth that the best sentence (close_lines 1)
-- or three neighbouring ones (3) of the text have together; cover, share of the question's worth that the file's candidates have between them;
-- tested, the base of the best candidate among the tests of the file (cogo.source_key). Factors: test, migration, data by the file's role, unless asked for; barrel; copy, a
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
  s_cover      double precision := coalesce((k ->> 'cover')::double precision, 0);
  s_tested     double precision := coalesce((k ->> 'tested')::double precision, 0);
  s_language   double precision := coalesce((k ->> 'language')::double precision, 0);
  in_language  text := k ->> 'in_language';
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
           c.file_id, c.repo_id, c.kind, lower(c.symbol) as symbol, c.signature, c.start_line, c.is_barrel, c.name_terms, c.text,
           case when s_cover > 0 then c.term_ids end as term_ids,
           case when s_tested > 0 then cogo.source_key(f.path) end as source_key,
           f.path, f.language, f.role, f.base_terms, f.folder_terms,
           sum(u.fused) over (partition by c.file_id) as of_file
      from unnest(fused) u
      join cogo.chunks c on c.id = u.chunk_id
      join cogo.source_files f on f.id = c.file_id
  ),
  -- What one file has of the question, in whichever of its chunks.
  covered as materialized (
    select x.file_id, sum(x.worth) / nullif((select sum(t.worth) from unnest(asked) t), 0) as cover
      from (select distinct l.file_id, t.id, t.worth from looked l join unnest(asked) t on t.id = any (l.term_ids) where s_cover > 0) x
     group by x.file_id
  ),
  -- A test says in the asker's words what its subject does.
  tests as materialized (
    select l.repo_id, l.source_key, max(l.base) as base
      from looked l
     where l.role = 'test' and l.source_key is not null
     group by l.repo_id, l.source_key
  ),
  signal as (
    select l.*,
           coalesce((select v.cover from covered v where v.file_id = l.file_id), 0) as cover,
           case when l.role is distinct from 'test'
                then coalesce((select t.base from tests t where t.repo_id = l.repo_id and t.source_key = l.source_key), 0) else 0 end as tested,
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
           + s_coherence * s.share + s_cover * s.cover + s_tested * s.tested
           + case when s.language = in_language then s_language else 0 end as points,
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
           'coherence', s_coherence * p.share, 'close', p.close, 'cover', s_cover * p.cover, 'tested', s_tested * p.tested,
           'language', case when p.language = in_language then s_language else 0 end, 'factor', p.factor,
           'repeat', power(f_repeat, p.before_in_file) * case when p.is_copy then f_copy else 1 end) end
    from placed p;
end
$$;

-- sql/knowledge/300_fn_search.sql 571099df54574562
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
--   rank?: {definition, symbol, file, folder, kind, document, overview, coherence, close, close_lines, cover, tested, language, in_language,
--     test, barrel, migration, data, copy, repeat, how_to, overview_of, wants_tests, wants_data}   strengths of the ranking features, factors, and what the question wants
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
  -- Half as many again where files are asked for: each gives several.
  depth     int := least(greatest(2 * lim, 100), 200) * case when query -> 'rank' ? 'cover' then 3 else 2 end / 2;
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

-- sql/jobs/910_grants.sql 296bad55219eb37c
-- Nothing in cogo is for the API roles but the functions that policies on realtime.messages and storage.objects
-- call. Every migration that adds functions runs this again.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text), cogo.can_read_artifact(text),
  cogo.can_write_artifact(text) to anon, authenticated, service_role;

-- sql/jobs/920_artifacts.sql 86579971438d63be
-- by hand

-- end of what is built
