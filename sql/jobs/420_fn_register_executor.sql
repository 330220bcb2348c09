-- cogo_api.register_executor: announces an executor, or changes what it says of itself; returns {executor_id, kind, project_id, epoch}.
-- info: {version?, slots?, capabilities?, draining?, kind?, …}, kept whole. A worker token fixes kind and project; the server may
-- name a kind (default cogo-plan) and serves every project. epoch counts registrations.
-- Errors: as executor_scope; CG004 unknown kind.
create function cogo_api.register_executor(executor_id text, info jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  scope record := cogo.executor_scope(register_executor.executor_id);
  kind  text;
  made  cogo.executors;
begin
  if (cogo.identity()).kind = 'service' then
    kind := coalesce(info ->> 'kind', scope.kind, 'cogo-plan');
    if kind not in ('cogo-plan', 'cogo-work') then
      perform cogo.fail('CG004', 'kind must be cogo-plan or cogo-work', jsonb_build_object('field', 'kind'));
    end if;
  else
    kind := scope.kind;
  end if;
  insert into cogo.executors as e (id, project_id, kind, info, draining)
  values (register_executor.executor_id, scope.project_id, kind, coalesce(info, '{}'), coalesce((info ->> 'draining')::boolean, false))
  on conflict on constraint executors_pkey do update
    set kind = excluded.kind, info = excluded.info, draining = excluded.draining, epoch = e.epoch + 1,
        started_at = clock_timestamp(), last_seen = clock_timestamp()
    where e.project_id is not distinct from excluded.project_id
  returning e.* into made;
  if not found then
    perform cogo.fail('CG002', 'this executor id is not yours', null, 'Choose another executor id');
  end if;
  perform cogo.broadcast('agents:' || made.id, 'presence',
    jsonb_build_object('executor_id', made.id, 'kind', made.kind, 'epoch', made.epoch, 'draining', made.draining, 'info', made.info));
  return jsonb_build_object('executor_id', made.id, 'kind', made.kind, 'project_id', made.project_id, 'epoch', made.epoch);
end
$$;
revoke all on function cogo_api.register_executor(text, jsonb) from public;
grant execute on function cogo_api.register_executor(text, jsonb) to anon, authenticated, service_role;
