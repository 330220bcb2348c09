-- cogo.hash_vector: a question's hash-1024-v1 vector of its features, each weighed by the idf of its rarest term, ln((n + 1) / (df + 0.5)); not
-- normalised, for cosine does not ask. Null when nothing is left. features as for search: [[dimension from 0, value, term, …], …].
create function cogo.hash_vector(features jsonb, df jsonb, n double precision)
returns extensions.halfvec
language sql
immutable
set search_path = ''
as $$
  select ('{' || string_agg(d.dimension + 1 || ':' || d.value::real, ',' order by d.dimension) || '}/1024')::extensions.sparsevec::extensions.halfvec
    from (
      select (f.feature ->> 0)::int as dimension,
             sum((f.feature ->> 1)::double precision * greatest(ln((n + 1) / (
               case when jsonb_array_length(f.feature) = 3 then coalesce((df ->> (f.feature ->> 2))::double precision, 0)
                    else (select min(coalesce((df ->> t.term)::double precision, 0)) from jsonb_array_elements_text(f.feature - 0 - 0) t(term))
               end + 0.5)), 0)) as value
        from jsonb_array_elements(features) f(feature)
       group by 1) d
   where d.value <> 0
$$;
