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
create function cogo_api.index_put(run_id uuid, files jsonb)
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
