-- Who calls, for pgTAP files. The role stays the superuser, so that pgTAP's own tables stay reachable; cogo.identity reads the claims
-- where no API role is set. What the roles are granted is tested in sql/tests/access.
create schema tests;

create function tests.as_service() returns void language sql as $$
  select set_config('request.jwt.claims', '', true), set_config('request.jwt.claim.sub', '', true),
         set_config('request.jwt.claim.role', '', true), set_config('request.headers', '', true);
$$;

create function tests.as_anon() returns void language sql as $$
  select tests.as_service(), set_config('request.jwt.claims', '{"role":"anon"}', true);
$$;

create function tests.as_user(id uuid) returns void language sql as $$
  select tests.as_service(),
         set_config('request.jwt.claims', json_build_object('role', 'authenticated', 'sub', id)::text, true);
$$;

create function tests.as_token(token text) returns void language sql as $$
  select tests.as_anon(), set_config('request.headers', json_build_object('x-cogo-token', token)::text, true);
$$;

-- A private project made by the server.
create function tests.project(name text) returns uuid language sql as $$
  select (cogo_api.create_project(name) ->> 'id')::uuid
$$;

-- Stable ids to speak of.
create function tests.alice() returns uuid language sql immutable as $$ select 'a0000000-0000-4000-8000-000000000001'::uuid $$;
create function tests.bob() returns uuid language sql immutable as $$ select 'b0000000-0000-4000-8000-000000000002'::uuid $$;

-- Values carried from one statement of a file to the next.
create table tests.notes (name text primary key, value jsonb);
create function tests.note(name text, value jsonb) returns void language sql as $$
  insert into tests.notes values (note.name, note.value) on conflict (name) do update set value = excluded.value
$$;
create function tests.noted(name text) returns jsonb language sql stable as $$
  select n.value from tests.notes n where n.name = noted.name
$$;
create function tests.noted_id(name text) returns uuid language sql stable as $$
  select (tests.noted(noted_id.name) #>> '{}')::uuid
$$;
