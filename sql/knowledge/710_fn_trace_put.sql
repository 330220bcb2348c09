-- cogo_api.trace_put: adds calls that were seen at run time to a repository. calls: [{from, to, count}] by key; counts seen before are
-- halved for every 30 days since, then added to. A key the index does not know is taken as it is: it may be indexed later. Needs editor
-- (or a worker of the project). Returns {calls, new}. Errors: CG003 no such repository, CG000 malformed.
create function cogo_api.trace_put(project_id uuid, repo text, calls jsonb, observed_at timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  home cogo.repos;
  at   timestamptz := least(coalesce(trace_put.observed_at, clock_timestamp()), clock_timestamp());
  n    int;
  made int;
begin
  perform cogo.require_role(trace_put.project_id, 'editor', true);
  select r.* into home from cogo.repos r where r.project_id = trace_put.project_id and r.repo = trace_put.repo;
  if not found then
    perform cogo.fail('CG003', 'no such repository in the project', jsonb_build_object('repo', trace_put.repo), 'Index it first');
  end if;
  if jsonb_typeof(calls) is distinct from 'array' then
    perform cogo.fail('CG000', 'calls must be an array');
  end if;
  with given as (
    select c."from" as from_key, c."to" as to_key, sum(c.count) as count
      from jsonb_to_recordset(calls) as c("from" text, "to" text, count double precision)
     group by 1, 2
  ),
  put as (
    insert into cogo.runtime_calls as c (repo_id, project_id, from_key, to_key, count, observed_at)
    select home.id, home.project_id, g.from_key, g.to_key, g.count, at from given g
    on conflict on constraint runtime_calls_pkey do update
      set count = case when c.observed_at <= excluded.observed_at
            then excluded.count + c.count * power(0.5, extract(epoch from excluded.observed_at - c.observed_at) / 2592000.0)
            else c.count + excluded.count * power(0.5, extract(epoch from c.observed_at - excluded.observed_at) / 2592000.0) end,
          observed_at = greatest(c.observed_at, excluded.observed_at)
    returning (c.xmax = 0) as fresh
  )
  select count(*), count(*) filter (where fresh) into n, made from put;
  return jsonb_build_object('calls', n, 'new', made);
exception
  when not_null_violation or check_violation or invalid_text_representation or data_exception then
    perform cogo.fail('CG000', 'calls is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.trace_put(uuid, text, jsonb, timestamptz) from public;
grant execute on function cogo_api.trace_put(uuid, text, jsonb, timestamptz) to anon, authenticated, service_role;
