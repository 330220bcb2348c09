-- cogo.require_role: returns the caller's role in the project, or raises.
--   CG003  no such project, or none the caller may know of (the two answer alike)
--   CG001  a public project, an anonymous caller, and more than reading asked for
--   CG002  the caller's role is too low
-- A worker counts as viewer, and as editor where workers_may_write is given (indexing is a job type).
create function cogo.require_role(project_id uuid, minimum text, workers_may_write boolean default false)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  actual text := cogo.role_in(require_role.project_id);
  wanted int := cogo.role_rank(require_role.minimum);
  who    record;
begin
  if actual is null then
    perform cogo.fail('CG003', 'no such project', jsonb_build_object('project_id', require_role.project_id),
      'Check the id, and that you are a member of the project');
  end if;
  if actual = 'service' then
    return actual;
  end if;
  if actual = 'worker' then
    if wanted > (case when workers_may_write then 2 else 1 end) then
      perform cogo.fail('CG002', 'a worker token may not do this', null, 'Use a member''s session or a project token');
    end if;
    return actual;
  end if;
  if cogo.role_rank(actual) < wanted then
    who := cogo.identity();
    if who.kind = 'anon' then
      perform cogo.fail('CG001', 'sign in to change this project', null,
        'Send a user JWT in Authorization or a project token in x-cogo-token');
    end if;
    perform cogo.fail('CG002', format('this needs the role %s in the project', require_role.minimum),
      jsonb_build_object('role', actual, 'needed', require_role.minimum), 'Ask an admin of the project');
  end if;
  return actual;
end
$$;
