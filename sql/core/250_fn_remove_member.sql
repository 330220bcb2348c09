-- cogo_api.remove_member: takes a user out of a project. Needs admin, or the member itself; an owner is removed by an owner only,
-- and the last owner not at all. Returns {removed}.
-- Errors: CG001/CG002/CG003 as require_role, CG022 the last owner.
create function cogo_api.remove_member(project_id uuid, user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who    record := cogo.identity();
  mine   text;
  before text;
begin
  mine := cogo.require_role(remove_member.project_id,
    case when who.kind = 'user' and who.user_id = remove_member.user_id then 'viewer' else 'admin' end);
  perform from cogo.projects p where p.id = remove_member.project_id for update;
  select m.role into before from cogo.project_members m
   where m.project_id = remove_member.project_id and m.user_id = remove_member.user_id;
  if not found then
    return jsonb_build_object('removed', false);
  end if;
  if before = 'owner' then
    if mine not in ('owner', 'service') then
      perform cogo.fail('CG002', 'only an owner may remove an owner');
    end if;
    perform cogo.require_other_owner(remove_member.project_id, remove_member.user_id);
  end if;
  delete from cogo.project_members m
   where m.project_id = remove_member.project_id and m.user_id = remove_member.user_id;
  return jsonb_build_object('removed', true);
end
$$;
revoke all on function cogo_api.remove_member(uuid, uuid) from public;
grant execute on function cogo_api.remove_member(uuid, uuid) to anon, authenticated, service_role;
