-- Realtime's SQL side where Supabase Realtime is not: rows of realtime.messages go out on the stack's own gateway.
-- Names, columns and defaults as supabase/realtime makes them (priv/repo/tenant_schema); `seq` is added: the order of delivery.
-- A database that has its own realtime.messages (hosted, `supabase start`) is left alone.
do $shim$
begin
  if to_regclass('realtime.messages') is not null and not exists (
    select from pg_catalog.pg_attribute
    where attrelid = to_regclass('realtime.messages') and attname = 'seq' and not attisdropped
  ) then
    return;
  end if;

  create schema if not exists realtime;
  grant usage on schema realtime to anon, authenticated, service_role;

  -- One table instead of a partition a day: what is old goes by realtime.cogo_prune.
  create table if not exists realtime.messages (
    topic           text not null,
    extension       text not null,
    payload         jsonb,
    event           text,
    private         boolean default false,
    -- UTC. The clock of the insert rather than of the transaction's start, so that "since" misses less of a long transaction.
    updated_at      timestamp not null default (clock_timestamp() at time zone 'utc'),
    inserted_at     timestamp not null default (clock_timestamp() at time zone 'utc'),
    id              uuid not null default gen_random_uuid(),
    binary_payload  bytea,
    seq             bigint generated always as identity unique,
    primary key (id, inserted_at),
    constraint messages_payload_exclusive check (payload is null or binary_payload is null)
  );
  create index if not exists messages_topic_seq on realtime.messages (topic, seq) where extension = 'broadcast' and private;
  create index if not exists messages_inserted_at on realtime.messages (inserted_at);

  -- Who may join and who may send is decided by policies on this table; without any, no private topic opens.
  alter table realtime.messages enable row level security;
  grant select, insert, update on realtime.messages to anon, authenticated, service_role;

  create or replace function realtime.topic() returns text language sql stable as $fn$
    select nullif(current_setting('realtime.topic', true), '')::text
  $fn$;

  -- A notification carries at most 8000 bytes, so it names the rows of a statement (`12,13`, at most 300) and the gateway reads them.
  -- Postgres delivers notifications in order of commit: nothing that commits late is overtaken by a higher number.
  create or replace function realtime.cogo_notify() returns trigger language plpgsql as $fn$
  declare
    numbers text;
  begin
    for numbers in
      select string_agg(i.seq::text, ',' order by i.seq)
        from (select x.seq, (row_number() over (order by x.seq) - 1) / 300 as part from inserted x where x.extension = 'broadcast') i
       group by i.part order by i.part
    loop
      perform pg_catalog.pg_notify('cogo_realtime', numbers);
    end loop;
    return null;
  end
  $fn$;
  create or replace trigger cogo_notify after insert on realtime.messages
    referencing new table as inserted for each statement execute function realtime.cogo_notify();

  -- As on Supabase a message that cannot be sent warns and does not fail the caller's transaction, and a payload without
  -- an `id` gets the message's.
  create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true)
  returns void language plpgsql as $fn$
  declare
    generated_id  uuid := gen_random_uuid();
    final_payload jsonb;
  begin
    if payload ? 'id' then
      final_payload := payload;
    else
      final_payload := jsonb_set(payload, '{id}', to_jsonb(generated_id));
    end if;
    perform set_config('realtime.topic', topic, true);
    insert into realtime.messages (id, payload, event, topic, private, extension)
    values (generated_id, final_payload, event, topic, private, 'broadcast');
  exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
  end
  $fn$;

  -- Several private messages at once, kept in the order given: [{topic, event, payload}], each payload with an id of its own. As
  -- realtime.send, but one insert and one notification for all.
  create or replace function realtime.cogo_send_all(messages jsonb) returns void language plpgsql as $fn$
  begin
    insert into realtime.messages (payload, event, topic, private, extension)
    select m.item -> 'payload', m.item ->> 'event', m.item ->> 'topic', true, 'broadcast'
      from jsonb_array_elements(messages) with ordinality as m(item, nth)
     order by m.nth;
  exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
  end
  $fn$;
  revoke all on function realtime.cogo_send_all(jsonb) from public;

  -- Who listens on which topic: gateways, and programs that listen by themselves. An ear that is not heard of for two minutes is
  -- gone. Not logged: after a crash every ear says so again.
  create unlogged table if not exists realtime.cogo_ears (
    topic     text not null,
    ear       uuid not null,
    heard_at  timestamptz not null default clock_timestamp(),
    primary key (topic, ear)
  );
  alter table realtime.cogo_ears enable row level security;

  -- Says that an ear listens on topics, or still does.
  create or replace function realtime.cogo_listen(ear uuid, topics text[]) returns void language sql as $fn$
    insert into realtime.cogo_ears (topic, ear) select distinct t, cogo_listen.ear from unnest(topics) t
    on conflict on constraint cogo_ears_pkey do update set heard_at = clock_timestamp()
  $fn$;

  -- A private message that is not kept: it reaches who listens now, in the order of commits, and costs next to nothing where
  -- nobody does. One that a notification can't carry is sent as any other.
  create or replace function realtime.cogo_hint(payload jsonb, event text, topic text) returns void language plpgsql as $fn$
  declare
    message text;
  begin
    if not exists (
      select from realtime.cogo_ears e
      where e.topic = cogo_hint.topic and e.heard_at > clock_timestamp() - interval '2 minutes')
    then
      return;
    end if;
    message := jsonb_build_object('id', gen_random_uuid(), 'topic', topic, 'event', event, 'payload', payload)::text;
    if octet_length(message) < 7900 then
      perform pg_catalog.pg_notify('cogo_realtime_hint', message);
    else
      perform realtime.send(payload, event, topic, true);
    end if;
  end
  $fn$;
  revoke all on function realtime.cogo_listen(uuid, text[]), realtime.cogo_hint(jsonb, text, text) from public;

  create or replace function realtime.send_binary(payload bytea, event text, topic text, private boolean default true)
  returns void language plpgsql as $fn$
  begin
    perform set_config('realtime.topic', topic, true);
    insert into realtime.messages (binary_payload, event, topic, private, extension)
    values (payload, event, topic, private, 'broadcast');
  exception when others then
    raise warning 'WarnSendingBroadcastMessage: %', sqlerrm;
  end
  $fn$;

  -- For row triggers: perform realtime.broadcast_changes('topic', tg_op, tg_op, tg_table_name, tg_table_schema, new, old).
  create or replace function realtime.broadcast_changes(
    topic_name text, event_name text, operation text, table_name text, table_schema text,
    new record, old record, level text default 'ROW'
  ) returns void language plpgsql as $fn$
  begin
    if level = 'STATEMENT' then
      raise exception 'function can only be triggered for each row, not for each statement';
    end if;
    if operation not in ('INSERT', 'UPDATE', 'DELETE') then
      raise exception 'Unexpected operation type: %', operation;
    end if;
    perform realtime.send(
      jsonb_build_object('old_record', old, 'record', new, 'operation', operation, 'table', table_name, 'schema', table_schema),
      event_name, topic_name);
  exception when others then
    raise exception 'Failed to process the row: %', sqlerrm;
  end
  $fn$;

  -- Deletes messages older than `keep`, at most `most` a call, and answers how many. Hosted Supabase keeps three days.
  create or replace function realtime.cogo_prune(keep interval default '3 days', most integer default 5000)
  returns integer language plpgsql as $fn$
  declare
    gone integer;
  begin
    delete from realtime.messages where seq in (
      select m.seq from realtime.messages m
      where m.inserted_at < (now() at time zone 'utc') - keep
      order by m.inserted_at limit most);
    get diagnostics gone = row_count;
    delete from realtime.cogo_ears e where e.heard_at < clock_timestamp() - interval '10 minutes';
    return gone;
  end
  $fn$;
  revoke all on function realtime.cogo_prune(interval, integer) from public;
end
$shim$;
