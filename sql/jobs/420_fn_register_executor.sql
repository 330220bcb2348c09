-- cogo_api.register_executor: announces an executor, or changes what it says of itself; returns {executor_id, kind, project_id, epoch}.
-- info: {version?, slots?, capabilities?, draining?, stopped?, kind?, instance?, beat_s?, epoch?, …}, kept whole. stopped: it leaves in
-- good order, and is no longer waited for. A worker token fixes kind and project;
-- the server may name a kind (default cogo-plan) and serves every project.
-- instance: a name of the process. Another instance of the same id begins a new epoch: claims and beats that carry an older one are
-- refused, and the leases of the old process end with the next sweep. The same instance again keeps its epoch and its leases; without
-- one, every registration is an epoch and leases are left alone. epoch: the one this process had: it is refused when another process
-- has taken over since, so that one which was away does not take the executor back.
-- beat_s: how often it will be heard of (1 to 300 s): after three misses it counts as dead and its leases end at once.
-- Errors: as executor_scope; CG004 unknown kind, beat_s out of range; CG007 a version this database does not work with; CG025 its
-- epoch is over.
create function cogo_api.register_executor(executor_id text, info jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  scope record := cogo.executor_scope(register_executor.executor_id, null, false);
  kind  text;
  made  cogo.executors;
  old   cogo.executors;
  oldest text := cogo.oldest_worker();
begin
  if (info ->> 'version') ~ '^\d{1,9}\.\d{1,9}\.\d{1,9}' and (info ->> 'kind') = 'cogo-work'
     and string_to_array(substring(info ->> 'version' from '^\d+\.\d+\.\d+'), '.')::int[] < string_to_array(oldest, '.')::int[]
  then
    perform cogo.fail('CG007', format('this worker is version %s, this database works with %s and later', info ->> 'version', oldest),
      jsonb_build_object('version', info ->> 'version', 'oldest', oldest), 'Update cogo-work on this machine and start it again');
  end if;
  if (cogo.identity()).kind = 'service' then
    kind := coalesce(info ->> 'kind', scope.kind, 'cogo-plan');
    if kind not in ('cogo-plan', 'cogo-work') then
      perform cogo.fail('CG004', 'kind must be cogo-plan or cogo-work', jsonb_build_object('field', 'kind'));
    end if;
  else
    kind := scope.kind;
  end if;
  select e.* into old from cogo.executors e where e.id = register_executor.executor_id for update;
  if old.epoch > (info ->> 'epoch')::int and old.instance is distinct from left(info ->> 'instance', 200) then
    perform cogo.fail('CG025', 'a newer process runs as this executor', jsonb_build_object('epoch', (info ->> 'epoch')::int),
      'Stop this one');
  end if;
  insert into cogo.executors as e (id, project_id, kind, info, draining, instance, beat_s, stopped_at)
  values (register_executor.executor_id, scope.project_id, kind, coalesce(info - 'epoch', '{}'), coalesce((info ->> 'draining')::boolean, false),
    left(info ->> 'instance', 200), (info ->> 'beat_s')::int, case when (info ->> 'stopped')::boolean then clock_timestamp() end)
  on conflict on constraint executors_pkey do update
    set kind = excluded.kind, info = excluded.info, draining = excluded.draining, instance = excluded.instance,
        beat_s = excluded.beat_s, dead_at = null, stopped_at = excluded.stopped_at,
        running = case when e.instance = excluded.instance and excluded.stopped_at is null then e.running else 0 end,
        epoch = e.epoch + case when e.instance = excluded.instance then 0 else 1 end,
        started_at = case when e.instance = excluded.instance then e.started_at else clock_timestamp() end,
        last_seen = clock_timestamp()
    where e.project_id is not distinct from excluded.project_id
  returning e.* into made;
  if not found then
    perform cogo.fail('CG002', 'this executor id is not yours', null, 'Choose another executor id');
  end if;
  if old.instance <> made.instance then
    -- the old process is gone, or will find out: what it held is free. Whose row is locked just now is being reported on.
    update cogo.jobs j set lease_until = clock_timestamp()
     where j.id in (select x.id from cogo.jobs x
                     where x.state = 'running' and x.executor_id = made.id and x.lease_until > clock_timestamp()
                     order by x.id for update skip locked);
  end if;
  return jsonb_build_object('executor_id', made.id, 'kind', made.kind, 'project_id', made.project_id, 'epoch', made.epoch);
exception
  when check_violation or invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG004', 'info is out of range: beat_s is 1 to 300, draining and stopped true or false', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.register_executor(text, jsonb) from public;
grant execute on function cogo_api.register_executor(text, jsonb) to anon, authenticated, service_role;
