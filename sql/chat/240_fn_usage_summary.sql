-- cogo_api.usage_summary: {since, total:{calls, input_tokens, output_tokens, cost_usd, unpriced_calls, estimated_calls},
-- by_model:[{provider, model, …the same}]} of a project, by default for the last 30 days. cost_usd sums the known prices only;
-- unpriced_calls says how many are missing from it. Needs viewer.
create function cogo_api.usage_summary(project_id uuid, since timestamptz default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  start  timestamptz := coalesce(usage_summary.since, clock_timestamp() - interval '30 days');
  answer jsonb;
begin
  perform cogo.require_role(usage_summary.project_id, 'viewer');
  with line as (
    select u.provider, u.model, grouping(u.provider) as is_total,
           jsonb_build_object('calls', count(*), 'input_tokens', coalesce(sum(u.input_tokens), 0),
             'output_tokens', coalesce(sum(u.output_tokens), 0), 'cost_usd', coalesce(sum(u.cost_usd), 0),
             'unpriced_calls', count(*) filter (where u.cost_usd is null),
             'estimated_calls', count(*) filter (where u.estimated)) as sums
      from cogo.usage_events u
     where u.project_id = usage_summary.project_id and u.created_at >= start
     group by grouping sets ((), (u.provider, u.model))
  )
  select jsonb_build_object('since', start,
           'total', (select l.sums from line l where l.is_total = 1),
           'by_model', coalesce((
             select jsonb_agg(jsonb_build_object('provider', l.provider, 'model', l.model) || l.sums order by l.provider, l.model)
               from line l where l.is_total = 0), '[]'))
    into answer;
  return answer;
end
$$;
revoke all on function cogo_api.usage_summary(uuid, timestamptz) from public;
grant execute on function cogo_api.usage_summary(uuid, timestamptz) to anon, authenticated, service_role;
