-- cogo_api.turn: finish and claim in one call and one transaction, which is what a busy worker does all day: half the calls and half
-- the commits. Returns {verdicts: as finish, jobs: as claim}; results are recorded when the answer is there, both or neither.
-- results: as finish, may be empty; the rest as claim. Errors: as finish and claim; then nothing was recorded, nor leased.
create function cogo_api.turn(
  executor_id text, results jsonb, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns json
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  verdicts text := '[]';
  taker    text;
begin
  if turn.results <> '[]' then
    -- hand_on need not ring where this call takes whatever comes next
    taker := set_config('cogo.taker', case when turn.include_types is null then turn.executor_id else '' end, true);
    verdicts := cogo_api.finish(turn.results);
    taker := set_config('cogo.taker', '', true);
  end if;
  return ('{"verdicts":' || verdicts || ',"jobs":'
    || cogo.take(turn.executor_id, turn.qty, turn.lease_s, turn.include_types, turn.epoch) || '}')::json;
end
$$;
revoke all on function cogo_api.turn(text, jsonb, int, int, text[], int) from public;
grant execute on function cogo_api.turn(text, jsonb, int, int, text[], int) to anon, authenticated, service_role;
