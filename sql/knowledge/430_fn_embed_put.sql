-- cogo_api.embed_put: what became of chunks taken. Returns {stored, failed, released}; a chunk no longer in the queue (deleted, or done
-- by somebody else) is passed over.
-- items: [{chunk_id, embedding:'[x,y,...]'} | {chunk_id, code, message, final?} | {chunk_id, release:true}]. An error is tried again in
-- 30 s, until the third, or at once no more with final. release: it was not tried (the server was down, the run was stopped).
-- Needs editor, or a worker of the project. Errors: as require_role; CG003 no such model; CG007 the fingerprint is not the model's, so
-- nothing is stored; CG004 a vector with other dimensions than the model's; CG000 malformed.
create function cogo_api.embed_put(project_id uuid, model text, fingerprint text, items jsonb)
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
