select as_user(alice());
select throws_ok($$select cogo_api.create_project('')$$, 'CG004');
select throws_ok($$select cogo_api.create_project('x', 'No Spaces')$$, 'CG004');
select throws_ok($$select cogo_api.create_project('x', null, 'secret')$$, 'CG004');
select lives_ok($$select cogo_api.create_project('한국어 이름')$$, 'a name without Latin letters gets a slug');
select as_anon();
select throws_ok($$select cogo_api.create_project('x')$$, 'CG001');
