select note('p', to_jsonb(project('P')));
select index_graph(noted_id('p'), 'r', array['src/a.ts'],
  graph_file('src/a.ts', '{Box,Box.open,openAll}', 'src/a.ts#openAll calls src/a.ts#Box.open', 'src/a.ts imports lib/b.ts'),
  graph_file('lib/b.ts', '{open}', 'lib/b.ts#open calls lib/b.ts#open'));
create function pg_temp.keys(symbol text, path text default null) returns text[] language sql as $$
  select array(select s ->> 'key' from jsonb_array_elements(cogo_api.graph_symbol(noted_id('p'), symbol, path)) s) $$;
select is(pg_temp.keys('open'), array['lib/b.ts#open', 'src/a.ts#Box.open']);
select is(pg_temp.keys('Box.open'), array['src/a.ts#Box.open']);
select is(pg_temp.keys('box.OPEN'), array['src/a.ts#Box.open'], 'letter case does not count');
select is(pg_temp.keys('src/a.ts#Box.open'), array['src/a.ts#Box.open']);
select is(pg_temp.keys('open', 'b.ts'), array['lib/b.ts#open'], 'the end of a path will do');
select is(pg_temp.keys('opena'), array['src/a.ts#openAll']);
select is(pg_temp.keys('nobody'), '{}');
select is(pg_temp.keys('op%'), '{}', 'no pattern language');
select is(cogo_api.graph_symbol(noted_id('p'), 'Box.open') #> '{0,callers}', '1');
select is(cogo_api.graph_symbol(noted_id('p'), 'open', 'lib/b.ts') #> '{0,entry_distance}', '1');
