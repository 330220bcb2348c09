-- cogo.ensure_vector_indexes: gives each project's own model of more than min_rows vectors its HNSW index, and returns how many it
-- made. Called by housekeeping. The build holds up writers of vectors, not readers. In the embedded place there is none: in WASM the
-- build of 5,000 takes 40 s in the only session there is, and an exact scan of 20,000 takes a fifth of a second.
create function cogo.ensure_vector_indexes(min_rows bigint default 20000)
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
