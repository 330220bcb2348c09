-- cogo_api.embed_switch: answers the project's searches with another model from this transaction on; the one before is retired and
-- keeps its vectors. model: one of embed_status, or hash-1024-v1. Refused while chunks still wait for a vector, unless force.
-- Returns {model, before, left, failed}. Needs admin.
-- Errors: as require_role; CG003 no such model; CG022 not complete.
create function cogo_api.embed_switch(project_id uuid, model text, force boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  before text;
  chosen cogo.embedding_models;
  status jsonb := '{"left":0,"failed":0}';
begin
  perform cogo.require_role(embed_switch.project_id, 'admin');
  perform from cogo.embedding_models m where m.project_id = embed_switch.project_id order by m.id for update;
  before := (cogo.current_model(embed_switch.project_id)).name;
  if embed_switch.model <> 'hash-1024-v1' then
    chosen := cogo.own_model(embed_switch.project_id, embed_switch.model);
    status := cogo.model_status(chosen.id);
    -- a retired one has gaps that nobody queued
    if chosen.status = 'retired' then
      status := status || jsonb_build_object('left', (
        select count(*) from cogo.chunks c
          join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation
         where c.project_id = embed_switch.project_id
           and not exists (select from cogo.chunk_embeddings e where e.chunk_id = c.id and e.model_id = chosen.id)
           and not exists (select from cogo.embed_queue q where q.chunk_id = c.id and q.model_id = chosen.id and q.attempts >= 3)));
    end if;
    if (status ->> 'left')::bigint > 0 and not coalesce(force, false) then
      perform cogo.fail('CG022', format('%s is not complete: %s chunks have no vector yet', chosen.name, status ->> 'left'),
        jsonb_build_object('model', chosen.name, 'left', (status ->> 'left')::bigint), 'Let it finish (embed_start, embed.fill), or force');
    end if;
  end if;
  update cogo.embedding_models m set status = 'retired'
   where m.project_id = embed_switch.project_id and m.status = 'active' and m.name <> embed_switch.model;
  update cogo.embedding_models m set status = 'active', switched_at = clock_timestamp() where m.id = chosen.id and m.status <> 'active';
  return jsonb_build_object('model', embed_switch.model, 'before', before, 'left', status -> 'left', 'failed', status -> 'failed');
end
$$;
revoke all on function cogo_api.embed_switch(uuid, text, boolean) from public;
grant execute on function cogo_api.embed_switch(uuid, text, boolean) to anon, authenticated, service_role;
