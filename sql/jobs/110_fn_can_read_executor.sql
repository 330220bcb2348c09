-- cogo.can_read_executor: whether the caller may follow an executor: the server, members of its project, and the project's workers.
-- An executor that has not registered is known to nobody but the server.
create function cogo.can_read_executor(executor_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  home uuid;
  mine text;
begin
  if (cogo.identity()).kind = 'service' then
    return true;
  end if;
  select e.project_id into home from cogo.executors e where e.id = can_read_executor.executor_id;
  if not found or home is null then
    return false;
  end if;
  mine := cogo.role_in(home);
  -- readers of a public project do not see its machines
  return mine = 'worker' or exists (
    select from cogo.project_members m where m.project_id = home and m.user_id = (cogo.identity()).user_id);
end
$$;
