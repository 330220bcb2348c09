-- cogo_api.list_projects: the projects the caller can read, newest first, at most 500.
create function cogo_api.list_projects()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(cogo.project_json(p, r.role) order by p.created_at desc, p.id), '[]')
    from (select * from cogo.projects order by created_at desc, id limit 500) p
    cross join lateral (select cogo.role_in(p.id) as role) r
   where r.role is not null
$$;
revoke all on function cogo_api.list_projects() from public;
grant execute on function cogo_api.list_projects() to anon, authenticated, service_role;
