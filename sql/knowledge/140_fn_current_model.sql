-- cogo.current_model: the model a project's questions are answered with: its own active one, else hash-1024-v1.
create function cogo.current_model(project_id uuid)
returns cogo.embedding_models
language sql
stable
set search_path = ''
as $$
  select m from cogo.embedding_models m
   where m.status = 'active' and (m.project_id = current_model.project_id or m.project_id is null)
   order by m.project_id nulls last
   limit 1
$$;
