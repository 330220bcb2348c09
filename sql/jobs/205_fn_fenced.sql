-- What a worker's call says of one job, and whether its token holds the lease.
create type cogo.fenced_item as (
  job_id uuid, token bigint, body jsonb, held boolean, cancel_requested boolean, keyed boolean, parented boolean);

-- cogo.fenced: reads [{job_id, token, …}] of a worker's call, locks those jobs in order, and returns each item once with whether its
-- token still holds the lease. Jobs outside the caller's project answer lost, as unknown ones do.
-- Errors: CG001/CG002 not a worker, CG000 malformed.
create function cogo.fenced(items jsonb)
returns cogo.fenced_item[]
language plpgsql
set search_path = ''
as $$
declare
  who    record := cogo.identity();
  ids    uuid[];
  tokens bigint[];
  bodies jsonb[];
  answer cogo.fenced_item[];
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers report on jobs', null, 'Use a worker token');
  end if;
  if jsonb_typeof(items) is distinct from 'array' then
    perform cogo.fail('CG000', 'an array of {job_id, token, …} is needed');
  end if;
  -- only the reading of the input is in a block with a handler: row locks of a subtransaction cost the update after it
  begin
    select array_agg((e ->> 'job_id')::uuid), array_agg((e ->> 'token')::bigint), array_agg(e)
      into ids, tokens, bodies
      from jsonb_array_elements(items) e where e ->> 'job_id' is not null;
  exception
    when invalid_text_representation or numeric_value_out_of_range then
      perform cogo.fail('CG000', 'job_id must be a uuid and token a number', jsonb_build_object('reason', sqlerrm));
  end;
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
            left join cogo.jobs j on j.id = i.id and (who.kind = 'service' or j.project_id = who.project_id)
           order by i.id, (j.lease_token is not distinct from i.token) desc) f;
  return answer;
end
$$;
