-- cogo.read_items: [{job_id, token, …}] of a worker's call, by job id. Items without a job_id are left out. Error: CG000 malformed.
create function cogo.read_items(items jsonb, out ids uuid[], out tokens bigint[], out bodies jsonb[])
language plpgsql
immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(items) is distinct from 'array' then
    perform cogo.fail('CG000', 'an array of {job_id, token, …} is needed');
  end if;
  select array_agg(i.id), array_agg(i.token), array_agg(i.body) into ids, tokens, bodies
    from (select (e ->> 'job_id')::uuid as id, (e ->> 'token')::bigint as token, e as body
            from jsonb_array_elements(items) e where e ->> 'job_id' is not null
           order by 1) i;
exception
  -- only the reading is in a block with a handler: row locks of a subtransaction cost the update after it
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'job_id must be a uuid and token a number', jsonb_build_object('reason', sqlerrm));
end
$$;
