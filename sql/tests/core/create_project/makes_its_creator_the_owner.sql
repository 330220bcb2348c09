select as_user(alice());
select note('p', cogo_api.create_project('My First Project'));
select is(noted('p') ->> 'slug', 'my-first-project');
select is(noted('p') ->> 'role', 'owner');
select is(noted('p') ->> 'created', 'true');
select is((select role from cogo.project_members where project_id = (noted('p') ->> 'id')::uuid and user_id = alice()), 'owner');
