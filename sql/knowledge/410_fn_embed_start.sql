-- cogo_api.embed_start: begins to embed a project under another model, beside the one its searches use; also resumes one that was
-- retired. Every published chunk gets a place in the model's queue, and a job embed.fill is made. Returns embed_status' row of it.
-- model: {name, dims, fingerprint, semantic?, max_tokens?}. The same name with another fingerprint is another model: refused.
-- Needs editor. Errors: as require_role; CG004 a field is missing or out of range; CG007 the fingerprint or dims differ from those the
-- project's vectors of that name have.
create function cogo_api.embed_start(project_id uuid, model jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_variable
declare
  asked jsonb := embed_start.model;
  chosen cogo.embedding_models;
begin
  perform cogo.require_role(embed_start.project_id, 'editor');
  if coalesce(asked ->> 'name', '') !~ '^[a-z0-9][a-z0-9._-]{0,99}$' or asked ->> 'name' = 'hash-1024-v1' then
    perform cogo.fail('CG004', 'name must be 1 to 100 of a-z, 0-9, ".", "_", "-", and not hash-1024-v1', jsonb_build_object('field', 'name'));
  end if;
  if coalesce((asked ->> 'dims')::int, 0) not between 1 and 4000 then
    perform cogo.fail('CG004', 'dims must be 1 to 4000', jsonb_build_object('field', 'dims'));
  end if;
  if coalesce(length(asked ->> 'fingerprint'), 0) not between 1 and 4000 then
    perform cogo.fail('CG004', 'fingerprint must have 1 to 4000 characters', jsonb_build_object('field', 'fingerprint'));
  end if;
  perform from cogo.projects p where p.id = embed_start.project_id for key share;
  insert into cogo.embedding_models as m (project_id, name, dims, fingerprint, semantic, max_tokens, status)
  values (embed_start.project_id, asked ->> 'name', (asked ->> 'dims')::int, asked ->> 'fingerprint',
    coalesce((asked ->> 'semantic')::boolean, true), least(greatest(coalesce((asked ->> 'max_tokens')::int, 480), 16), 8192), 'building')
  on conflict on constraint embedding_models_name_key do nothing;
  chosen := cogo.own_model(embed_start.project_id, asked ->> 'name');
  if chosen.fingerprint <> asked ->> 'fingerprint' or chosen.dims <> (asked ->> 'dims')::int then
    perform cogo.fail('CG007', format('%s answers the probes otherwise than when its vectors were made', chosen.name),
      jsonb_build_object('stored', chosen.fingerprint, 'given', asked ->> 'fingerprint'),
      'Give the new model another name, or remove the old one with embed_cancel');
  end if;
  update cogo.embedding_models m set status = 'building' where m.id = chosen.id and m.status = 'retired';
  insert into cogo.embed_queue (model_id, chunk_id, project_id)
  select chosen.id, c.id, c.project_id
    from cogo.chunks c
    join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation
   where c.project_id = embed_start.project_id
     and not exists (select from cogo.chunk_embeddings e where e.chunk_id = c.id and e.model_id = chosen.id)
  on conflict do nothing;
  if exists (select from cogo.embed_queue q where q.model_id = chosen.id and q.attempts < 3) then
    perform cogo.enqueue_fill(chosen);
  end if;
  return cogo.model_status(chosen.id);
exception
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG004', 'model is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.embed_start(uuid, jsonb) from public;
grant execute on function cogo_api.embed_start(uuid, jsonb) to anon, authenticated, service_role;
