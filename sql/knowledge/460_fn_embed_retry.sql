-- cogo_api.embed_retry: lets a model's failed chunks be tried again, and makes the job for it. Returns {retried}. Needs editor.
-- Errors: as require_role; CG003 no such model.
create function cogo_api.embed_retry(project_id uuid, model text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  chosen  cogo.embedding_models;
  retried int;
begin
  perform cogo.require_role(embed_retry.project_id, 'editor');
  chosen := cogo.own_model(embed_retry.project_id, embed_retry.model);
  update cogo.embed_queue q set attempts = 0, visible_at = '-infinity', code = null, message = null
   where q.model_id = chosen.id and q.code is not null;
  get diagnostics retried = row_count;
  if retried > 0 then
    perform cogo.enqueue_fill(chosen);
  end if;
  return jsonb_build_object('retried', retried);
end
$$;
revoke all on function cogo_api.embed_retry(uuid, text) from public;
grant execute on function cogo_api.embed_retry(uuid, text) to anon, authenticated, service_role;
