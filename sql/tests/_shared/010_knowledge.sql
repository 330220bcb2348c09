-- A file for index_put: one chunk per text, its terms the words of the text, all in the body.
create function tests.file(path text, variadic texts text[]) returns jsonb language sql as $$
  with term as (
    select w.term, row_number() over (order by w.term) as place
      from (select distinct word as term from unnest(texts) body, unnest(string_to_array(body, ' ')) word) w
  )
  select jsonb_build_object('path', path, 'content_hash', md5(array_to_string(texts, '|')), 'language', 'markdown', 'bytes', 1,
    'extractor', 'test-1', 'terms', (select coalesce(jsonb_agg(t.term order by t.place), '[]') from term t), 'chunks', (
      select jsonb_agg(jsonb_build_object(
        'ordinal', t.nth - 1, 'kind', 'section', 'start_line', t.nth, 'end_line', t.nth, 'text', t.body, 'content_hash', md5(t.body),
        'length', cardinality(string_to_array(t.body, ' '))) || counts.of order by t.nth)
        from unnest(texts) with ordinality t(body, nth)
       cross join lateral (
         select jsonb_build_object(
                  'term', coalesce(array_agg(c.place order by c.place), '{}')::text,
                  'in_path', coalesce(array_agg(0 order by c.place), '{}')::text,
                  'in_name', coalesce(array_agg(0 order by c.place), '{}')::text,
                  'in_doc', coalesce(array_agg(0 order by c.place), '{}')::text,
                  'in_body', coalesce(array_agg(c.n order by c.place), '{}')::text) as of
           from (select term.place, count(*) as n from unnest(string_to_array(t.body, ' ')) word join term on term.term = word
                  group by term.place) c) counts))
$$;

-- Indexes files as one published run and returns its generation.
create function tests.index(project_id uuid, repo text, variadic files jsonb[]) returns bigint language plpgsql as $$
declare
  run jsonb := cogo_api.index_begin(project_id, repo);
begin
  perform cogo_api.index_put((run ->> 'run_id')::uuid, to_jsonb(files));
  perform cogo_api.index_finish((run ->> 'run_id')::uuid, '{}');
  return (run ->> 'generation')::bigint;
end
$$;

-- The texts a search finds, best first.
create function tests.found(project_id uuid, query jsonb) returns text[] language sql as $$
  select coalesce(array_agg(i.value ->> 'text' order by i.ordinality), '{}')
    from jsonb_array_elements(cogo_api.search(project_id, query) -> 'items') with ordinality i
$$;

-- Terms whose df is not the number of published chunks that hold them: must always be none.
create function tests.wrong_counts() returns bigint language sql as $$
  select count(*) from cogo.lex_terms t
   where t.df <> (select count(*) from cogo.lex_postings p
                    join cogo.chunks c on c.id = p.chunk_id
                    join cogo.repos r on r.id = c.repo_id and c.generation <= r.generation
                   where p.term_id = t.id)
$$;

-- A vector of 1,024 dimensions with a 1 in each of the given places.
create function tests.vec(variadic ones int[]) returns text language sql immutable as $$
  select '[' || string_agg(case when d = any (ones) then '1' else '0' end, ',' order by d) || ']' from generate_series(1, 1024) d
$$;
