-- cogo_api.search: BM25F over the inverted index and exact vector similarity, fused linearly after division by each one's maximum.
--
-- query: {q?, terms:{term: weight}, vector?: '[x,y,...]', limit?, strategy?, route?, explain?,
--   weights?: {lexical, vector, path, name, doc, body, k1, b},
--   filter?: {path_prefix?, languages?, kinds?, repo?}}
-- strategy: lexical | vector | hybrid (anything else is hybrid); a part that cannot answer (no terms, no vector) is left out.
-- Defaults: lexical 1, vector 0.3; fields path 1, name 2, doc 1, body 1; k1 1.2, b 0.75; limit 10, at most 200.
-- BM25F: sum over terms of weight * ln(1 + (n - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average)),
-- tf the field-weighted count (Robertson, Zaragoza 2009, one length for all fields). Vector: 1 - cosine distance, over all chunks of a
-- project of up to 20,000 chunks, above that over the best 1,000 lexical candidates. A lexical model (hash-1024-v1) is scanned over
-- all chunks only where words found fewer candidates than looked at: a scan costs about 10 us a vector in WASM, and a chunk that shares
-- no word with the query is seldom near it.
-- Every score is exact: a candidate of one list gets its true value in the other. Ties go by chunk id.
-- Returns {items:[chunk_json + {score, signals?}], route, strategy, generation, took_ms}. generation: the newest one searched.
-- embedder, fingerprint: of the model the vector is of, as lexicon names it; hash-1024-v1 unless said.
-- Errors: as require_role (viewer); CG000 malformed; CG031 the project answers with another model now: ask lexicon again.
create function cogo_api.search(project_id uuid, query jsonb)
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
  model     smallint;
  semantic  boolean;
  n         double precision;
  average   double precision;
  repo_ids  bigint[];
  newest    bigint;
  all_vectors boolean;
  -- Lexical candidates that get a vector score: each costs a look at its chunk and 80 us in WASM for its vector.
  depth     int;
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
  if strategy <> 'lexical' and query ->> 'vector' is not null then
    goal := (query ->> 'vector')::extensions.halfvec;
    select m.id, m.semantic into model, semantic
      from cogo.question_model(search.project_id, query ->> 'embedder', query ->> 'fingerprint', extensions.vector_dims(goal)) m;
  end if;
  all_vectors := coalesce(n, 0) <= 20000;
  depth := case when all_vectors then greatest(lim, 50) else 1000 end;
  k_flat := k1 * (1 - b);
  k_long := k1 * b / greatest(average, 1);

  with term as materialized (
    select t.id, asked.value::double precision * ln(1 + (n - t.df + 0.5) / (t.df + 0.5)) as worth
      from jsonb_each_text(coalesce(query -> 'terms', '{}')) asked
     -- the limit keeps it one index probe a term, also where no statistics are (nothing analyses tables in the embedded place)
     cross join lateral (
       select x.id, x.df from cogo.lex_terms x
        where x.project_id = search.project_id and x.term = asked.key limit 1) t
     where t.df > 0 and strategy <> 'vector'
  ),
  bm25 as materialized (
    select s.chunk_id, sum(s.worth * s.tf * (k1 + 1) / (s.tf + k_flat + k_long * s.length)) as score
      from (select p.chunk_id, p.length, t.worth, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body as tf
              from term t
             -- offset 0 for the same reason: an index range a term, never a scan of all postings
             cross join lateral (select x.* from cogo.lex_postings x where x.term_id = t.id offset 0) p) s
     where s.tf > 0
     group by s.chunk_id
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
      from (select e.chunk_id, e.embedding operator(extensions.<=>) goal as distance
              from cogo.chunk_embeddings e
             where all_vectors and goal is not null and (semantic or (select count(*) from lexical) < depth)
               and e.project_id = search.project_id and e.model_id = model
             order by distance, e.chunk_id) v
     where (
             select c.generation <= r.generation and (kinds is null or c.kind = any (kinds))
                    and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.chunks c
               join cogo.repos r on r.id = c.repo_id
               join cogo.source_files f on f.id = c.file_id
              where c.id = v.chunk_id and c.repo_id = any (repo_ids))
     order by v.distance, v.chunk_id
     limit 100
  ),
  candidate as (
    select l.chunk_id from lexical l union select v.chunk_id from near v
  ),
  scored as materialized (
    select k.chunk_id, greatest(coalesce(l.score, 0), 0) as lexical,
           greatest(coalesce(
             v.score,
             (select 1 - (e.embedding operator(extensions.<=>) goal) from cogo.chunk_embeddings e
               where goal is not null and e.chunk_id = k.chunk_id and e.model_id = model), 0), 0) as vector
      from candidate k
      left join bm25 l on l.chunk_id = k.chunk_id
      left join near v on v.chunk_id = k.chunk_id
  ),
  fused as (
    select s.chunk_id, s.lexical, s.vector,
           w_lexical * coalesce(s.lexical / nullif(max(s.lexical) over (), 0), 0)
           + case when goal is null then 0 else w_vector * coalesce(s.vector / nullif(max(s.vector) over (), 0), 0) end as score
      from scored s
  ),
  best as (
    select f.* from fused f where f.score > 0 order by f.score desc, f.chunk_id limit lim
  )
  select jsonb_agg(
           cogo.chunk_json(c, f, r) || jsonb_build_object('score', h.score)
           || case when explain then jsonb_build_object('signals', jsonb_build_object('lexical', h.lexical, 'vector', h.vector)) else '{}' end
           order by h.score desc, h.chunk_id)
    into items
    from best h
    join cogo.chunks c on c.id = h.chunk_id
    join cogo.source_files f on f.id = c.file_id
    join cogo.repos r on r.id = c.repo_id;

  return jsonb_build_object('items', coalesce(items, '[]'), 'route', query ->> 'route', 'strategy', strategy, 'generation', newest,
    'took_ms', round(extract(epoch from clock_timestamp() - started) * 1000, 3));
exception
  when invalid_text_representation or data_exception then
    perform cogo.fail('CG000', 'query is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.search(uuid, jsonb) from public;
grant execute on function cogo_api.search(uuid, jsonb) to anon, authenticated, service_role;
