-- cogo_api.embed_take: up to qty chunks that want a vector of a model, hidden from others for lease_s. Returns {model, items:[{chunk_id,
-- text}], left, next_in_s}: left counts all that still wait, these included; next_in_s: when the next one shows, null when none will.
-- text is the chunk under its path and symbol. A chunk is given out three times at most.
-- Needs editor, or a worker of the project. Errors: as require_role; CG003 no such model; CG022 it is retired; CG004 qty or lease_s.
create function cogo_api.embed_take(project_id uuid, model text, qty int default 64, lease_s int default 120)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  chosen cogo.embedding_models;
  taken  bigint[];
  moment timestamptz := clock_timestamp();
begin
  perform cogo.require_role(embed_take.project_id, 'editor', true);
  if coalesce(qty, 0) not between 1 and 1000 or coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'qty must be 1 to 1000 and lease_s 5 to 3600');
  end if;
  select m.* into chosen from cogo.embedding_models m where m.project_id = embed_take.project_id and m.name = embed_take.model;
  if not found then
    chosen := cogo.own_model(embed_take.project_id, embed_take.model);
  elsif chosen.status = 'retired' then
    perform cogo.fail('CG022', 'the embedding model is retired', jsonb_build_object('model', chosen.name), 'embed_start resumes it');
  end if;
  with next as (
    select q.chunk_id from cogo.embed_queue q
     where q.model_id = chosen.id and q.attempts < 3 and q.visible_at <= moment
     order by q.chunk_id limit qty
       for update skip locked
  ),
  hidden as (
    update cogo.embed_queue q set visible_at = moment + make_interval(secs => lease_s), attempts = q.attempts + 1
      from next n where q.model_id = chosen.id and q.chunk_id = n.chunk_id
    returning q.chunk_id
  )
  select coalesce(array_agg(h.chunk_id order by h.chunk_id), '{}') into taken from hidden h;
  return jsonb_build_object(
    'model', cogo.model_json(chosen),
    'items', coalesce((
      select jsonb_agg(jsonb_build_object('chunk_id', c.id,
               'text', f.path || coalesce(' > ' || coalesce(c.symbol, c.heading), '') || E'\n' || c.text) order by c.id)
        from cogo.chunks c join cogo.source_files f on f.id = c.file_id where c.id = any (taken)), '[]'))
    || (select jsonb_build_object(
          'left', count(*) filter (where q.attempts < 3 or q.chunk_id = any (taken)),
          'next_in_s', (select ceil(extract(epoch from greatest(x.visible_at, moment) - moment)) from cogo.embed_queue x
                         where x.model_id = chosen.id and x.attempts < 3 and x.chunk_id <> all (taken) order by x.visible_at limit 1))
          from cogo.embed_queue q where q.model_id = chosen.id);
end
$$;
revoke all on function cogo_api.embed_take(uuid, text, int, int) from public;
grant execute on function cogo_api.embed_take(uuid, text, int, int) to anon, authenticated, service_role;
