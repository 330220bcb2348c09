-- cogo_api.index_abort: gives a run up and removes what it wrote. Returns {state:"aborted"}. Errors: CG003/CG031 as running_run.
create function cogo_api.index_abort(run_id uuid, reason text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform cogo.abort_run(cogo.running_run(index_abort.run_id), index_abort.reason);
  return jsonb_build_object('state', 'aborted');
end
$$;
revoke all on function cogo_api.index_abort(uuid, text) from public;
grant execute on function cogo_api.index_abort(uuid, text) to anon, authenticated, service_role;
