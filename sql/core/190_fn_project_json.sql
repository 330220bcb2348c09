-- cogo.project_json: a project as the API shows it, with the caller's role in it.
create function cogo.project_json(p cogo.projects, role text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('id', p.id, 'slug', p.slug, 'name', p.name, 'visibility', p.visibility, 'role', role,
    'created_at', p.created_at)
$$;
