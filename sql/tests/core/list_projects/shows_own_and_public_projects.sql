select note('p', to_jsonb(project('Private')));
select note('open', cogo_api.create_project('Open', null, 'public') -> 'id');
select cogo_api.add_member(noted_id('p'), alice(), 'editor');
select note('t', cogo_api.create_token(noted_id('p'), 'project', 'x') -> 'token');
create function tests.listed() returns text[] language sql as $$
  select array_agg(x ->> 'slug' || ':' || (x ->> 'role') order by x ->> 'slug') from jsonb_array_elements(cogo_api.list_projects()) x $$;
select is(listed(), array['open:service', 'private:service']);
select as_user(alice());
select is(listed(), array['open:viewer', 'private:editor']);
select as_user(bob());
select is(listed(), array['open:viewer']);
select as_anon();
select is(listed(), array['open:viewer']);
select as_token(noted('t') #>> '{}');
select is(listed(), array['open:viewer', 'private:editor']);
select as_service();
select cogo_api.add_member(noted_id('open'), alice(), 'admin');
select as_user(alice());
select is(listed(), array['open:admin', 'private:editor'], 'each once, with the stronger role');
