-- cogo.lock_children: takes what making the children of a worker's call will need before anything of the jobs themselves is locked:
-- idempotency keys, rates, then slots in one pass with the jobs' own and their parents'. So finish and release keep the order of
-- enqueue (key -> rate -> slot -> job) and can not meet it in a circle. items: as fenced, with children.
-- A key is locked by inserting and deleting its row: whoever inserts the same one waits for this transaction, as it would for a real one.
create function cogo.lock_children(items jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  wanted jsonb;
begin
  if jsonb_typeof(items) is distinct from 'array' or not jsonb_path_exists(items, '$[*].children[0]') then
    return;
  end if;
  begin
    select jsonb_agg(jsonb_build_object('p', j.project_id, 'key', c ->> 'key', 'rate', coalesce(c ->> 'rate_key', c ->> 'type'),
             'slot', c ->> 'concurrency_key'))
      into wanted
      from jsonb_array_elements(items) i
      join cogo.jobs j on j.id = (i ->> 'job_id')::uuid and j.lease_token = (i ->> 'token')::bigint
     cross join lateral jsonb_array_elements(case jsonb_typeof(i -> 'children') when 'array' then i -> 'children' else '[]' end) c
     where jsonb_typeof(c) = 'object';
  exception
    when invalid_text_representation or numeric_value_out_of_range then
      return;  -- fenced says what is wrong
  end;
  if wanted is null then
    return;
  end if;
  if jsonb_path_exists(wanted, '$[*] ? (@.key != null)') then
    insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
    select distinct (w ->> 'p')::uuid, w ->> 'key', nobody, ''::bytea, '-infinity'::timestamptz
      from jsonb_array_elements(wanted) w where w ->> 'key' is not null order by 1, 2
    on conflict do nothing;
    delete from cogo.job_keys k
     where (k.project_id, k.key) in (select (w ->> 'p')::uuid, w ->> 'key' from jsonb_array_elements(wanted) w) and k.job_id = nobody;
  end if;
  perform from cogo.job_rates r
    where (r.project_id, r.key) in (select (w ->> 'p')::uuid, w ->> 'rate' from jsonb_array_elements(wanted) w)
    order by r.project_id, r.key for update;
  if jsonb_path_exists(wanted, '$[*] ? (@.slot != null)') then
    insert into cogo.job_slots (project_id, key)
    select distinct (w ->> 'p')::uuid, w ->> 'slot' from jsonb_array_elements(wanted) w where w ->> 'slot' is not null order by 1, 2
    on conflict do nothing;
    perform from cogo.job_slots s
      where (s.project_id, s.key) in (
        select (w ->> 'p')::uuid, w ->> 'slot' from jsonb_array_elements(wanted) w
         union all
        select j.project_id, j.concurrency_key
          from cogo.jobs j
         where j.concurrency_key is not null
           and j.id in (select x.id from jsonb_array_elements(items) i join cogo.jobs x on x.id = (i ->> 'job_id')::uuid
                         union all
                        select x.parent_id from jsonb_array_elements(items) i join cogo.jobs x on x.id = (i ->> 'job_id')::uuid))
      order by s.project_id, s.key for update;
  end if;
end
$$;
