-- cogo.new_job_id: a UUID of version 7: the millisecond, then the place in its batch, then 62 random bits. Ids in time order keep the
-- indexes of the hot tables growing at one end.
create function cogo.new_job_id(moment timestamptz, nth int default 0)
returns uuid
language sql
volatile
set search_path = ''
as $$
  select encode(int8send(((extract(epoch from moment) * 1000)::bigint << 16) | 28672 | (nth & 4095))
    || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid
$$;
