-- cogo.nearest_chunks: the chunks nearest to a vector, by cosine distance, of one model of one project. Through the model's HNSW index
-- where ensure_vector_indexes made one (then approximate, and scanned on until enough are found), else exact.
-- The statement is built so that it names the model and its dimensions as constants: the partial index fits nothing else.
create function cogo.nearest_chunks(project_id uuid, model cogo.embedding_models, goal extensions.halfvec, lim int)
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
