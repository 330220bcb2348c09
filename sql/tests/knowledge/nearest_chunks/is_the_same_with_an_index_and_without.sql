select note('p', to_jsonb(project('P')));
-- 300 chunks on a circle, each its own angle
select index(noted_id('p'), 'r', file('a.md', variadic array(select 'word' || i from generate_series(1, 300) i)));
select cogo_api.embed_start(noted_id('p'), '{"name":"m","dims":3,"fingerprint":"f1"}');
select cogo_api.embed_put(noted_id('p'), 'm', 'f1', (
  select jsonb_agg(jsonb_build_object('chunk_id', i -> 'chunk_id', 'embedding', format('[%s,%s,0.1]', cos(n * 0.02), sin(n * 0.02))))
    from jsonb_array_elements(cogo_api.embed_take(noted_id('p'), 'm', 1000) -> 'items') with ordinality t(i, n)));
select note('m', to_jsonb((select id from cogo.embedding_models where name = 'm')));
create function pg_temp.near() returns bigint[] language sql as $$
  select array_agg(n.chunk_id order by n.distance, n.chunk_id)
    from cogo.embedding_models m cross join lateral cogo.nearest_chunks(noted_id('p'), m, '[1,0.5,0.1]', 5) n where m.name = 'm'
$$;
select note('exact', to_jsonb(pg_temp.near()));
select is(jsonb_array_length(noted('exact')), 5);
select is(cogo.ensure_vector_indexes(300), 0, 'not at the threshold');
select is(cogo.ensure_vector_indexes(299), case when version() ~* 'emscripten|wasm' then 0 else 1 end, 'above it, but not in the embedded place');
select is(cogo.ensure_vector_indexes(299), 0, 'once');
set local enable_seqscan = off;
select is(to_jsonb(pg_temp.near()), noted('exact'), 'with the index as without');
select is((cogo_api.embed_status(noted_id('p')) #>> '{models,0,hnsw}')::boolean, version() !~* 'emscripten|wasm');
select cogo_api.embed_cancel(noted_id('p'), 'm');
select is(to_regclass('cogo.chunk_embeddings_hnsw_' || (noted('m') #>> '{}')), null, 'a model takes its index along');
