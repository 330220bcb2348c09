-- cogo.require_other_owner: raises CG022 when the user is the only owner of the project.
create function cogo.require_other_owner(project_id uuid, user_id uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not exists (
    select from cogo.project_members m
     where m.project_id = require_other_owner.project_id
       and m.user_id <> require_other_owner.user_id
       and m.role = 'owner')
  then
    perform cogo.fail('CG022', 'the last owner of a project cannot leave it', null, 'Make another member owner first');
  end if;
end
$$;
