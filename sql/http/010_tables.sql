-- What the HTTP plane keeps between requests: idempotency keys and rate buckets. Only request_begin and request_end touch them.
--
-- An idempotency key belongs to (principal, function). running: one request holds it by lock_token until locked_until; a holder
-- that died loses it then. done: the stored answer is replayed until expires_at.
create table cogo.idempotency_keys (
  principal     text not null,
  function      text not null,
  key           text not null,
  request_hash  text not null,
  state         text not null,
  lock_token    uuid,
  locked_until  timestamptz,
  response      jsonb,
  trace_id      text,
  created_at    timestamptz not null default clock_timestamp(),
  expires_at    timestamptz not null,
  primary key (principal, function, key),
  constraint idempotency_keys_state_known check (state in ('running', 'done')),
  constraint idempotency_keys_running check ((state = 'running') = (lock_token is not null and locked_until is not null)),
  constraint idempotency_keys_done check ((state = 'done') = (response is not null)),
  constraint idempotency_keys_key_form check (length(key) between 1 and 255)
);
create index idempotency_keys_expiry on cogo.idempotency_keys (expires_at);

-- A token bucket: tokens as of updated_at; it refills by the rate each caller states.
create table cogo.rate_buckets (
  bucket      text primary key,
  tokens      double precision not null,
  full_at     timestamptz not null,
  updated_at  timestamptz not null
) with (fillfactor = 50);
-- a bucket that is full again says nothing and is deleted by housekeeping
create index rate_buckets_full on cogo.rate_buckets (full_at);

alter table cogo.idempotency_keys enable row level security;
alter table cogo.rate_buckets enable row level security;
