-- cogo.model_status: model_json + {vectors, left, failed, job_id, hnsw, created_at, switched_at}. left: chunks that still wait for their
-- vector; failed: those that were tried three times.
create function cogo.model_status(model_id smallint)
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
