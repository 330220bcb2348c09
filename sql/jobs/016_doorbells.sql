-- The doorbell of an executor kind whose work Edge Functions do: where to ring, and the last ring. There is no secret: each ring
-- carries a ticket of its own, of which the hash is kept until the function has shown it once, for a minute at most.
create table cogo.doorbells (
  executor     text primary key,
  -- the function to POST to; null: nobody is rung
  url          text,
  -- how many consumers may be at work at once; each is the executor <kind>.edge.<n>
  seats        int not null default 2,
  -- what consumers said they can do; null: not known yet, so anything
  types        text[],
  ticket_hash  bytea,
  rung_at      timestamptz,
  answered_at  timestamptz,
  constraint doorbells_executor_known check (executor in ('cogo-plan', 'cogo-work')),
  constraint doorbells_seats_range check (seats between 1 and 20),
  constraint doorbells_url_form check (url ~ '^https?://[^\s@]+$')
);
alter table cogo.doorbells enable row level security;
