-- cogo.role_in: the caller's role in a project: owner, admin, editor, viewer; 'service'; 'worker'; null where it has none.
-- A public project gives everyone 'viewer'. Never raises for an unknown project.
create function cogo.role_in(project_id uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  who   record;
  found_role text;
begin
  who := cogo.identity();
  if who.kind = 'service' then
    return case when exists (select from cogo.projects p where p.id = role_in.project_id) then 'service' end;
  end if;
  if who.kind = 'token' and who.project_id = role_in.project_id then
    return 'editor';
  end if;
  if who.kind = 'worker' and who.project_id = role_in.project_id then
    return 'worker';
  end if;
  if who.kind = 'user' then
    select m.role into found_role
      from cogo.project_members m
     where m.project_id = role_in.project_id and m.user_id = who.user_id;
    if found then
      return found_role;
    end if;
  end if;
  return (select 'viewer' from cogo.projects p where p.id = role_in.project_id and p.visibility = 'public');
end
$$;
