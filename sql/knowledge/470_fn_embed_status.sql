-- cogo_api.embed_status: {current, models:[model_status], chunks}. current: the name of the model searches use; models: the project's
-- own; chunks: published ones. With a model: also errors [{chunk_id, path, start_line, end_line, code, message, attempts}], at most lim.
-- Needs viewer.
create function cogo_api.embed_status(project_id uuid, model text default null, lim int default 20)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(embed_status.project_id, 'viewer');
  return jsonb_build_object(
    'current', (cogo.current_model(embed_status.project_id)).name,
    'chunks', coalesce((select s.chunks from cogo.lex_stats s where s.project_id = embed_status.project_id), 0),
    'models', coalesce((
      select jsonb_agg(cogo.model_status(m.id) order by m.id) from cogo.embedding_models m
       where m.project_id = embed_status.project_id and (embed_status.model is null or m.name = embed_status.model)), '[]'))
    || case when embed_status.model is null then '{}' else jsonb_build_object('errors', coalesce((
         select jsonb_agg(jsonb_build_object('chunk_id', e.chunk_id, 'path', f.path, 'start_line', c.start_line, 'end_line', c.end_line,
                  'code', coalesce(e.code, 'unavailable'), 'message', coalesce(e.message, 'taken, and never answered for'),
                  'attempts', e.attempts) order by e.chunk_id)
           from (select q.* from cogo.embed_queue q
                   join cogo.embedding_models m on m.id = q.model_id and m.name = embed_status.model and m.project_id = embed_status.project_id
                  where q.code is not null or q.attempts >= 3
                  order by q.chunk_id limit least(greatest(lim, 0), 1000)) e
           join cogo.chunks c on c.id = e.chunk_id
           join cogo.source_files f on f.id = c.file_id), '[]')) end;
end
$$;
revoke all on function cogo_api.embed_status(uuid, text, int) from public;
grant execute on function cogo_api.embed_status(uuid, text, int) to anon, authenticated, service_role;
