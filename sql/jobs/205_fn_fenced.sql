-- cogo.fenced: reads [{job_id, token, …}] of a worker's call, locks those jobs in order, and returns each item once with whether its
-- token still holds the lease. Jobs outside the caller's project answer lost, as unknown ones do.
-- Errors: CG001/CG002 not a worker, CG000 malformed.
create function cogo.fenced(items jsonb)
returns table (job_id uuid, token bigint, body jsonb, held boolean, cancel_requested boolean)
language plpgsql
set search_path = ''
as $$
declare
  who record := cogo.identity();
  ids uuid[];
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'a worker token is needed', null, 'Send it in x-cogo-token');
  elsif who.kind not in ('worker', 'service') then
    perform cogo.fail('CG002', 'only workers report on jobs', null, 'Use a worker token');
  end if;
  if jsonb_typeof(items) is distinct from 'array' then
    perform cogo.fail('CG000', 'an array of {job_id, token, …} is needed');
  end if;
  ids := array(select (i ->> 'job_id')::uuid from jsonb_array_elements(items) i);
  perform cogo.lock_jobs(ids);
  return query
    select distinct on ((i.value ->> 'job_id')::uuid)
           (i.value ->> 'job_id')::uuid, (i.value ->> 'token')::bigint, i.value,
           coalesce(j.id is not null and j.state = 'running' and j.lease_token = (i.value ->> 'token')::bigint, false),
           j.cancel_requested_at is not null
      from jsonb_array_elements(items) i
      left join cogo.jobs j
        on j.id = (i.value ->> 'job_id')::uuid
       and (who.kind = 'service' or j.project_id = who.project_id)
     where i.value ->> 'job_id' is not null
     order by (i.value ->> 'job_id')::uuid,
              (j.lease_token is not distinct from (i.value ->> 'token')::bigint) desc;
exception
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'job_id must be a uuid and token a number', jsonb_build_object('reason', sqlerrm));
end
$$;
