-- cogo.store_steps: keeps the steps held items carry: steps: [{name, output}]. The first output of a name stays.
-- Error: CG000 malformed.
create function cogo.store_steps(items cogo.fenced_item[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  if not exists (select from unnest(items) i where i.held and i.body ? 'steps') then
    return;
  end if;
  insert into cogo.job_steps (job_id, name, project_id, output, attempt)
  select i.job_id, s.value ->> 'name', j.project_id, s.value -> 'output', j.attempt
    from unnest(items) i
    join cogo.jobs j on j.id = i.job_id
   cross join lateral jsonb_array_elements(i.body -> 'steps') s
   where i.held and i.body ? 'steps'
   order by i.job_id
  on conflict do nothing;
exception
  when invalid_parameter_value or not_null_violation or check_violation or datatype_mismatch then
    perform cogo.fail('CG000', 'steps must be an array of {name, output}', jsonb_build_object('reason', sqlerrm));
end
$$;
