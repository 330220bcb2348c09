select note('p', to_jsonb(project('P')));
select index(noted_id('p'), 'r', file('a.md', 'alpha alpha beta', 'alpha', 'gamma delta'));
-- n 3, average length 2; alpha: df 2; the first chunk: tf 2, length 3
select is(
  round((cogo_api.search(noted_id('p'), '{"terms":{"alpha":1},"explain":true}') #>> '{items,0,signals,lexical}')::numeric, 9),
  round((ln(1 + (3 - 2 + 0.5) / (2 + 0.5)) * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 1 / 2.0)))::numeric, 9), 'the short chunk first');
select is(
  round((cogo_api.search(noted_id('p'), '{"terms":{"alpha":1},"explain":true}') #>> '{items,1,signals,lexical}')::numeric, 9),
  round((ln(1 + (3 - 2 + 0.5) / (2 + 0.5)) * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2.0)))::numeric, 9));
select is(cogo_api.search(noted_id('p'), '{"terms":{"alpha":1}}') #> '{items,0,score}', '1'::jsonb, 'divided by the maximum');
select is(found(noted_id('p'), '{"terms":{"alpha":1,"gamma":9}}'), array['gamma delta', 'alpha', 'alpha alpha beta'], 'weights count');
select is(found(noted_id('p'), '{"terms":{"alpha":1},"weights":{"body":0}}'), '{}'::text[], 'a field of weight 0 says nothing');
select is(found(noted_id('p'), '{}'), '{}'::text[]);
select throws_ok($$select cogo_api.search(noted_id('p'), '{"terms":{"alpha":"much"}}')$$, 'CG000');
select throws_ok($$select cogo_api.search(noted_id('p'), '{"vector":"[1,2]","terms":{"alpha":1}}')$$, 'CG000');
