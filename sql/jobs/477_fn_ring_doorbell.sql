-- cogo_api.ring_doorbell: cogo.ring_doorbell for the server: a consumer that leaves work behind has it rung once more. Error: CG002.
create function cogo_api.ring_doorbell(executor text default 'cogo-plan')
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.require_service();
  return cogo.ring_doorbell(ring_doorbell.executor);
end
$$;
revoke all on function cogo_api.ring_doorbell(text) from public;
grant execute on function cogo_api.ring_doorbell(text) to service_role;
