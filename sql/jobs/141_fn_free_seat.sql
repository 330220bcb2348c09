-- cogo.free_seat: the id of the first edge consumer of an executor kind, of so many, that is not at work; null when all are.
create function cogo.free_seat(executor text, seats int)
returns text
language sql
stable
set search_path = ''
as $$
  select s.id
    from generate_series(1, free_seat.seats) n
   cross join lateral (select free_seat.executor || '.edge.' || n as id) s
    left join cogo.executors e on e.id = s.id
   where e.id is null or e.draining or e.dead_at is not null
      or e.last_seen < clock_timestamp() - make_interval(secs => 3 * coalesce(e.beat_s, 10))
   order by n
   limit 1
$$;
