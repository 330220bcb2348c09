-- cogo.keep_partitions: makes the partitions of job_events (a day each, three ahead) and jobs_history (a week each, two ahead) and
-- drops those past their time: events after 14 days, history after 13 weeks. Rows that came before their partition lie in a default
-- one, which is emptied by age. Returns {made, dropped}. Gives up after 2 s where somebody reads a partition it would drop.
create function cogo.keep_partitions(events_days int default 14, history_weeks int default 13)
returns jsonb
language plpgsql
set search_path = ''
set lock_timeout = '2s'
as $$
declare
  kind    record;
  first   date;
  part    text;
  made    int := 0;
  dropped int := 0;
begin
  for kind in
    select * from (values
      ('job_events', 'd', interval '1 day', 3, current_date - events_days),
      ('jobs_history', 'w', interval '7 days', 2, date_trunc('week', current_date)::date - history_weeks * 7)) as k(parent, tag, step, ahead, oldest)
  loop
    if to_regclass(format('cogo.%I', kind.parent || '_rest')) is null then
      execute format('create table cogo.%I partition of cogo.%I default', kind.parent || '_rest', kind.parent);
      execute format('alter table cogo.%I enable row level security', kind.parent || '_rest');
    end if;
    for i in 0..kind.ahead loop
      first := (case kind.tag when 'd' then current_date else date_trunc('week', current_date)::date end + i * kind.step)::date;
      part := kind.parent || to_char(first, '_YYYYMMDD');
      if to_regclass(format('cogo.%I', part)) is null then
        begin
          execute format('create table cogo.%I partition of cogo.%I for values from (%L) to (%L)',
            part, kind.parent, first::timestamptz, (first + kind.step)::timestamptz);
          execute format('alter table cogo.%I enable row level security', part);
          made := made + 1;
        exception when check_violation then
          -- the default partition has rows of that time: they stay there
          null;
        end;
      end if;
    end loop;
    for part in
      select c.relname from pg_catalog.pg_inherits i join pg_catalog.pg_class c on c.oid = i.inhrelid
       where i.inhparent = format('cogo.%I', kind.parent)::regclass
         and c.relname < kind.parent || to_char(kind.oldest, '_YYYYMMDD') and c.relname ~ '_[0-9]{8}$'
    loop
      execute format('drop table cogo.%I', part);
      dropped := dropped + 1;
    end loop;
  end loop;
  delete from cogo.job_events_rest e where e.ctid = any (array(
    select x.ctid from cogo.job_events_rest x where x.at < current_date - events_days limit 20000));
  delete from cogo.jobs_history_rest h where h.ctid = any (array(
    select x.ctid from cogo.jobs_history_rest x where x.finished_at < current_date - history_weeks * 7 limit 20000));
  return jsonb_build_object('made', made, 'dropped', dropped);
end
$$;
