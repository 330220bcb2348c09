-- cogo.verdicts: the answer of fail and release: [{job_id, verdict, state}] by job id. A lost attempt learns no state: it may be
-- another project's job.
create function cogo.verdicts(items cogo.fenced_item[])
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select coalesce(jsonb_agg(jsonb_build_object('job_id', i.job_id,
             'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
             'state', case when i.held then j.state end) order by i.job_id), '[]')
      from unnest(items) i left join cogo.jobs j on j.id = i.job_id);
end
$$;
