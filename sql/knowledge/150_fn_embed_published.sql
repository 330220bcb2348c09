-- cogo.embed_published: what a run's new chunks get of the project's own models: the vector a replaced chunk of the same text had,
-- else a place in the queue of each model that is active or being built. Called by index_finish before it drops the obsolete files.
create function cogo.embed_published(run cogo.index_runs, obsolete bigint[])
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
