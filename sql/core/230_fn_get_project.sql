-- cogo_api.get_project: one project by id or slug. Error: CG003 unknown or not the caller's to see.
create function cogo_api.get_project(project text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  project_row  cogo.projects;
  role text;
begin
  if get_project.project ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then
    select p.* into project_row from cogo.projects p where p.id = get_project.project::uuid;
  else
    select p.* into project_row from cogo.projects p where p.slug = get_project.project;
  end if;
  role := cogo.role_in(project_row.id);
  if role is null then
    perform cogo.fail('CG003', 'no such project', jsonb_build_object('project', get_project.project),
      'Check the id or slug, and that you are a member of the project');
  end if;
  return cogo.project_json(project_row, role);
end
$$;
revoke all on function cogo_api.get_project(text) from public;
grant execute on function cogo_api.get_project(text) to anon, authenticated, service_role;
