-- cogo.reporting_scope: whose jobs the caller may report on: those of project_id (a worker token), or all of them (every, the server).
-- Errors: CG001 anonymous, CG002 not a worker.
create function cogo.reporting_scope(out every boolean, out project_id uuid)
language plpgsql
set search_path = ''
as $$
declare
  who record := cogo.identity();
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers report on jobs', null, 'Use a worker token');
  end if;
  reporting_scope.every := who.kind = 'service';
  reporting_scope.project_id := who.project_id;
end
$$;
