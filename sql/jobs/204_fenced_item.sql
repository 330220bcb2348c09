-- What a worker's call says of one job, and whether its token holds the lease.
create type cogo.fenced_item as (
  job_id uuid, token bigint, body jsonb, held boolean, cancel_requested boolean, keyed boolean, parented boolean);
