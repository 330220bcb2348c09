-- cogo_api.add_member: adds a user to a project or changes the role. Needs admin; only an owner (or the server) makes owners or
-- changes one, and the last owner cannot be lowered.
-- Errors: CG001/CG002/CG003 as require_role, CG004 unknown role, CG022 the last owner.
create function cogo_api.add_member(project_id uuid, user_id uuid, role text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  mine   text := cogo.require_role(add_member.project_id, 'admin');
  before text;
begin
  if cogo.role_rank(add_member.role) is null or add_member.user_id is null then
    perform cogo.fail('CG004', 'user_id and a role of owner, admin, editor or viewer are needed', jsonb_build_object('field', 'role'));
  end if;
  -- owners are changed one at a time, so that two calls cannot each remove the other's last owner
  perform from cogo.projects p where p.id = add_member.project_id for update;
  select m.role into before from cogo.project_members m
   where m.project_id = add_member.project_id and m.user_id = add_member.user_id;
  if mine not in ('owner', 'service') and 'owner' in (add_member.role, coalesce(before, '')) then
    perform cogo.fail('CG002', 'only an owner may make or change an owner');
  end if;
  if before = 'owner' and add_member.role <> 'owner' then
    perform cogo.require_other_owner(add_member.project_id, add_member.user_id);
  end if;
  insert into cogo.project_members as m (project_id, user_id, role)
  values (add_member.project_id, add_member.user_id, add_member.role)
  on conflict on constraint project_members_pkey do update set role = excluded.role;
  return jsonb_build_object('project_id', add_member.project_id, 'user_id', add_member.user_id, 'role', add_member.role);
end
$$;
revoke all on function cogo_api.add_member(uuid, uuid, text) from public;
grant execute on function cogo_api.add_member(uuid, uuid, text) to anon, authenticated, service_role;
