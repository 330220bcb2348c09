-- cogo.rank_chunks: orders candidates by what a reader means, on top of how well the words fit. Strengths and wishes are query.rank (see search); one
-- that is not given has no effect.
--
-- Added to the base (the fused score over the best one): definition, whoever defines a name that was asked for; symbol, file, folder: share of
-- the words of the name that the question has; kind, of the chunk or language the question names; document, a section, when someone asks how
-- to do something; overview, where a README opens, when someone asks what the thing is; coherence, the
-- score of all candidates of the file over that of the best file; close, share of the question's worth that the best sentence (close_lines 1)
-- or three neighbouring ones (3) of the text have together; phrase, share of query.phrases that the text
-- has as they are written; cover, share of the question's worth that the file's candidates have between them;
-- tested, the base of the best candidate among the tests of the file (cogo.source_key). Factors: test, migration, data by the file's role, unless asked for; barrel; copy, a
-- text already listed (of copies with equal scores the one nearest to an entry point is listed first); repeat, each further chunk of a file.
create function cogo.rank_chunks(fused cogo.fused_chunk[], query jsonb, asked cogo.asked_term[])
returns table (chunk_id bigint, score double precision, signals jsonb)
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  k     jsonb := coalesce(query -> 'rank', '{}');
  terms text[] := array(select distinct t.term from unnest(asked) t);
  names text[] := array(select jsonb_array_elements_text(coalesce(query -> 'names', '[]')));
  s_definition double precision := coalesce((k ->> 'definition')::double precision, 0);
  s_symbol     double precision := coalesce((k ->> 'symbol')::double precision, 0);
  s_file       double precision := coalesce((k ->> 'file')::double precision, 0);
  s_folder     double precision := coalesce((k ->> 'folder')::double precision, 0);
  s_kind       double precision := coalesce((k ->> 'kind')::double precision, 0);
  s_document   double precision := coalesce((k ->> 'document')::double precision, 0);
  s_overview   double precision := coalesce((k ->> 'overview')::double precision, 0);
  s_coherence  double precision := coalesce((k ->> 'coherence')::double precision, 0);
  s_close      double precision := coalesce((k ->> 'close')::double precision, 0);
  close_lines  int := coalesce((k ->> 'close_lines')::int, 1);
  s_phrase     double precision := coalesce((k ->> 'phrase')::double precision, 0);
  phrases      text[] := array(select jsonb_array_elements_text(coalesce(query -> 'phrases', '[]')));
  s_cover      double precision := coalesce((k ->> 'cover')::double precision, 0);
  s_tested     double precision := coalesce((k ->> 'tested')::double precision, 0);
  s_language   double precision := coalesce((k ->> 'language')::double precision, 0);
  in_language  text := k ->> 'in_language';
  f_test       double precision := coalesce((k ->> 'test')::double precision, 1);
  f_migration  double precision := coalesce((k ->> 'migration')::double precision, 1);
  f_data       double precision := coalesce((k ->> 'data')::double precision, 1);
  f_barrel     double precision := coalesce((k ->> 'barrel')::double precision, 1);
  f_copy       double precision := coalesce((k ->> 'copy')::double precision, 1);
  f_repeat     double precision := coalesce((k ->> 'repeat')::double precision, 1);
  how_to       boolean := coalesce((k ->> 'how_to')::boolean, false);
  overview_of  boolean := coalesce((k ->> 'overview_of')::boolean, false);
  wants_tests  boolean := coalesce((k ->> 'wants_tests')::boolean, false);
  explain      boolean := coalesce((query ->> 'explain')::boolean, false);
  wants_data   boolean := coalesce((k ->> 'wants_data')::boolean, false);
