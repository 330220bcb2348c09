-- cogo.can_read_trace: whether the caller may read a trace: the server; whoever started it; a reader of its project.
create function cogo.can_read_trace(trace_id text)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  trace record;
  me    text;
begin
  me := cogo.principal();
  if me = 'service' then
    return true;
  end if;
  select t.project_id, t.principal into trace from cogo.traces t where t.trace_id = can_read_trace.trace_id;
  if not found then
    return false;
  end if;
  -- 'anon' is everybody, so it owns nothing
  if me <> 'anon' and trace.principal = me then
    return true;
  end if;
  return trace.project_id is not null and cogo.role_in(trace.project_id) is not null;
end
$$;
