select note('p', to_jsonb(project('P')));
select note('t', cogo_api.create_token(noted_id('p'), 'project', 'ci'));
select matches(noted('t') ->> 'token', '^cogo_pt_[0-9A-Za-z]{32}$');
select is((select token_hash from cogo.tokens where id = (noted('t') ->> 'id')::uuid),
  sha256(convert_to(noted('t') ->> 'token', 'UTF8')), 'sha256 of the whole token');
select ok(not (cogo_api.list_tokens(noted_id('p'))::text like '%' || (noted('t') ->> 'token') || '%'), 'a list never shows it');
select is(cogo_api.create_token(noted_id('p'), 'worker', 'desk') ->> 'executor', 'cogo-work');
select throws_ok($$select cogo_api.create_token(noted_id('p'), 'master', 'x')$$, 'CG004');
select throws_ok($$select cogo_api.create_token(noted_id('p'), 'project', 'x', 'cogo-work')$$, 'CG004');
select throws_ok($$select cogo_api.create_token(noted_id('p'), 'project', 'x', null, 0)$$, 'CG004');
