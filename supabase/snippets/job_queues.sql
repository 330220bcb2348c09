-- Queue depth and age: each lane's ready list, its backlog, what is delayed, and how long the oldest of each waits.
select l.name as lane, l.backlog,
       count(*) filter (where j.state = 'queued') as ready,
       count(*) filter (where j.blocked_on = 'turn') as waiting_for_turn,
       count(*) filter (where j.blocked_on = 'slot') as waiting_for_slot,
       count(*) filter (where j.state = 'scheduled') as scheduled,
       count(*) filter (where j.state = 'running') as running,
       round(extract(epoch from clock_timestamp() - min(j.queued_at) filter (where j.state = 'queued'))::numeric, 1) as oldest_ready_s,
       round(extract(epoch from clock_timestamp() - min(j.created_at) filter (where j.state = 'blocked'))::numeric, 1) as oldest_blocked_s
  from cogo.lanes l
  left join cogo.jobs j on j.lane = l.name and j.state in ('scheduled', 'blocked', 'queued', 'running')
 group by l.name, l.backlog, l.band
 order by l.band, l.name;
