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
--   phrases?: [text]      lower case: neighbouring words of the question as it has them; see rank_chunks
--   rank?: {definition, symbol, file, folder, kind, document, overview, coherence, close, close_lines, phrase, cover, tested, language, in_language,
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
-- Ties go by how near the file is to an entry point (cogo.entry_distances; a file that none reaches comes last), then by chunk id.
-- signals: as rank_chunks names them, and entry_distance, which is no part of the score.
-- Returns {items:[chunk_json + {score, signals?}], route, strategy, generation, took_ms, lexicon:{n, avg_length, df:{term: count}}, model?}.
-- generation: the newest one searched. model: the project's own model, when features came and it wants a vector instead.
-- Errors: as require_role (viewer); CG000 malformed; CG031 the project answers with another model now: ask lexicon again.
create function cogo_api.search(project_id uuid, query jsonb)
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
     order by r.score::real desc
     fetch first (lim) rows with ties
  ),
  -- Only what is shown, and what ties with the last of it, is asked how near it is to an entry.
  placed as (
    select h.chunk_id, h.signals, h.score, h.score::real as place, x.c, x.f, x.r,
           (select d.distance from cogo.entry_distances d where d.repo_id = (x.r).id and d.path = (x.f).path collate "C") as entry_distance
      from ranked h
     -- offset 0: looked up by key, however many the planner takes the limit for
     cross join lateral (
       select c, f, r
         from cogo.chunks c
         join cogo.source_files f on f.id = c.file_id
         join cogo.repos r on r.id = c.repo_id
        where c.id = h.chunk_id offset 0) x
     order by place desc, entry_distance, h.chunk_id
     limit lim
  )
  select jsonb_agg(
           cogo.chunk_json(p.c, p.f, p.r) || jsonb_build_object('score', p.score)
           || case when explain then jsonb_build_object('signals', p.signals || jsonb_strip_nulls(jsonb_build_object('entry_distance', p.entry_distance)))
                   else '{}' end
           order by p.place desc, p.entry_distance, p.chunk_id)
    into items
    from placed p;

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
