-- cogo_api.due_objects: [{path, reason}] of the bucket cogo-artifacts that a job storage.clean of this project may delete, the oldest
-- first, at most lim (1 to 1,000): the project's own, and those that belong to none. Reasons as cogo.due_objects. Error: CG002 not
-- the server.
create function cogo_api.due_objects(project_id uuid, lim int default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_service();
  return (
    select coalesce(jsonb_agg(jsonb_build_object('path', m.path, 'reason', m.reason)), '[]')
      from (select d.path, d.reason from cogo.due_objects(10000) d
             where d.home is null or d.home = due_objects.project_id
             limit least(greatest(due_objects.lim, 1), 1000)) m);
end
$$;
revoke all on function cogo_api.due_objects(uuid, int) from public;
grant execute on function cogo_api.due_objects(uuid, int) to service_role;
