-- cogo.own_model: a model of the project by name, locked. Errors: CG003 the project has none of that name.
create function cogo.own_model(project_id uuid, model text)
returns cogo.embedding_models
language plpgsql
set search_path = ''
as $$
declare
  found_model cogo.embedding_models;
begin
  select m.* into found_model from cogo.embedding_models m
   where m.project_id = own_model.project_id and m.name = own_model.model for update;
  if not found then
    perform cogo.fail('CG003', 'the project has no such embedding model', jsonb_build_object('model', own_model.model),
      'See embed_status, or start it with embed_start');
  end if;
  return found_model;
end
$$;