begin
  return query
  with looked as (
    select u.chunk_id, u.lexical, u.vector, u.fused / nullif(max(u.fused) over (), 0) as base,
           c.file_id, c.repo_id, c.kind, lower(c.symbol) as symbol, c.signature, c.start_line, c.is_barrel, c.name_terms, c.text,
           case when s_cover > 0 then c.term_ids end as term_ids,
           case when s_tested > 0 then cogo.source_key(f.path) end as source_key,
           f.path, f.language, f.role, f.base_terms, f.folder_terms,
           sum(u.fused) over (partition by c.file_id) as of_file
      from unnest(fused) u
      join cogo.chunks c on c.id = u.chunk_id
      join cogo.source_files f on f.id = c.file_id
  ),
  -- What one file has of the question, in whichever of its chunks.
  covered as materialized (
    select x.file_id, sum(x.worth) / nullif((select sum(t.worth) from unnest(asked) t), 0) as cover
      from (select distinct l.file_id, t.id, t.worth from looked l join unnest(asked) t on t.id = any (l.term_ids) where s_cover > 0) x
     group by x.file_id
  ),
  -- A test says in the asker's words what its subject does.
  tests as materialized (
    select l.repo_id, l.source_key, max(l.base) as base
      from looked l
     where l.role = 'test' and l.source_key is not null
     group by l.repo_id, l.source_key
  ),
  signal as (
    select l.*,
           coalesce((select v.cover from covered v where v.file_id = l.file_id), 0) as cover,
           case when l.role is distinct from 'test'
                then coalesce((select t.base from tests t where t.repo_id = l.repo_id and t.source_key = l.source_key), 0) else 0 end as tested,
           -- what code happens to be called matters less to someone who looks for instructions
           case when how_to and l.kind <> 'section' then 0.3 else 1 end as named,
           case when cardinality(names) = 0 or l.symbol is null then 0
                when l.symbol = any (names) then 1
                when split_part(l.symbol, '.', -1) = any (names) then 0.9
                when split_part(l.symbol, '.', 1) = any (names) then 0.3
                else 0 end
           -- a long symbol is split: the part with its signature is the one to open
           * case when l.signature is null or strpos(l.text, split_part(left(l.signature, 24), ' ', 1)) > 0 then 1 else 0.7 end as definition,
           -- && first: most names share no word with the question, and counting costs four times as much
           case when l.name_terms && terms
                then (select count(*) from unnest(l.name_terms) t where t = any (terms))::double precision / cardinality(l.name_terms) else 0 end as of_name,
           case when l.base_terms && terms
                then (select count(*) from unnest(l.base_terms) t where t = any (terms))::double precision / cardinality(l.base_terms) else 0 end as of_base,
           case when l.folder_terms && terms
                then (select count(*) from unnest(l.folder_terms) t where t = any (terms))::double precision / cardinality(l.folder_terms)
                else 0 end as of_folder,
           (l.kind = any (terms) or l.language = any (terms))::int as of_kind,
           l.of_file / nullif(max(l.of_file) over (), 0) as share
      from looked l
  ),
  added as (
    select s.*,
           s.base
           + s_definition * s.definition
           + s_symbol * s.named * s.of_name
           + s_file * s.named * s.of_base
           + s_folder * s.of_folder
           + s_kind * s.of_kind
           + case when how_to and s.kind = 'section' then s_document else 0 end
           + case when overview_of and s.start_line <= 1 and s.of_name >= 0.5 and s.path ~* '(^|/)readme\.(md|mdx|rst|txt)$'
                  then s_overview * case when strpos(s.path, '/') = 0 then 1 else 0.4 end else 0 end
           + s_coherence * s.share + s_cover * s.cover + s_tested * s.tested
           + case when s.language = in_language then s_language else 0 end as points,
           case when s.role = 'test' and not wants_tests then f_test
                when s.role = 'migration' then f_migration
                when s.role = 'data' and not wants_data then f_data
                else 1 end
           * case when s.is_barrel then f_barrel else 1 end as factor
      from signal s
  ),
  -- Looking for words in texts costs most, so only the words worth most and the chunks that could come first are looked at.
  word as materialized (
    select ltrim(t.term, '=') as word, t.worth / sum(t.worth) over () as worth
      from (select x.term, x.worth from unnest(asked) x where s_close > 0 order by x.worth desc, x.id limit 16) t
  ),
  near as materialized (
    select b.chunk_id, s_close * coalesce((
             select max(p.worth)
               from (select sum(w.worth) as worth
                       from (select x.part || coalesce(' ' || lead(x.part) over w1, '') || coalesce(' ' || lead(x.part, 2) over w1, '') as three,
                                    x.part, x.nth
                               from regexp_split_to_table(b.low, '[.?!\n]+\s*') with ordinality as x(part, nth)
                              where x.part <> '' window w1 as (order by x.nth)) s
                       join unnest(h.words, h.worths) w(word, worth) on strpos(case when close_lines = 1 then s.part else s.three end, w.word) > 0
                      group by s.nth) p), 0) as close,
           case when s_phrase > 0 and cardinality(phrases) > 0
                then s_phrase * (select count(*) from unnest(phrases) p(phrase) where strpos(b.low, p.phrase) > 0)::double precision
                     / cardinality(phrases) else 0 end as phrase
      from (select a.chunk_id, lower(a.text) as low from added a where s_close > 0 order by a.points * a.factor desc, a.chunk_id limit 30) b
     -- few of the words are anywhere in a text: only those are looked for in each of its sentences
     cross join lateral (
       select array_agg(w.word) as words, array_agg(w.worth) as worths from word w where strpos(b.low, w.word) > 0) h
  ),
  joined as (
    select a.*, coalesce(n.close, 0) as close, coalesce(n.phrase, 0) as phrase,
           (a.points + coalesce(n.close, 0) + coalesce(n.phrase, 0)) * a.factor as sum,
           -- looked up for copies only
           case when count(*) over (partition by a.text) > 1
                then (select d.distance from cogo.entry_distances d where d.repo_id = a.repo_id and d.path = a.path collate "C") end as entry_distance
      from added a left join near n on n.chunk_id = a.chunk_id
  ),
  placed as (
    select j.*,
           row_number() over (partition by j.file_id order by j.sum desc, j.chunk_id) - 1 as before_in_file,
           row_number() over (partition by j.text order by j.sum::real desc, j.entry_distance, j.chunk_id) > 1 as is_copy
      from joined j
  )
  select p.chunk_id, p.sum * power(f_repeat, p.before_in_file) * case when p.is_copy then f_copy else 1 end,
         case when explain then jsonb_build_object('lexical', p.lexical, 'vector', p.vector, 'base', p.base, 'definition', s_definition * p.definition,
           'symbol', s_symbol * p.named * p.of_name, 'file', s_file * p.named * p.of_base, 'folder', s_folder * p.of_folder,
           'kind', s_kind * p.of_kind, 'document', case when how_to and p.kind = 'section' then s_document else 0 end,
           'coherence', s_coherence * p.share, 'close', p.close, 'phrase', p.phrase, 'cover', s_cover * p.cover, 'tested', s_tested * p.tested,
           'language', case when p.language = in_language then s_language else 0 end, 'factor', p.factor,
           'repeat', power(f_repeat, p.before_in_file) * case when p.is_copy then f_copy else 1 end) end
    from placed p;
end
$$;
