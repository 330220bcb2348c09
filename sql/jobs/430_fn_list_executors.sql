-- cogo_api.list_executors: the executors that serve a project, [{executor_id, kind, info, epoch, state, draining, alive, running,
-- started_at, last_seen, stopped_at, dead_at}]; state: as executor_state; alive: none of stopped, dead, silent; running: jobs of this project it holds. Needs to be a member (viewer of a private
-- project); readers of a public project get [].
create function cogo_api.list_executors(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  who record := cogo.identity();
begin
  perform cogo.require_role(list_executors.project_id, 'viewer');
  if who.kind in ('anon', 'user') and not exists (
    select from cogo.project_members m where m.project_id = list_executors.project_id and m.user_id = who.user_id)
  then
    return '[]';
  end if;
  return coalesce((
    select jsonb_agg(jsonb_build_object('executor_id', e.id, 'kind', e.kind, 'info', e.info, 'epoch', e.epoch,
             'state', cogo.executor_state(e), 'draining', e.draining,
             'alive', cogo.executor_state(e) in ('draining', 'working', 'idle'),
             'running', (select count(*) from cogo.jobs j
                          where j.state = 'running' and j.executor_id = e.id and j.project_id = list_executors.project_id),
             'started_at', e.started_at, 'last_seen', e.last_seen, 'stopped_at', e.stopped_at, 'dead_at', e.dead_at) order by e.last_seen desc, e.id)
      from cogo.executors e
     where e.project_id is null or e.project_id = list_executors.project_id), '[]');
end
$$;
revoke all on function cogo_api.list_executors(uuid) from public;
grant execute on function cogo_api.list_executors(uuid) to anon, authenticated, service_role;
