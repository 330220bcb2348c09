-- cogo.fenced: reads [{job_id, token, …}] of a worker's call, locks those jobs in order, and returns each item once with whether its
-- token still holds the lease. Jobs outside the caller's project answer lost, as unknown ones do.
-- Errors: CG001/CG002 not a worker, CG000 malformed.
create function cogo.fenced(items jsonb)
returns cogo.fenced_item[]
language plpgsql
set search_path = ''
as $$
declare
  who    record := cogo.reporting_scope();
  ids    uuid[];
  tokens bigint[];
  bodies jsonb[];
  answer cogo.fenced_item[];
begin
  select r.ids, r.tokens, r.bodies into ids, tokens, bodies from cogo.read_items(fenced.items) r;
  if ids is null then
    return '{}';
  end if;
  perform cogo.lock_jobs(ids);
  -- an id said twice keeps the item with the right token
  select array_agg((f.job_id, f.token, f.body, f.held, f.cancel_requested, f.keyed, f.parented)::cogo.fenced_item order by f.job_id)
    into answer
    from (select distinct on (i.id) i.id as job_id, i.token, i.body,
                 coalesce(j.state = 'running' and j.lease_token = i.token, false) as held,
                 j.cancel_requested_at is not null as cancel_requested,
                 j.concurrency_key is not null as keyed, j.parent_id is not null as parented
            from unnest(ids, tokens, bodies) as i(id, token, body)
            left join cogo.jobs j on j.id = i.id and (who.every or j.project_id = who.project_id)
           order by i.id, (j.lease_token is not distinct from i.token) desc) f;
  return answer;
end
$$;
