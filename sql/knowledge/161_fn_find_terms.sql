-- cogo.find_terms: the terms of a question (see search) that the project's vocabulary has, with what they are worth, and df of all that were asked.
--
-- Three kinds are added to what was asked. A Korean word that stands for an English one brings the commonest two words that sound like
-- it. A word nobody uses brings the two most like it in spelling (trigrams, similarity 0.5 and more). And in a corpus that is hardly
-- Korean, a Korean word is rare for being Korean, not for what it means: it counts 0.3 where its English wording is what the corpus uses.
create function cogo.find_terms(project_id uuid, query jsonb, n double precision, out asked cogo.asked_term[], out df jsonb)
language plpgsql
stable
set search_path = ''
as $$
begin
  with wanted as materialized (
    select a.key as term, a.value::double precision as weight from jsonb_each_text(coalesce(query -> 'terms', '{}')) a
  ),
  other as (
    select distinct f.term
      from jsonb_array_elements(coalesce(query -> 'features', '[]')) feature
     cross join lateral jsonb_array_elements_text(feature - 0 - 0) f(term)
     where not exists (select from wanted x where x.term = f.term)
  ),
  known as materialized (
    select a.term, a.weight, t.id, t.df
      from (select * from wanted union all select o.term, 0 from other o) a
     -- the limit keeps it one index probe a term, also where no statistics are (nothing analyses tables in the embedded place)
     cross join lateral (
       select x.id, x.df from cogo.lex_terms x where x.project_id = find_terms.project_id and x.term = a.term limit 1) t
     where t.df > 0
  ),
  meant as materialized (
    select g.nth, g.item,
           coalesce((select max(k.df) from known k where g.item -> 'korean' ? k.term), 0) as ours,
           coalesce((select max(k.df) from known k where g.item -> 'english' ? k.term), 0) as theirs
      from jsonb_array_elements(coalesce(query -> 'translated', '[]')) with ordinality as g(item, nth)
  ),
  -- a word the list of terms knows needs no guess
  heard as materialized (
    select m.nth, x.id, x.term, x.df, 0.8::double precision as weight
      from (select * from meant where theirs = 0 and item ->> 'sound' is not null offset 0) m
     cross join lateral (
       select t.id, t.term, t.df from cogo.lex_terms t
        where t.project_id = find_terms.project_id and t.sound = m.item ->> 'sound' and t.df > 0
        order by t.df desc, t.term limit 2) x
  ),
  stray as (
    select distinct k.term
      from meant m
     cross join lateral jsonb_array_elements_text(m.item -> 'korean') k(term)
     cross join lateral (select greatest(m.theirs, (select max(h.df) from heard h where h.nth = m.nth)) as df) english
     where english.df > 0 and (m.ours < 0.01 * n or m.ours < 0.5 * english.df)
  ),
  -- materialized: a look at the trigrams costs milliseconds, so only for words that nothing else answers
  unknown as materialized (
    select word from jsonb_array_elements_text(coalesce(query -> 'words', '[]')) word
     where not exists (select from known k where k.term = word or k.weight > 0 and starts_with(word, k.term))
  ),
  spelt as (
    select x.id, x.term, x.df, 0.7 * x.likeness as weight
      from unknown
     cross join lateral (
       select t.id, t.term, t.df, extensions.similarity(t.term, unknown.word) as likeness
         from cogo.lex_terms t
        where t.project_id = find_terms.project_id and t.sound is not null and t.df > 0
          and t.term operator(extensions.%) unknown.word
        order by likeness desc, t.df desc, t.term limit 2) x
     where x.likeness >= 0.5
  ),
  every as (
    select k.id, k.term, k.df, case when exists (select from stray s where s.term = k.term) then least(k.weight, 0.3) else k.weight end as weight
      from known k where k.weight > 0
    union all select h.id, h.term, h.df, h.weight from heard h
    union all select s.id, s.term, s.df, s.weight from spelt s
  ),
  single as (
    select e.id, e.term, e.df, max(e.weight) as weight from every e group by e.id, e.term, e.df
  )
  select coalesce((select array_agg(row (s.id, s.term, s.df, s.weight * ln(1 + (n - s.df + 0.5) / (s.df + 0.5)))::cogo.asked_term order by s.id)
                     from single s), '{}'),
         coalesce((select jsonb_object_agg(x.term, x.df) from (select k.term, k.df from known k union select s.term, s.df from single s) x), '{}')
    into asked, df;
end
$$;
