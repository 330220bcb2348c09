-- cogo_api.embed_cancel: gives up a model that searches do not use, and removes its vectors, at most max_rows a call: call again while
-- left is not 0. Returns {model, removed, left}. Needs admin.
-- Errors: as require_role; CG003 no such model; CG022 searches use it: switch to another first.
create function cogo_api.embed_cancel(project_id uuid, model text, max_rows int default 20000)
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
