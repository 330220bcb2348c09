-- The two schedules of COGO. cron.schedule by name replaces one that is there.
do $$
begin
  if to_regprocedure('cron.schedule(text,text,text)') is null then
    raise notice 'COGO: no cron.schedule here; call cogo_api.sweep() every second and cogo.housekeeping() every hour';
    return;
  end if;
  perform cron.schedule('cogo-sweep', '1 seconds', 'select cogo_api.sweep()');
  perform cron.schedule('cogo-housekeeping', '17 * * * *', 'select cogo.housekeeping()');
end
$$;
