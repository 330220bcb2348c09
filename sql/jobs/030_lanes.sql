-- The lanes: executor x priority band; 0 is served before 1, 1 before 2. Capabilities narrower than 'default' come later.
do $$
declare
  route record;
begin
  for route in
    select e.executor, b.band::smallint as band
      from unnest(array['cogo-plan', 'cogo-work']) as e(executor)
     cross join generate_series(0, 2) as b(band)
     order by e.executor, b.band
  loop
    perform cogo.create_lane(route.executor, 'default', route.band);
  end loop;
  perform cogo.create_dispatch();
end
$$;
