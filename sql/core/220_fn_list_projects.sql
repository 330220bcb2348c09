-- cogo_api.list_projects: the projects the caller belongs to (all of them for the server), and the public ones; newest first, the
-- caller's own before others', at most 500.
create function cogo_api.list_projects()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  who record := cogo.identity();
begin
  return coalesce((
    select jsonb_agg(cogo.project_json(p, mine.role) order by mine.own desc, p.created_at desc, p.id)
      from (
        select x.id, x.role, x.own
          from (
            select q.id, 'service' as role, true as own, q.created_at from cogo.projects q where who.kind = 'service'
            union all
            select m.project_id, m.role, true, q.created_at
              from cogo.project_members m join cogo.projects q on q.id = m.project_id
             where who.kind = 'user' and m.user_id = who.user_id
            union all
            select q.id, case who.kind when 'worker' then 'worker' else 'editor' end, true, q.created_at
              from cogo.projects q where who.kind in ('token', 'worker') and q.id = who.project_id
            union all
            select q.id, 'viewer', false, q.created_at
              from cogo.projects q
             where who.kind <> 'service' and q.visibility = 'public' and q.id is distinct from who.project_id
               and not exists (select from cogo.project_members m where m.project_id = q.id and m.user_id = who.user_id)
          ) x
         order by x.own desc, x.created_at desc, x.id
         limit 500
      ) mine
      join cogo.projects p on p.id = mine.id), '[]');
end
$$;
revoke all on function cogo_api.list_projects() from public;
grant execute on function cogo_api.list_projects() to anon, authenticated, service_role;
