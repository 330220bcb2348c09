select as_user(alice());
select note('p', cogo_api.create_project('Shared', 'shared'));
select is(cogo_api.create_project('Shared', 'shared') ->> 'id', noted('p') ->> 'id', 'the owner gets it again');
select is(cogo_api.create_project('Shared', 'shared') ->> 'created', 'false');
select as_user(bob());
select note('q', cogo_api.create_project('Shared', 'shared'));
select isnt(noted('q') ->> 'id', noted('p') ->> 'id', 'a stranger gets another project');
select matches(noted('q') ->> 'slug', '^shared-[0-9a-f]{6}$');
