-- cogo_api.request_begin: the first database call of every request, one round trip: rate, idempotency, trace.
--
-- request: {trace_id, function, principal, project_id?, session_id?, route?, rate?, idempotency?} (shapes: take_rate,
-- take_idempotency). Returns {trace:{trace_id, created_at}, rate?, idempotency?}. A refusal is a verdict, never an exception:
-- rate.allowed = false ends it there; a key in any other state than "new" makes no trace row (trace is then null).
-- A trace id that exists belongs to the principal that made it. Anyone else's request gets a new id, returned as trace.trace_id
-- with renamed = true: one tenant cannot write into the trace of another.
-- Errors: CG000 malformed, CG002 not the server, CG003 unknown project.
create function cogo_api.request_begin(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  asked   record;
  verdict jsonb := '{}';
  part    jsonb;
  id      text;
  made    timestamptz;
begin
  perform cogo.require_service();
  select * into asked from jsonb_to_record(request)
    as r(trace_id text, function text, project_id uuid, principal text, session_id uuid, route text, rate jsonb, idempotency jsonb);
  if asked.trace_id is null or asked.function is null or asked.principal is null then
    perform cogo.fail('CG000', 'request needs trace_id, function and principal');
  end if;

  if jsonb_typeof(asked.rate) = 'object' then
    part := cogo.take_rate(asked.rate);
    verdict := jsonb_build_object('rate', part, 'trace', null);
    if not (part ->> 'allowed')::boolean then
      return verdict;
    end if;
  end if;

  if jsonb_typeof(asked.idempotency) = 'object' then
    part := cogo.take_idempotency(asked.principal, asked.function, asked.idempotency, asked.trace_id);
    verdict := verdict || jsonb_build_object('idempotency', part, 'trace', null);
    if part ->> 'state' <> 'new' then
      return verdict;
    end if;
  end if;

  id := asked.trace_id;
  insert into cogo.traces as t (trace_id, project_id, function, route, principal, session_id)
  values (id, asked.project_id, asked.function, asked.route, asked.principal, asked.session_id)
  on conflict (trace_id) do update
    set status = 'running', finished_at = null, duration_ms = null, http_status = null
    where t.principal = excluded.principal and t.project_id is not distinct from excluded.project_id
  returning t.created_at into made;
  if not found then
    id := replace(gen_random_uuid()::text, '-', '');
    insert into cogo.traces as t (trace_id, project_id, function, route, principal, session_id)
    values (id, asked.project_id, asked.function, asked.route, asked.principal, asked.session_id)
    returning t.created_at into made;
    verdict := verdict || jsonb_build_object('trace', jsonb_build_object('trace_id', id, 'created_at', made, 'renamed', true));
    return verdict;
  end if;
  return verdict || jsonb_build_object('trace', jsonb_build_object('trace_id', id, 'created_at', made));
exception
  when foreign_key_violation then
    perform cogo.fail('CG003', 'no such project', jsonb_build_object('project_id', request ->> 'project_id'));
    return null;
  when invalid_text_representation or check_violation or invalid_parameter_value or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'request is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.request_begin(jsonb) from public;
grant execute on function cogo_api.request_begin(jsonb) to service_role;
