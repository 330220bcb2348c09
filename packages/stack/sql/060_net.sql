-- pg_net's names where pg_net is not: the stack's outbox sends the rows of net.http_request_queue and writes net._http_response.
-- Unlike pg_net the queue is a logged table: a request queued before a crash is sent after it (so a receiver may see one twice),
-- and `params` are stored apart and put on the URL by the sender.
-- Source: supabase/pg_net 0.14, sql/pg_net.sql.
do $shim$
begin
  if to_regnamespace('net') is not null and to_regprocedure('net.cogo_is_shim()') is null then
    return;
  end if;
  create schema if not exists net;

  create table if not exists net.http_request_queue (
    id                    bigint generated always as identity primary key,
    method                text not null check (method in ('GET', 'POST', 'DELETE')),
    url                   text not null,
    params                jsonb not null default '{}',
    headers               jsonb not null default '{}',
    body                  text,
    timeout_milliseconds  integer not null check (timeout_milliseconds between 1 and 60000),
    created               timestamptz not null default now()
  );

  create table if not exists net._http_response (
    id            bigint primary key,
    status_code   integer,
    content_type  text,
    headers       jsonb,
    content       text,
    timed_out     boolean,
    error_msg     text,
    created       timestamptz not null default now()
  );
  create index if not exists _http_response_created_idx on net._http_response (created);

  create or replace function net.cogo_is_shim() returns boolean language sql immutable as 'select true';

  create or replace function net.http_post(
    url text, body jsonb default '{}', params jsonb default '{}',
    headers jsonb default '{"Content-Type": "application/json"}', timeout_milliseconds integer default 5000
  ) returns bigint language plpgsql set search_path = '' as $fn$
  declare
    request_id bigint;
  begin
    insert into net.http_request_queue (method, url, params, headers, body, timeout_milliseconds)
    values ('POST', http_post.url, coalesce(http_post.params, '{}'), coalesce(http_post.headers, '{}'),
      http_post.body::text, http_post.timeout_milliseconds)
    returning id into request_id;
    perform pg_notify('cogo_net', '');
    return request_id;
  end
  $fn$;

  create or replace function net.http_get(
    url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds integer default 5000
  ) returns bigint language plpgsql set search_path = '' as $fn$
  declare
    request_id bigint;
  begin
    insert into net.http_request_queue (method, url, params, headers, timeout_milliseconds)
    values ('GET', http_get.url, coalesce(http_get.params, '{}'), coalesce(http_get.headers, '{}'),
      http_get.timeout_milliseconds)
    returning id into request_id;
    perform pg_notify('cogo_net', '');
    return request_id;
  end
  $fn$;

  create or replace function net.http_delete(
    url text, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds integer default 5000,
    body jsonb default null
  ) returns bigint language plpgsql set search_path = '' as $fn$
  declare
    request_id bigint;
  begin
    insert into net.http_request_queue (method, url, params, headers, body, timeout_milliseconds)
    values ('DELETE', http_delete.url, coalesce(http_delete.params, '{}'), coalesce(http_delete.headers, '{}'),
      http_delete.body::text, http_delete.timeout_milliseconds)
    returning id into request_id;
    perform pg_notify('cogo_net', '');
    return request_id;
  end
  $fn$;

  revoke all on schema net from public;
  revoke all on all functions in schema net from public;
end
$shim$;
