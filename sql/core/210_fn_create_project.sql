-- cogo_api.create_project: makes a project owned by the caller (a user, or the server itself) and returns
-- {id, slug, name, visibility, role, created_at, created}.
-- A slug the caller can already see returns that project with created = false, so a start-up script may call it again and again.
-- A slug taken by a project the caller cannot see gets a suffix, so that its existence is not disclosed.
-- Errors: CG001 anonymous, CG002 tokens, CG004 bad name, slug or visibility.
create function cogo_api.create_project(name text, slug text default null, visibility text default 'private')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  who     record := cogo.identity();
  project cogo.projects;
  wanted  text;
  role    text;
begin
  if who.kind = 'anon' then
    perform cogo.fail('CG001', 'sign in to create a project');
  elsif who.kind not in ('user', 'service') then
    perform cogo.fail('CG002', 'a token may not create projects', null, 'Use a user session or the secret key');
  end if;
  if coalesce(length(btrim(create_project.name)), 0) not between 1 and 200 then
    perform cogo.fail('CG004', 'the name must have 1 to 200 characters', jsonb_build_object('field', 'name'));
  end if;
  if coalesce(create_project.visibility, '') not in ('private', 'public') then
    perform cogo.fail('CG004', 'visibility must be private or public', jsonb_build_object('field', 'visibility'));
  end if;
  wanted := create_project.slug;
  if wanted is null then
    wanted := btrim(left(
      regexp_replace(lower(create_project.name), '[^a-z0-9]+', '-', 'g'), 56), '-');
    if wanted = '' then
      wanted := 'project-' || left(md5(create_project.name), 8);
    end if;
  elsif wanted !~ '^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$' then
    perform cogo.fail('CG004', 'the slug must be lower-case letters, digits and dashes, at most 64', jsonb_build_object('field', 'slug'));
  end if;

  loop
    insert into cogo.projects as p (slug, name, visibility, created_by)
    values (wanted, btrim(create_project.name), create_project.visibility, who.user_id)
    on conflict on constraint projects_slug_key do nothing
    returning p.* into project;
    exit when found;
    select p.* into project from cogo.projects p where p.slug = wanted;
    if found then
      role := cogo.role_in(project.id);
      if role is not null then
        return cogo.project_json(project, role) || jsonb_build_object('created', false);
      end if;
    end if;
    wanted := rtrim(left(wanted, 56), '-') || '-' || left(md5(gen_random_uuid()::text), 6);
  end loop;

  if who.kind = 'user' then
    insert into cogo.project_members (project_id, user_id, role) values (project.id, who.user_id, 'owner');
    role := 'owner';
  else
    role := 'service';
  end if;
  return cogo.project_json(project, role) || jsonb_build_object('created', true);
end
$$;
revoke all on function cogo_api.create_project(text, text, text) from public;
grant execute on function cogo_api.create_project(text, text, text) to anon, authenticated, service_role;
