-- COGO faster_turns.

-- Jobs in bulk: a payload has one index, by project and job, which serves the lists of a project too; leases are found by the moment
-- they end at, from where sweep looked last.
alter table cogo.job_payloads drop constraint job_payloads_pkey, add primary key (project_id, job_id);
drop index cogo.job_payloads_project;
drop index cogo.jobs_running_now;
create index jobs_leases on cogo.jobs (lease_until) where state = 'running';
create sequence cogo.leases_seen as bigint;
-- their answers are text and json now, and hand_on and has_backlog have one argument more
drop function cogo.has_backlog(text, uuid);
drop function cogo.hand_on(uuid, text, int);
drop function cogo.lease_jobs(uuid[], text, int);
drop function cogo_api.turn(text, jsonb, int, int, text[], int);

-- built from sql/ by scripts/migrations/build.ts: change the files there

-- sql/core/110_fn_schema_version.sql 35293b220cc6914a
-- cogo.schema_version: the timestamp of the newest migration. Each migration that follows replaces this function.
create or replace function cogo.schema_version()
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$ select '20261121180000' $$;

-- sql/bus/110_fn_bus_events_broadcast.sql 0ae27fb5bbc132c8
-- Trigger: every new row of bus_events goes out on trace:{trace_id}; events whose source is 'system' also on system:events. Those of one
-- statement are one insert and one notification where Realtime takes several at once, as the stack's own does.
create or replace function cogo.bus_events_broadcast()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
  messages jsonb;
  message  jsonb;
begin
  select jsonb_agg(jsonb_build_object('topic', t.topic, 'event', e.event_type, 'payload', jsonb_build_object('id', e.id,
           'trace_id', e.trace_id, 'event_type', e.event_type, 'source', e.source, 'project_id', e.project_id, 'payload', e.payload,
           'ts', e.created_at)) order by e.id, t.nth)
    into messages
    from inserted e
   cross join lateral (values (1, 'trace:' || e.trace_id), (2, case when e.source = 'system' then 'system:events' end)) as t(nth, topic)
   where t.topic is not null;
  if to_regprocedure('realtime.cogo_send_all(jsonb)') is not null then
    begin
      perform realtime.cogo_send_all(messages);
    exception when others then
      -- as cogo.broadcast: a hint never undoes what it tells of
      null;
    end;
  else
    for message in select value from jsonb_array_elements(messages) loop
      perform cogo.broadcast(message ->> 'topic', message ->> 'event', message -> 'payload');
    end loop;
  end if;
  return null;
end
$$;

create or replace trigger bus_events_broadcast
  after insert on cogo.bus_events
  referencing new table as inserted
  for each statement execute function cogo.bus_events_broadcast();

-- sql/http/220_fn_request_end.sql d3df82b8f2d949c1
-- cogo_api.request_end: the last database call of every request, one round trip: events, trace, idempotency.
--
-- request: {trace_id, function, principal, status, duration_ms, trace_status:"ready"|"failed"|"running", output?, error?,
-- idempotency?:{key, lock_token, store, response?:{status, headers, content_type, body}}, events?,
-- chat?:{session_id, message_id, answer, usage}}. chat: the answer of a session of this principal (see chat_end), kept with everything
-- else or not at all; without an output it is the trace's as well.
-- store = true keeps the response for replays; false frees the key for a retry (5xx, aborts). A lock token that is no longer the
-- holder's changes nothing: stored is then false. A trace of another principal is never touched.
-- Returns {events, stored}. Errors: CG000 malformed, CG002 not the server, CG003 no such session of the principal.
create or replace function cogo_api.request_end(request jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  asked  record;
  sent   int := 0;
  stored boolean := false;
  moment timestamptz := clock_timestamp();
begin
  perform cogo.require_service();
  select * into asked from jsonb_to_record(request)
    as r(trace_id text, function text, principal text, status int, duration_ms numeric, trace_status text, output jsonb,
         error jsonb, idempotency jsonb, events jsonb, chat jsonb);
  if asked.trace_id is null or asked.function is null or asked.principal is null then
    perform cogo.fail('CG000', 'request needs trace_id, function and principal');
  end if;

  if jsonb_typeof(asked.chat) = 'object' then
    perform cogo.store_answer_of(asked.principal, asked.trace_id, asked.chat);
  end if;

  if jsonb_typeof(asked.events) = 'array' and jsonb_array_length(asked.events) > 0 then
    sent := cogo.record_events(asked.events);
  end if;

  if asked.trace_status is not null then
    update cogo.traces t
       set status = asked.trace_status, http_status = asked.status, duration_ms = asked.duration_ms,
           output = coalesce(asked.output, asked.chat -> 'answer', t.output), error = coalesce(asked.error, t.error),
           finished_at = case when asked.trace_status in ('ready', 'failed') then moment end
     where t.trace_id = asked.trace_id and t.principal = asked.principal;
  end if;

  if jsonb_typeof(asked.idempotency) = 'object' then
    if coalesce((asked.idempotency ->> 'store')::boolean, false) then
      update cogo.idempotency_keys k
         set state = 'done', lock_token = null, locked_until = null, response = asked.idempotency -> 'response'
       where k.principal = asked.principal and k.function = asked.function and k.key = asked.idempotency ->> 'key'
         and k.lock_token = (asked.idempotency ->> 'lock_token')::uuid;
      stored := found;
    else
      delete from cogo.idempotency_keys k
       where k.principal = asked.principal and k.function = asked.function and k.key = asked.idempotency ->> 'key'
         and k.lock_token = (asked.idempotency ->> 'lock_token')::uuid;
    end if;
  end if;
  return jsonb_build_object('events', sent, 'stored', stored);
exception
  when invalid_text_representation or check_violation or not_null_violation or unique_violation or invalid_parameter_value then
    perform cogo.fail('CG000', 'request is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.request_end(jsonb) from public;
grant execute on function cogo_api.request_end(jsonb) to service_role;

-- sql/knowledge/163_fn_source_key.sql f6af61a6a77b05c5
-- cogo.source_key: what a file and its tests have in common, so that one is found by the other: its path without extension, folders of tests
-- and of sources, and the marks of a test. a/b.test.ts, a/__tests__/b.spec.ts and tests/a/test_b.py have the key a/b.
create or replace function cogo.source_key(path text)
returns text
language sql
immutable
set search_path = ''
as $$
  select regexp_replace(regexp_replace(regexp_replace(regexp_replace(path,
           '\.[^./]+$', ''),
           '(^|/)(__tests__|tests?|spec|src|lib)(?=/)', '\1', 'g'),
           '^/+|/+(?=/)', '', 'g'),
           '(^|/)test_([^/]*)$|[._-](test|spec)s?$', '\1\2')
$$;

-- sql/knowledge/164_fn_rank_chunks.sql 5f07d1f3217638cd
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
create or replace function cogo.rank_chunks(fused cogo.fused_chunk[], query jsonb, asked cogo.asked_term[])
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

-- sql/knowledge/250_fn_index_finish.sql 10e400eda06c1f8a
-- cogo_api.index_finish: publishes a run in one transaction: what it replaced or deleted goes, df and lengths are brought up to
-- date by the difference, and the repository shows the new generation. Cost follows the size of the change, not of the project.
-- stats.clean, when given, replaces the run's meta.clean: only the end tells. Returns {generation, files, chunks, removed_files} (files and chunks: of the whole repository now).
-- Errors: CG003/CG031 as running_run.
create or replace function cogo_api.index_finish(run_id uuid, stats jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run      cogo.index_runs;
  obsolete bigint[];
  answer   jsonb;
begin
  -- the repository before the run, as index_begin does; then the project's counters
  perform from cogo.repos r
    where r.id = (select x.repo_id from cogo.index_runs x where x.id = index_finish.run_id) for update;
  run := cogo.running_run(index_finish.run_id);
  insert into cogo.lex_stats (project_id) values (run.project_id) on conflict do nothing;
  perform from cogo.lex_stats s where s.project_id = run.project_id for update;

  obsolete := array(
    select f.id from cogo.source_files f
     where f.repo_id = run.repo_id and f.generation < run.generation
       and (f.dropped_by = run.generation
            or f.path in (select n.path from cogo.source_files n where n.repo_id = run.repo_id and n.generation = run.generation)));

  with moved as (
    select c.id, c.length, c.term_ids, 1 as sign
      from cogo.chunks c where c.project_id = run.project_id and c.repo_id = run.repo_id and c.generation = run.generation
    union all
    select c.id, c.length, c.term_ids, -1 from cogo.chunks c where c.file_id = any (obsolete)
  ),
  change as (
    select t.term_id, sum(m.sign)::int as delta
      from moved m cross join lateral unnest(m.term_ids) as t(term_id)
     group by t.term_id
    having sum(m.sign) <> 0
  ),
  counted as (
    update cogo.lex_terms t set df = t.df + change.delta from change where t.id = change.term_id
  )
  update cogo.lex_stats s
     set chunks = s.chunks + total.chunks, total_length = s.total_length + total.length
    from (select coalesce(sum(m.sign), 0) as chunks, coalesce(sum(m.sign * m.length), 0) as length from moved m) total
   where s.project_id = run.project_id;

  perform cogo.embed_published(run, obsolete);
  perform cogo.mirror_published(run, obsolete);
  perform cogo.drop_files(obsolete);
  update cogo.repos r
     set generation = run.generation, meta = run.meta || jsonb_strip_nulls(jsonb_build_object('clean', stats -> 'clean')), commit_sha = run.commit_sha, published_at = clock_timestamp()
   where r.id = run.repo_id;

  answer := jsonb_build_object(
    'generation', run.generation,
    'files', (select count(*) from cogo.source_files f where f.repo_id = run.repo_id),
    'chunks', (select count(*) from cogo.chunks c where c.project_id = run.project_id and c.repo_id = run.repo_id),
    'removed_files', cardinality(obsolete));
  update cogo.index_runs r
     set state = 'published', stats = coalesce(index_finish.stats, '{}') || answer, finished_at = clock_timestamp()
   where r.id = run.id;
  return answer;
end
$$;
revoke all on function cogo_api.index_finish(uuid, jsonb) from public;
grant execute on function cogo_api.index_finish(uuid, jsonb) to anon, authenticated, service_role;

-- sql/knowledge/270_fn_index_status.sql d16edc25261b1386
-- cogo_api.index_status: {chunks, terms, avg_length, repos:[{repo, generation, commit_sha, meta, published_at, files, chunks, warnings,
-- last_run:{run_id, state, generation, files, chunks, started_at, finished_at, stats, reason}}], accelerators:{pg_textsearch, pgroonga}}.
-- accelerators: absent, available (could be created) or installed; a search uses neither (docs/decisions/010). Needs viewer.
create or replace function cogo_api.index_status(project_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform cogo.require_role(index_status.project_id, 'viewer');
  return jsonb_build_object(
    'chunks', coalesce((select s.chunks from cogo.lex_stats s where s.project_id = index_status.project_id), 0),
    'terms', (select count(*) from cogo.lex_terms t where t.project_id = index_status.project_id and t.df > 0),
    'avg_length', coalesce((select round(s.total_length::numeric / nullif(s.chunks, 0), 3)
                              from cogo.lex_stats s where s.project_id = index_status.project_id), 0),
    'accelerators', (
      select jsonb_object_agg(w.name, case when exists (select from pg_catalog.pg_extension e where e.extname = w.name) then 'installed'
                                           when exists (select from pg_catalog.pg_available_extensions a where a.name = w.name) then 'available'
                                           else 'absent' end)
        from (values ('pg_textsearch'), ('pgroonga')) w(name)),
    'repos', coalesce((
      select jsonb_agg(jsonb_build_object(
               'repo', r.repo, 'generation', r.generation, 'commit_sha', r.commit_sha, 'meta', r.meta, 'published_at', r.published_at,
               'files', f.n, 'warnings', f.warnings,
               'chunks', (select count(*) from cogo.chunks c
                           where c.project_id = r.project_id and c.repo_id = r.id and c.generation <= r.generation),
               'last_run', (
                 select jsonb_build_object('run_id', x.id, 'state', x.state, 'generation', x.generation, 'files', x.files,
                          'chunks', x.chunks, 'started_at', x.started_at, 'finished_at', x.finished_at, 'stats', x.stats,
                          'reason', x.reason)
                   from cogo.index_runs x where x.repo_id = r.id order by x.generation desc limit 1))
             order by r.repo)
        from cogo.repos r
       cross join lateral (
         select count(*) as n, count(sf.warning) as warnings
           from cogo.source_files sf where sf.repo_id = r.id and sf.generation <= r.generation) f
       where r.project_id = index_status.project_id), '[]'));
end
$$;
revoke all on function cogo_api.index_status(uuid) from public;
grant execute on function cogo_api.index_status(uuid) to anon, authenticated, service_role;

-- sql/knowledge/300_fn_search.sql a07b7b3231d63254
-- cogo_api.search: the chunks that speak of a question, ranked, in one call: BM25F over the inverted index and vector similarity, fused linearly
-- after division by each one's maximum, then what a reader means (definition, names, file, kind of file).
--
-- query: {q?, terms:{term: weight}, limit?, strategy?, route?, explain?,
--   features?: [[dimension, value, term, …], …]   the question's hash-1024-v1 vector, each feature still without the idf of its terms
--   vector?: '[x,y,...]', embedder?, fingerprint?  instead, of the project's own model, as lexicon names it
--   weights?: {lexical, vector, path, name, doc, body, k1, b},
--   translated?: [{korean:[term], english:[term], sound?}]   Korean words with their English wording and how they sound
--   words?: [term]        words as the asker wrote them: one nobody uses is looked for by its spelling
--   names?: [identifier]  lower case: whoever defines it comes first
--   phrases?: [text]      lower case: neighbouring words of the question as it has them; see rank_chunks
--   rank?: {definition, symbol, file, folder, kind, document, overview, coherence, close, close_lines, phrase, cover, tested, language, in_language,
--     test, barrel, migration, data, copy, repeat, how_to, overview_of, wants_tests, wants_data}   strengths of the ranking features, factors, and what the question wants
--   filter?: {path_prefix?, languages?, kinds?, repo?}}
-- strategy: lexical | vector | hybrid (anything else is hybrid); a part that cannot answer (no terms, no vector) is left out.
-- Defaults: lexical 1, vector 0.3; fields path 1, name 2, doc 1, body 1; k1 1.2, b 0.75; limit 10, at most 200; no ranking feature.
-- BM25F: sum over terms of weight * ln(1 + (n - df + 0.5) / (df + 0.5)) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average)),
-- tf the field-weighted count (Robertson, Zaragoza 2009, one length for all fields).
-- Cost. Up to 20,000 chunks every posting of every term is read. Above that, as in MaxScore (Turtle, Flood 1995), terms are taken
-- rarest first while they have at most 6,000 postings together; these name the candidates, the commoner terms only score the best 400 of
-- them. If even the rarest is commoner than that, its candidates are the first 6,000 chunks it names and the first 6,000 it is in.
-- Vector: 1 - cosine distance. Every candidate has its true one; more candidates come from the model's own neighbours (nearest_chunks), for
-- hash-1024-v1 only up to 20,000 chunks and where words found too few: a chunk without a word of the question is seldom near it.
-- Ties go by how near the file is to an entry point (cogo.entry_distances; a file that none reaches comes last), then by chunk id.
-- signals: as rank_chunks names them, and entry_distance, which is no part of the score.
-- Returns {items:[chunk_json + {score, signals?}], route, strategy, generation, took_ms, lexicon:{n, avg_length, df:{term: count}}, model?}.
-- generation: the newest one searched. model: the project's own model, when features came and it wants a vector instead.
-- Errors: as require_role (viewer); CG000 malformed; CG031 the project answers with another model now: ask lexicon again.
create or replace function cogo_api.search(project_id uuid, query jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
-- a large corpus makes the estimate large, and compiling the statement would take longer than running it
set jit = off
-- planned once a session: planning it anew took longer than a search of a small project
set plan_cache_mode = force_generic_plan
as $$
declare
  started   timestamptz := clock_timestamp();
  w         jsonb := coalesce(query -> 'weights', '{}');
  k1        double precision := coalesce((w ->> 'k1')::double precision, 1.2);
  b         double precision := coalesce((w ->> 'b')::double precision, 0.75);
  w_path    double precision := coalesce((w ->> 'path')::double precision, 1);
  w_name    double precision := coalesce((w ->> 'name')::double precision, 2);
  w_doc     double precision := coalesce((w ->> 'doc')::double precision, 1);
  w_body    double precision := coalesce((w ->> 'body')::double precision, 1);
  w_lexical double precision := coalesce((w ->> 'lexical')::double precision, 1);
  w_vector  double precision := coalesce((w ->> 'vector')::double precision, 0.3);
  strategy  text := coalesce(query ->> 'strategy', 'hybrid');
  lim       int := least(greatest(coalesce((query ->> 'limit')::int, 10), 1), 200);
  explain   boolean := coalesce((query ->> 'explain')::boolean, false);
  filter    jsonb := coalesce(query -> 'filter', '{}');
  prefix    text := filter ->> 'path_prefix';
  languages text[] := case when filter ? 'languages' then array(select jsonb_array_elements_text(filter -> 'languages')) end;
  kinds     text[] := case when filter ? 'kinds' then array(select jsonb_array_elements_text(filter -> 'kinds')) end;
  one_repo  text := filter ->> 'repo';
  goal      extensions.halfvec;
  model     cogo.embedding_models;
  wants     cogo.embedding_models;
  n         double precision;
  average   double precision;
  repo_ids  bigint[];
  newest    bigint;
  is_small  boolean;
  budget    constant int := 6000;
  -- Candidates that are ranked: each costs a look at its chunk and 80 us in WASM for its vector.
  -- Half as many again where files are asked for: each gives several.
  depth     int := least(greatest(2 * lim, 100), 200) * case when query -> 'rank' ? 'cover' then 3 else 2 end / 2;
  asked     cogo.asked_term[];
  df        jsonb;
  -- k1 * (1 - b + b * length / average), its constant parts taken out of the loop
  k_flat    double precision;
  k_long    double precision;
  items     jsonb;
begin
  perform cogo.require_role(search.project_id, 'viewer');
  select s.chunks, s.total_length::double precision / nullif(s.chunks, 0) into n, average
    from cogo.lex_stats s where s.project_id = search.project_id;
  select array_agg(r.id), max(r.generation) into repo_ids, newest
    from cogo.repos r
   where r.project_id = search.project_id and r.generation > 0 and (one_repo is null or r.repo = one_repo);
  n := coalesce(n, 0);
  is_small := n <= 20000;
  k_flat := k1 * (1 - b);
  k_long := k1 * b / greatest(average, 1);

  select f.asked, f.df into asked, df from cogo.find_terms(search.project_id, query, n) f;
  if strategy <> 'lexical' then
    if query ->> 'vector' is not null then
      goal := (query ->> 'vector')::extensions.halfvec;
      model := cogo.question_model(search.project_id, query ->> 'embedder', query ->> 'fingerprint', extensions.vector_dims(goal));
    elsif query -> 'features' is not null then
      wants := cogo.current_model(search.project_id);
      if wants.project_id is null then
        model := wants;
        goal := cogo.hash_vector(query -> 'features', df, n);
      end if;
    end if;
  end if;

  with term as materialized (
    select t.id, t.worth, t.df, sum(t.df) over (order by t.df, t.id) as so_far, min(t.df) over () as rarest
      from unnest(asked) t
     where strategy <> 'vector'
  ),
  essential as (
    select t.* from term t where is_small or t.so_far <= budget or t.df = t.rarest
  ),
  posting as (
    select p.chunk_id, p.length, t.worth, p.tf
      from essential t
     -- offset 0: an index range a term, never a scan of all postings, also where no statistics are; and tf is worked out once
     cross join lateral (
       select x.chunk_id, x.length, w_path * x.path + w_name * x.name + w_doc * x.doc + w_body * x.body as tf
         from cogo.lex_postings x where x.term_id = t.id offset 0) p
     where is_small or t.df <= budget
    union all
    select p.chunk_id, p.length, t.worth, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body
      from essential t
     cross join lateral (
       (select x.* from cogo.lex_postings x where x.term_id = t.id and x.name > 0 order by x.term_id, x.chunk_id limit budget)
       union all
       (select x.* from cogo.lex_postings x where x.term_id = t.id and x.name = 0 order by x.term_id, x.chunk_id limit budget)) p
     where not is_small and t.df > budget
  ),
  found as materialized (
    select p.chunk_id, sum(p.worth * p.tf * (k1 + 1) / (p.tf + k_flat + k_long * p.length)) as score
      from posting p
     group by p.chunk_id
  ),
  bm25 as materialized (
    select f.chunk_id, f.score from found f where is_small
    union all
    select f.chunk_id, f.score + coalesce((
             select sum(t.worth * x.tf * (k1 + 1) / (x.tf + k_flat + k_long * x.length))
               from term t
              cross join lateral (
                select p.length, w_path * p.path + w_name * p.name + w_doc * p.doc + w_body * p.body as tf
                  from cogo.lex_postings p where p.term_id = t.id and p.chunk_id = f.chunk_id limit 1) x
              where not (t.so_far <= budget or t.df = t.rarest)), 0)
      from (select * from found order by score desc, chunk_id limit 400) f
     where not is_small
  ),
  -- Best first, then the filter as a scalar subquery: the planner cannot push that below the sort, so only as many chunks are
  -- looked at as it takes to fill the list.
  lexical as materialized (
    select l.chunk_id, l.score
      -- real: scores that are equal stay so in whatever order they were summed
      from (select x.chunk_id, x.score, x.score::real as place from bm25 x where x.score > 0 order by place desc, chunk_id) l
     where (
             select c.generation <= r.generation and (kinds is null or c.kind = any (kinds))
                    and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.chunks c
               join cogo.repos r on r.id = c.repo_id
               join cogo.source_files f on f.id = c.file_id
              where c.id = l.chunk_id and c.repo_id = any (repo_ids))
     order by l.place desc, l.chunk_id
     limit depth
  ),
  near as materialized (
    select v.chunk_id, 1 - v.distance as score
      from cogo.nearest_chunks(search.project_id, model, goal,
             case when goal is null or not (model.semantic or is_small and (select count(*) from lexical) < depth) then 0
                  when filter <> '{}' then 2000 else 100 end) v
     where (
             select c.generation <= r.generation and (kinds is null or c.kind = any (kinds))
                    and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.chunks c
               join cogo.repos r on r.id = c.repo_id
               join cogo.source_files f on f.id = c.file_id
              where c.id = v.chunk_id and c.repo_id = any (repo_ids))
  ),
  -- a name is found where it is defined, however common its words are
  named as (
    select c.id as chunk_id
      from jsonb_array_elements_text(coalesce(query -> 'names', '[]')) name
     cross join lateral (
       select x.id, x.kind, x.generation, x.repo_id, x.file_id from cogo.chunks x
        where x.project_id = search.project_id and lower(x.symbol) = name and x.symbol is not null limit 20) c
     where c.repo_id = any (repo_ids) and (kinds is null or c.kind = any (kinds))
       and (
             select c.generation <= r.generation and (prefix is null or starts_with(f.path, prefix)) and (languages is null or f.language = any (languages))
               from cogo.repos r cross join cogo.source_files f
              where r.id = c.repo_id and f.id = c.file_id)
  ),
  -- most searches have none: then the scores of all chunks are not gone through for them
  other as materialized (
    select v.chunk_id from near v union select d.chunk_id from named d except select l.chunk_id from lexical l
  ),
  candidate as (
    select l.chunk_id, l.score as lexical from lexical l
    union all
    select o.chunk_id, x.score from other o left join bm25 x on x.chunk_id = o.chunk_id
  ),
  -- materialized, or each vector would be compared three times
  scored as materialized (
    select k.chunk_id, greatest(coalesce(k.lexical, 0), 0) as lexical,
           greatest(coalesce(
             v.score,
             (select 1 - (e.embedding operator(extensions.<=>) goal) from cogo.chunk_embeddings e
               where goal is not null and e.chunk_id = k.chunk_id and e.model_id = model.id), 0), 0) as vector
      from candidate k
      left join near v on v.chunk_id = k.chunk_id
  ),
  fused as (
    select s.chunk_id, s.lexical, s.vector,
           w_lexical * coalesce(s.lexical / nullif(max(s.lexical) over (), 0), 0)
           + case when goal is null then 0 else w_vector * coalesce(s.vector / nullif(max(s.vector) over (), 0), 0) end as fused
      from scored s
  ),
  ranked as (
    select * from cogo.rank_chunks(
      (select array_agg(row (f.chunk_id, f.lexical, f.vector, f.fused)::cogo.fused_chunk) from fused f where f.fused > 0),
      query, asked) r
     order by r.score::real desc
     fetch first (lim) rows with ties
  ),
  -- Only what is shown, and what ties with the last of it, is asked how near it is to an entry.
  placed as (
    select h.chunk_id, h.signals, h.score, h.score::real as place, x.c, x.f, x.r,
           (select d.distance from cogo.entry_distances d where d.repo_id = (x.r).id and d.path = (x.f).path collate "C") as entry_distance
      from ranked h
     -- offset 0: looked up by key, however many the planner takes the limit for
     cross join lateral (
       select c, f, r
         from cogo.chunks c
         join cogo.source_files f on f.id = c.file_id
         join cogo.repos r on r.id = c.repo_id
        where c.id = h.chunk_id offset 0) x
     order by place desc, entry_distance, h.chunk_id
     limit lim
  )
  select jsonb_agg(
           cogo.chunk_json(p.c, p.f, p.r) || jsonb_build_object('score', p.score)
           || case when explain then jsonb_build_object('signals', p.signals || jsonb_strip_nulls(jsonb_build_object('entry_distance', p.entry_distance)))
                   else '{}' end
           order by p.place desc, p.entry_distance, p.chunk_id)
    into items
    from placed p;

  return jsonb_build_object('items', coalesce(items, '[]'), 'route', query ->> 'route', 'strategy', strategy, 'generation', newest,
    'lexicon', jsonb_build_object('n', n, 'avg_length', coalesce(average, 0), 'df', coalesce(df, '{}')),
    'took_ms', round(extract(epoch from clock_timestamp() - started) * 1000, 3))
    || case when wants.project_id is null then '{}' else jsonb_build_object('model', cogo.model_json(wants)) end;
exception
  when invalid_text_representation or data_exception or datatype_mismatch then
    perform cogo.fail('CG000', 'query is malformed', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.search(uuid, jsonb) from public;
grant execute on function cogo_api.search(uuid, jsonb) to anon, authenticated, service_role;

-- sql/chat/205_fn_store_answer.sql a5d85927d7e27dd8
-- cogo.store_answer: the answer of a session and what it cost, as chat_end and request_end take them; returns the id of the message.
-- message_id: the one chat_begin kept for it, or null. Raises what its checks raise; the callers say what that means.
create or replace function cogo.store_answer(session cogo.chat_sessions, message_id bigint, trace_id text, answer jsonb, usage jsonb)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  made bigint;
begin
  insert into cogo.chat_messages as m (id, session_id, project_id, role, content, trace_id, model, answer)
  overriding system value
  values (coalesce(store_answer.message_id, nextval('cogo.chat_messages_id_seq')), session.id, session.project_id, 'assistant',
    store_answer.answer ->> 'text', store_answer.trace_id, usage ->> 'model', store_answer.answer)
  returning m.id into made;
  update cogo.chat_sessions s set updated_at = clock_timestamp() where s.id = session.id;
  if usage is not null then
    insert into cogo.usage_events (project_id, principal, trace_id, function, provider, model, input_tokens, output_tokens, cost_usd, estimated)
    values (session.project_id, session.owner, store_answer.trace_id, 'chat', coalesce(usage ->> 'provider', 'unknown'),
      coalesce(usage ->> 'model', 'unknown'), coalesce((usage ->> 'input_tokens')::bigint, 0),
      coalesce((usage ->> 'output_tokens')::bigint, 0), (usage ->> 'cost_usd')::numeric,
      coalesce((usage ->> 'estimated')::boolean, false));
  end if;
  return made;
end
$$;

-- sql/chat/207_fn_store_answer_of.sql 70f843057b736379
-- cogo.store_answer_of: store_answer for a principal the server vouches for. chat: {session_id, message_id?, answer, usage?}.
-- Error: CG003 no such session, or another's.
create or replace function cogo.store_answer_of(principal text, trace_id text, chat jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  session cogo.chat_sessions;
begin
  select s.* into session from cogo.chat_sessions s
   where s.id = (chat ->> 'session_id')::uuid and (store_answer_of.principal = 'service' or s.owner = store_answer_of.principal);
  if not found then
    perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', chat -> 'session_id'));
  end if;
  perform cogo.store_answer(session, (chat ->> 'message_id')::bigint, store_answer_of.trace_id, chat -> 'answer', chat -> 'usage');
end
$$;

-- sql/chat/210_fn_chat_begin.sql 455a8fd05ebd3433
-- cogo_api.chat_begin: opens or continues a session and stores what the user said; returns {session_id, message_id, answer_id, history, found?}.
-- history: up to 50 messages before this call, [{role, content}], oldest first. message_id: the last message stored.
-- answer_id: kept for the answer's message, so that what is told of it can be written before it is stored.
-- messages: [{role, content}] as the request had them. A client may send the whole conversation each time: on a session that
-- has messages, only those after its last assistant message are stored.
-- query: what to look for, as cogo_api.search takes it: found is what that answers. One call for both, because an embedded database
-- answers one call at a time. A query that is refused stores nothing.
-- Needs viewer. Errors: as search; as require_role; CG003 another's session; CG004 no message, or one without role and content.
create or replace function cogo_api.chat_begin(
  project_id uuid, session_id uuid, trace_id text, messages jsonb, model text, role_id text default null, query jsonb default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  session cogo.chat_sessions;
  history jsonb := '[]';
  first   int := 1;
  last_id bigint;
  found   jsonb;
begin
  perform cogo.require_role(chat_begin.project_id, 'viewer');
  if jsonb_typeof(messages) is distinct from 'array' or jsonb_array_length(messages) = 0 then
    perform cogo.fail('CG004', 'at least one message is needed', jsonb_build_object('field', 'messages'));
  end if;
  if chat_begin.query is not null then
    found := cogo_api.search(chat_begin.project_id, chat_begin.query);
  end if;
  if chat_begin.session_id is null then
    insert into cogo.chat_sessions as s (project_id, owner, title)
    values (chat_begin.project_id, cogo.principal(), left(messages -> -1 ->> 'content', 120))
    returning s.* into session;
  else
    session := cogo.own_session(chat_begin.session_id);
    if session.project_id <> chat_begin.project_id then
      perform cogo.fail('CG003', 'no such chat session', jsonb_build_object('session_id', chat_begin.session_id));
    end if;
    history := cogo.messages_json(session.id, 50, false);
    if jsonb_array_length(history) > 0 then
      select coalesce(max(m.nth), 0) + 1 into first
        from jsonb_array_elements(messages) with ordinality as m(body, nth) where m.body ->> 'role' = 'assistant';
    end if;
    update cogo.chat_sessions s set updated_at = clock_timestamp() where s.id = session.id;
  end if;

  begin
    with said as (
      insert into cogo.chat_messages as c (session_id, project_id, role, content, trace_id, role_id, model)
      select session.id, session.project_id, m.body ->> 'role', m.body ->> 'content', chat_begin.trace_id, chat_begin.role_id, chat_begin.model
        from jsonb_array_elements(messages) with ordinality as m(body, nth)
       where m.nth >= first
       order by m.nth
      returning c.id
    )
    select max(said.id) into last_id from said;
  exception
    when not_null_violation or check_violation then
      perform cogo.fail('CG004', 'a message needs role (system, user, assistant or tool) and content',
        jsonb_build_object('field', 'messages'));
  end;
  return jsonb_build_object('session_id', session.id, 'message_id', last_id,
      'answer_id', nextval('cogo.chat_messages_id_seq'), 'history', history)
    || case when found is null then '{}' else jsonb_build_object('found', found) end;
end
$$;
revoke all on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text, jsonb) from public;
grant execute on function cogo_api.chat_begin(uuid, uuid, text, jsonb, text, text, jsonb) to anon, authenticated, service_role;

-- sql/chat/220_fn_chat_end.sql 0fab8b44e4b06393
-- cogo_api.chat_end: stores the answer and what it cost; returns {message_id}.
-- answer: {text, citations?, provider?, mode?, …}, kept whole. usage: {provider, model, input_tokens, output_tokens, cost_usd?,
-- estimated?}; a missing cost_usd is stored as unknown, never as 0.
-- A chat that answers at once stores it with request_end instead.
-- Errors: CG003 unknown or another's session; CG004 no text, or usage out of range.
create or replace function cogo_api.chat_end(session_id uuid, trace_id text, answer jsonb, usage jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  return jsonb_build_object('message_id',
    cogo.store_answer(cogo.own_session(chat_end.session_id), null, chat_end.trace_id, answer, usage));
exception
  when not_null_violation or check_violation or invalid_text_representation then
    perform cogo.fail('CG004', 'the answer needs text, and usage whole numbers of tokens', jsonb_build_object('reason', sqlerrm));
    return null;
end
$$;
revoke all on function cogo_api.chat_end(uuid, text, jsonb, jsonb) from public;
grant execute on function cogo_api.chat_end(uuid, text, jsonb, jsonb) to anon, authenticated, service_role;

-- sql/jobs/010_tables.sql 9aa608fc52bb898f
-- by hand

-- sql/jobs/011_fn_sound_job.sql 23d8e391df61a36c
-- cogo.sound_job: whether a row of cogo.jobs is one that its state may have: the check of the table. One function of the whole row,
-- because CHECK constraints are parsed anew by every statement that writes: ten of them were most of the cost of a single update.
-- It names nothing but what Postgres has built in, so it pins no search path, which would cost a row as much as the rest of it.
create or replace function cogo.sound_job(job cogo.jobs)
returns boolean
language plpgsql
immutable
as $$
begin
  return coalesce(case job.state
    when 'running' then num_nulls(job.lease_token, job.lease_until, job.executor_id, job.lease_s) = 0
      and num_nonnulls(job.msg_id, job.blocked_on, job.finished_at) = 0
    when 'succeeded' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    when 'queued' then (job.pinned_executor_id is null) = (job.msg_id is not null)
      and num_nonnulls(job.lease_token, job.lease_until, job.blocked_on, job.finished_at) = 0
    when 'blocked' then (job.blocked_on in ('children', 'turn') or job.blocked_on = 'slot' and job.concurrency_key is not null)
      and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.finished_at) = 0
    when 'scheduled' then num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on, job.finished_at) = 0
    when 'cancelled' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    when 'dead' then job.finished_at is not null and num_nonnulls(job.lease_token, job.lease_until, job.msg_id, job.blocked_on) = 0
    end and least(job.attempt, job.failures, job.lease_losses, job.releases, job.pending_children) >= 0
      and job.max_attempts between 1 and 50, false);
end
$$;

-- sql/jobs/140_fn_ring.sql ec8649a213be4e2e
-- cogo.ring: wakes executors that could take jobs just made ready: the pinned one, or a few more live ones of the lane than there are
-- jobs, at most 20; one where jobs is 0. One message each on agents:{executor_id}, to those that listen; a hint, everyone polls as well.
-- Edge consumers have no ear on Realtime: where the lane's kind has a doorbell, it is rung.
create or replace function cogo.ring(project_id uuid, lane text, pinned_executor_id text default null, jobs bigint default 1)
returns void
language plpgsql
set search_path = ''
as $$
declare
  worker text := split_part(lane, '/', 1);
  bells  text[];
  door   boolean;
begin
  select array_agg('agents:' || e.id order by e.last_seen desc),
         ring.pinned_executor_id is null and exists (select from cogo.doorbells d where d.executor = worker and d.url is not null)
    into bells, door
    from cogo.executors e
   where (ring.pinned_executor_id is null or e.id = ring.pinned_executor_id)
     and e.kind = worker
     and (e.project_id is null or e.project_id = ring.project_id)
     and not e.draining and e.dead_at is null
     and e.last_seen > clock_timestamp() - interval '60 seconds';
  if bells is not null then
    bells := cogo.heard(bells);
    for i in 1..least(cardinality(bells), case when jobs = 0 then 1 else least(20, jobs + 4) end) loop
      perform cogo.hint(bells[i], 'wake', jsonb_build_object('lane', ring.lane));
    end loop;
  end if;
  if door then
    perform cogo.ring_doorbell(worker);
  end if;
end
$$;

-- sql/jobs/163_fn_has_backlog.sql c4f7b0f4c5b316c6
-- cogo.has_backlog: whether jobs of the lane, and of the project where given, wait for their turn. In the order of the index: EXISTS
-- alone may walk the table for its first row. It looks from the watermark on only, which is all that claims do; every: also before it,
-- which walks every job that waited since an old snapshot was taken. sweep does, before it takes a mark back and now and then.
create or replace function cogo.has_backlog(lane text, project_id uuid default null, every boolean default false)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
declare
  low timestamptz;
begin
  low := case when every then '-infinity' else to_timestamp(cogo.turn(has_backlog.lane) / 1000000.0) end;
  if has_backlog.project_id is null then
    return coalesce((
      select true from cogo.jobs j
       where j.lane = has_backlog.lane and j.state = 'blocked' and j.blocked_on = 'turn' and j.run_at >= low
       order by j.project_id, j.type, j.run_at limit 1), false);
  end if;
  return coalesce((
    select true from cogo.jobs j
     where j.lane = has_backlog.lane and j.project_id = has_backlog.project_id and j.state = 'blocked' and j.blocked_on = 'turn'
       and j.run_at >= low
     order by j.type, j.run_at limit 1), false);
end
$$;

-- sql/jobs/166_fn_take_room.sql b0cadbc10bd0d0f5
-- cogo.take_room: ready_room for a call that makes so many jobs, at least 0. Calls that are under way do not see each other, and
-- each would fill the whole share: of those that could, one at a time finds room, and the jobs of the others wait for their turn.
-- Waits for nothing.
create or replace function cogo.take_room(project_id uuid, lane text, jobs int)
returns int
language plpgsql
set search_path = ''
as $$
begin
  if jobs > 10 and not pg_try_advisory_xact_lock(hashtextextended(format('cogo.room %s %s', take_room.project_id, take_room.lane), 0)) then
    return 0;
  end if;
  return greatest(cogo.ready_room(take_room.project_id, take_room.lane), 0);
end
$$;

-- sql/jobs/179_fn_hand_on.sql 7b520dcbe66d9ca7
-- cogo.hand_on: gives back n slots of a concurrency key and admits the next blocked jobs of it. A slot that one job leaves and the next
-- one takes is not written at all. The caller holds the slot; blocked jobs are locked here, and one that is locked by another is left
-- to it (sweep finds a slot that stays free). room: how many slots are free then, where the caller has read it with the lock. Within a
-- turn that takes a job of any type nobody is rung: who made the room takes what is at the head of the lane in the same call.
create or replace function cogo.hand_on(project_id uuid, key text, n int, room int default null)
returns void
language plpgsql
set search_path = ''
as $$
declare
  taken int := 0;
  next  uuid[];
  home  text;
  same  boolean;
begin
  if room is null then
    room := coalesce((select s.slots - greatest(s.used - n, 0) from cogo.job_slots s where s.project_id = hand_on.project_id and s.key = hand_on.key), 0);
  end if;
  if room > 0 then
    select array_agg(x.id order by x.id), count(*), min(x.lane), bool_and(x.pinned_executor_id is null) and min(x.lane) = max(x.lane)
      into next, taken, home, same
      from (select j.id, j.lane, j.pinned_executor_id from cogo.jobs j
             where j.project_id = hand_on.project_id and j.concurrency_key = hand_on.key and j.state = 'blocked' and j.blocked_on = 'slot'
             order by j.band, j.id
             limit room
               for update skip locked) x;
  end if;
  if taken <> n then
    update cogo.job_slots s set used = greatest(s.used - n, 0) + taken where s.project_id = hand_on.project_id and s.key = hand_on.key;
  end if;
  if same then
    -- push_jobs for jobs of one lane
    update cogo.jobs j set state = 'queued', blocked_on = null, msg_id = p.msg_id, queued_at = clock_timestamp()
      from cogo.push(home, next) p
     where j.id = p.job_id;
    if not exists (select from cogo.executors e where e.id = current_setting('cogo.taker', true) and e.kind = split_part(home, '/', 1)) then
      perform cogo.ring(hand_on.project_id, home, null, 0);
    end if;
  elsif taken > 0 then
    perform cogo.push_jobs(next, true);
  end if;
end
$$;

-- sql/jobs/235_fn_make_jobs.sql d98a2a64029c7e5b
-- cogo.make_jobs: makes the fresh jobs of a plan, their messages, slots and events; returns the states [{job_id, state}] of all.
-- The caller has checked who asks, and locked the project against being deleted.
create or replace function cogo.make_jobs(project_id uuid, plan cogo.planned_job[], made_by text, batch_id uuid)
returns table (job_id uuid, state text)
language plpgsql
set search_path = ''
as $$
#variable_conflict use_column
declare
  total   int;
  parents boolean;
  keyed   boolean;
  other   boolean;
  route   record;
  quiet   boolean;
  traced  boolean;
  late    text[] := '{}';
  lanes   text[] := '{}';
  counts  int[] := '{}';
  -- the message of each item, by its place
  msgs    bigint[] := array_fill(null::bigint, array[cardinality(plan)]);
  sent    bigint[];
  room    int;
  states  text[];
begin
  select count(*) filter (where p.fresh), coalesce(bool_or(p.parent_id is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.concurrency_key is not null) filter (where p.fresh), false),
         coalesce(bool_or(p.wait in ('slot', 'pin')) filter (where p.fresh), false)
    into total, parents, keyed, other
    from unnest(plan) p;
  quiet := total > 25;
  -- the slots of the keys in play exist and are locked before any job is
  if keyed then
    insert into cogo.job_slots (project_id, key)
    select distinct make_jobs.project_id, p.concurrency_key from unnest(plan) p
     where p.concurrency_key is not null and p.fresh
     order by 2
    on conflict do nothing;
    perform from cogo.job_slots s
      where s.project_id = make_jobs.project_id and s.key in (select p.concurrency_key from unnest(plan) p where p.fresh)
      order by s.key for update;
  end if;
  if parents then
    perform from cogo.jobs j where j.id in (select p.parent_id from unnest(plan) p where p.fresh) order by j.id for update;
    update cogo.jobs j set pending_children = j.pending_children + c.n
      from (select p.parent_id, count(*)::int as n from unnest(plan) p where p.fresh and p.parent_id is not null group by p.parent_id) c
     where j.id = c.parent_id;
  end if;

  -- jobs that are ready right away get their message first, so that each row is written once; those over their project's share of
  -- the lane wait for their turn
  for route in
    select p.lane, array_agg(p.job_id order by p.nth) as ids, array_agg(p.nth order by p.nth) as places from unnest(plan) p
     where p.fresh and p.wait is null group by p.lane order by p.lane
  loop
    lanes := lanes || route.lane;
    counts := counts || cardinality(route.ids);
    room := cogo.take_room(make_jobs.project_id, route.lane, cardinality(route.ids));
    if room < cardinality(route.ids) then
      late := late || route.lane;
    end if;
    if room > 0 then
      -- messages are numbered in the order of the ids
      select array_agg(m.msg_id order by m.msg_id) into sent from cogo.push(route.lane, route.ids[:room]) m;
      for i in 1..cardinality(sent) loop
        msgs[route.places[i]] := sent[i];
      end loop;
    end if;
  end loop;
  if cardinality(late) > 0 then
    perform cogo.mark_backlog(late);
  end if;

  with item as materialized (
    select p.*,
           case when p.message is not null then 'queued' when p.wait is null then 'blocked' else 'scheduled' end as begins
      from rows from (unnest(plan), unnest(msgs)) as p(
             nth, job_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin, concurrency_key, rate_key,
             parent_id, trace_id, msg_id, problem, message)
     where p.fresh
  ),
  made as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, quiet, run_at, msg_id, queued_at, max_attempts,
                           pinned_executor_id, concurrency_key, parent_id, batch_id, trace_id, created_by)
    select i.job_id, make_jobs.project_id, i.type, i.lane, i.band, i.begins, case i.begins when 'blocked' then 'turn' end, quiet, i.run_at,
           i.message, case i.begins when 'queued' then clock_timestamp() end, i.max_attempts, i.pin, i.concurrency_key, i.parent_id,
           make_jobs.batch_id, i.trace_id, made_by
      from item i
  ),
  stored as (
    insert into cogo.job_payloads (job_id, project_id, input)
    select i.job_id, make_jobs.project_id, i.payload from item i
  )
  select array_agg(i.begins order by i.nth), coalesce(bool_or(i.trace_id is not null), false) into states, traced from item i;

  if traced then
    perform cogo.tell(array(select p.job_id from unnest(plan) p where p.fresh), 'job.enqueued', '{}');
  end if;
  if other then
    perform cogo.admit_jobs(array(select p.job_id from unnest(plan) p where p.fresh and p.wait in ('slot', 'pin')));
  end if;
  for i in 1..cardinality(lanes) loop
    perform cogo.ring(make_jobs.project_id, lanes[i], null, counts[i]);
  end loop;
  if not other and total = cardinality(plan) then
    return query select p.job_id, p.state from rows from (unnest(plan), unnest(states)) as p(
      nth, job_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin, concurrency_key, rate_key,
      parent_id, trace_id, msg_id, problem, state);
  else
    return query
      select p.job_id, coalesce(j.state, h.state, 'forgotten')
        from unnest(plan) p
        left join cogo.jobs j on j.id = p.job_id
        left join lateral (select x.state from cogo.jobs_history x where x.id = p.job_id and j.id is null limit 1) h on true
       order by p.nth;
  end if;
end
$$;

-- sql/jobs/247_fn_earlier_work.sql 226358675a745e90
-- cogo.earlier_work: what earlier attempts of a job left: {steps?: {name: output}, children?: [{job_id, type, state, result, error}]}.
create or replace function cogo.earlier_work(job_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select coalesce((select jsonb_build_object('steps', jsonb_object_agg(s.name, s.output))
                       from cogo.job_steps s where s.job_id = earlier_work.job_id having count(*) > 0), '{}')
        || coalesce((select jsonb_build_object('children', jsonb_agg(c.child order by c.id))
                       from (select j.id, jsonb_build_object('job_id', j.id, 'type', j.type, 'state', j.state, 'result', j.result, 'error', p.error) as child
                               from cogo.jobs j left join cogo.job_payloads p on p.project_id = j.project_id and p.job_id = j.id where j.parent_id = earlier_work.job_id
                             union all
                             select h.id, jsonb_build_object('job_id', h.id, 'type', h.type, 'state', h.state, 'result', h.result, 'error', h.error)
                               from cogo.jobs_history h where h.parent_id = earlier_work.job_id) c
                     having count(*) > 0), '{}'));
end
$$;

-- sql/jobs/250_fn_lease_jobs.sql d31b1c382eb5e558
-- cogo.lease_jobs: gives locked jobs to an executor: running, a new token. Returns what claim answers, as the text of a JSON array: to
-- build each job as jsonb, then the array, then the answer of turn, then its text costs as much as the lease. steps and children are
-- there where a job has them, which a first attempt has not.
-- The token is the clock's microseconds and two digits that jobs leased in the same one differ by: a claim may be forgotten by a crash
-- (see claim), and the sequence with it, but no later attempt may get its token.
create or replace function cogo.lease_jobs(ids uuid[], executor_id text, lease_s int)
returns text
language plpgsql
set search_path = ''
as $$
declare
  moment  timestamptz := clock_timestamp();
  heard   boolean;
  answer  text;
begin
  with leased as (
    update cogo.jobs j
       set state = 'running', blocked_on = null, attempt = j.attempt + 1, msg_id = null, executor_id = lease_jobs.executor_id,
           lease_token = (extract(epoch from clock_timestamp()) * 1000000)::bigint * 100 + nextval('cogo.lease_tokens') % 100,
           lease_s = lease_jobs.lease_s, lease_until = moment + make_interval(secs => lease_jobs.lease_s), leased_at = moment,
           started_at = coalesce(j.started_at, moment)
     where j.id = any (ids)
    returning j.id, j.project_id, j.type, j.attempt, j.lease_token, j.trace_id, j.quiet, j.band, j.pinned_executor_id,
              j.cancel_requested_at
  )
  select '[' || string_agg(concat(
           '{"job_id":"', l.id, '","token":"', l.lease_token, '","attempt":', l.attempt, ',"type":', to_json(l.type),
           ',"payload":', coalesce(p.input, 'null'), ',"checkpoint":', coalesce(p.checkpoint, 'null'), ',"project_id":"', l.project_id,
           '","trace_id":', coalesce(to_json(l.trace_id), 'null'), ',"lease_s":', lease_jobs.lease_s,
           ',"cancel_requested":', to_json(l.cancel_requested_at is not null),
           -- its members without the braces
           case when l.attempt > 1 then ',' || nullif(trim(leading '{' from left(cogo.earlier_work(l.id)::text, -1)), '') end, '}'), ','
           order by l.pinned_executor_id is null, l.band, l.id) || ']',
         bool_or(not l.quiet or l.trace_id is not null)
    into answer, heard
    from leased l left join cogo.job_payloads p on p.project_id = l.project_id and p.job_id = l.id;
  if heard then
    perform cogo.tell(ids, 'job.started', jsonb_build_object('executor_id', lease_jobs.executor_id));
  end if;
  return answer;
end
$$;

-- sql/jobs/280_fn_expire_leases.sql 7d8a6651e2c88f96
-- cogo.expire_leases: takes back leases that ran out, of jobs the caller has locked with lock_jobs: cancelled where that was asked for,
-- dead (lease_lost) at the third loss, else queued again. Returns {expired, dead}.
create or replace function cogo.expire_leases(late uuid[])
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  max_losses constant int := 3;
  again     uuid[];
  cancelled uuid[];
  spent     uuid[];
begin
  if cardinality(late) = 0 then
    return '{"expired": 0, "dead": 0}';
  end if;
  select coalesce(array_agg(j.id) filter (where j.cancel_requested_at is not null), '{}'),
         coalesce(array_agg(j.id) filter (where j.cancel_requested_at is null and j.lease_losses + 1 >= max_losses), '{}'),
         coalesce(array_agg(j.id) filter (where j.cancel_requested_at is null and j.lease_losses + 1 < max_losses), '{}')
    into cancelled, spent, again
    from cogo.jobs j where j.id = any (late) and j.state = 'running' and j.lease_until <= clock_timestamp();
  late := cancelled || spent || again;
  if cardinality(late) = 0 then
    return '{"expired": 0, "dead": 0}';
  end if;
  perform cogo.close_attempts(late, 'lost');
  update cogo.jobs j set lease_losses = j.lease_losses + 1 where j.id = any (late);
  perform cogo.settle_cancelled(cancelled);
  perform cogo.bury_job(s.id, 'lease_lost', 'lease_lost', jsonb_build_object('code', 'lease_lost',
            'message', format('%s executors lost the lease, the last one was %s', max_losses, j.executor_id)))
     from unnest(spent) as s(id) join cogo.jobs j on j.id = s.id;
  insert into cogo.job_events (job_id, project_id, kind, data, trace_id, quiet)
  select j.id, j.project_id, 'job.lease_lost', jsonb_build_object('attempt', j.attempt, 'executor_id', j.executor_id), j.trace_id, j.quiet
    from cogo.jobs j where j.id = any (again) order by j.id;
  perform cogo.push_jobs(again);
  perform cogo.jobs_over(cancelled || spent, cancelled || spent);
  return jsonb_build_object('expired', cardinality(late), 'dead', cardinality(spent));
end
$$;

-- sql/jobs/290_fn_reconcile_lanes.sql dd1c0f3a6e80fb41
-- cogo.reconcile_lanes: moves low watermarks up to where the queues begin, and takes back the mark of a backlog that is gone. Once in
-- 15 s a lane it re-sends queued jobs whose message is gone (a purge, a lost queue table) or lies below the watermark (a slow
-- transaction took its id long before it committed). Returns how many were re-sent.
create or replace function cogo.reconcile_lanes(lim int)
returns int
language plpgsql
set search_path = ''
as $$
declare
  slack constant bigint := 500;
  lane   record;
  head   record;
  lost   uuid[];
  oldest timestamptz;
  waits  boolean;
  made   int := 0;
begin
  for lane in
    select l.name, l.queue_name, l.backlog, l.reconciled_at < clock_timestamp() - interval '15 seconds' as due
      from cogo.lanes l order by l.name
  loop
    -- of a lane without a mark only what came since the watermark, which moves along: it costs the same after any number of jobs
    waits := cogo.has_backlog(lane.name, every => lane.backlog or lane.due);
    if lane.backlog and not waits then
      -- whoever adds to it now has marked it already and would lose the mark, so only where that holds still under the lock
      update cogo.lanes l set backlog = false
       where l.name in (select x.name from cogo.lanes x where x.name = lane.name for update skip locked)
         and not cogo.has_backlog(lane.name, every => true);
    elsif not lane.backlog and waits then
      perform cogo.mark_backlog(array[lane.name]);
    end if;
    oldest := null;
    if lane.backlog then
      -- the oldest of each project and type, found without the watermark; where there are too many to look at all, no watermark
      select case when count(*) < 1000 then min(w.run_at) else to_timestamp(3) end into oldest
        from cogo.waiting_turns(lane.name) w;
    end if;
    if lane.backlog or not waits and cogo.turn(lane.name) < (extract(epoch from clock_timestamp() - interval '10 seconds') * 1000000)::bigint then
      perform setval(format('cogo.turn_%s', lane.queue_name),
        greatest(1, (extract(epoch from coalesce(oldest, clock_timestamp()) - interval '2 seconds') * 1000000)::bigint));
    end if;
    perform cogo.ensure_queue(lane.queue_name);
    execute format('select h.oldest, h.newest from cogo.head_%s() h', lane.queue_name) into head;
    if coalesce(head.oldest, head.newest) - slack > cogo.low(lane.name) then
      perform setval(format('cogo.low_%s', lane.queue_name), coalesce(head.oldest, head.newest) - slack);
    end if;
    continue when not lane.due;
    execute format('select cogo.lost_%s($1)', lane.queue_name) into lost using lim;
    if cardinality(lost) > 0 then
      perform cogo.push_jobs(lost);
      made := made + cardinality(lost);
    end if;
    update cogo.lanes l set reconciled_at = clock_timestamp() where l.name = lane.name;
  end loop;
  return made;
end
$$;

-- sql/jobs/295_fn_enqueue_one.sql 19a145709bdf3249
-- cogo.enqueue_one: enqueue for a single plain job: of any type, with payload, priority, max_attempts, executor, key and trace_id, and
-- nothing that makes it wait. Returns enqueue's answer, or null where there is more to it (a rate, a key that is taken, anything that
-- may be wrong): then nothing was changed, and the long way does it or says why it can't be. Both ways make the same rows.
create or replace function cogo.enqueue_one(project_id uuid, item jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  who     record := cogo.identity();
  kind    text := item ->> 'type';
  payload jsonb := coalesce(nullif(item -> 'payload', 'null'), '{}');
  name    text := item ->> 'key';
  trace   text := item ->> 'trace_id';
  level   int := 1;
  home    record;
  made_by text;
  message bigint;
  moment  timestamptz := clock_timestamp();
  made    uuid := encode(int8send(((extract(epoch from moment) * 1000)::bigint << 16) | 28673)
                    || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid;
begin
  if jsonb_typeof(item) <> 'object' or item - array['type', 'payload', 'priority', 'max_attempts', 'executor', 'key', 'trace_id'] <> '{}'
     or jsonb_typeof(payload) <> 'object' or pg_column_size(payload) > 21845 or length(name) not between 1 and 255 then
    return null;
  end if;
  if item ? 'priority' or item ? 'max_attempts' then
    if coalesce(item ->> 'priority', '1') !~ '^[012]$' or coalesce(item ->> 'max_attempts', '1') !~ '^([1-9]|[1-4][0-9]|50)$' then
      return null;
    end if;
    level := coalesce(item ->> 'priority', '1');
  end if;
  case who.kind
    when 'service' then made_by := 'service';
    when 'token' then made_by := case who.project_id when enqueue_one.project_id then 'token:' || who.token_id end;
    when 'user' then
      select 'user:' || m.user_id into made_by from cogo.project_members m
       where m.project_id = enqueue_one.project_id and m.user_id = who.user_id and m.role in ('editor', 'admin', 'owner');
    else null;
  end case;
  if made_by is null then
    return null;
  end if;

  -- the project is locked against being deleted; a type or a lane that is not known finds nothing
  select x.*, l.name as lane, l.backlog, q.queue_limit - q.counted as room, q.ready_share into home
    from cogo.projects p
    join cogo.job_quotas q on q.project_id = p.id
   cross join lateral (
     select t.executor, t.max_attempts, t.run_s, t.steps
       from cogo.job_types t
      where t.pattern = kind or (t.pattern like '%.*' and starts_with(kind, left(t.pattern, -1)))
      order by length(t.pattern) desc limit 1) x
    join cogo.lanes l on l.name = coalesce(item ->> 'executor', x.executor) || '/default/' || level
   where p.id = enqueue_one.project_id
     and not exists (select from cogo.job_rates r where r.project_id = p.id)
     for key share of p;
  if not found or home.lane like 'cogo-plan/%' and home.run_s > 90 and not home.steps then
    return null;
  end if;
  if name is not null then
    insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
    -- the hash is that of plan_jobs
    values (enqueue_one.project_id, name, made,
      sha256(convert_to(('{"payload": {}, "priority": 1}' || item - array['key', 'trace_id'])::text, 'UTF8')), moment + interval '7 days')
    on conflict do nothing;
    if not found then
      return null;
    end if;
  end if;
  -- as cogo.check_quota
  if random() * home.room < 10 then
    perform cogo.count_waiting(enqueue_one.project_id, 1);
  end if;

  if not (home.backlog and cogo.has_backlog(home.lane, enqueue_one.project_id)) then
    message := cogo.offer(home.lane, enqueue_one.project_id, made, home.ready_share);
  end if;
  with job as (
    insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, run_at, msg_id, queued_at, max_attempts, trace_id, created_by)
    values (made, enqueue_one.project_id, kind, home.lane, level, case when message is null then 'blocked' else 'queued' end,
      case when message is null then 'turn' end, moment, message, case when message is not null then moment end,
      coalesce((item ->> 'max_attempts')::int, home.max_attempts), trace, made_by)
  )
  insert into cogo.job_payloads (job_id, project_id, input) values (made, enqueue_one.project_id, payload);
  if message is null and not home.backlog then
    perform cogo.mark_backlog(array[home.lane]);
  end if;
  if trace is not null then
    perform cogo.tell(array[made], 'job.enqueued', '{}');
  end if;
  perform cogo.ring(enqueue_one.project_id, home.lane, null, 1);
  return jsonb_build_array(jsonb_build_object('job_id', made, 'state', case when message is null then 'blocked' else 'queued' end,
    'duplicate', false));
end
$$;

-- sql/jobs/297_fn_enqueue_plain.sql fde467cf5591e1b4
-- cogo.enqueue_plain: enqueue for several plain jobs of one lane: of any types, each with payload, priority, max_attempts, executor, key
-- and trace_id, and nothing that makes it wait. Reads the items once and writes everything in one statement, where the long way goes
-- over its plan six times. Returns enqueue's answer, or null where there is more to it (several lanes, a rate, a key that is taken or
-- said twice, anything that may be wrong): then nothing was changed, and the long way does it or says why it can't be. Both ways make
-- the same rows. The caller has checked who asks, and locked the project against being deleted.
create or replace function cogo.enqueue_plain(project_id uuid, jobs jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  asked    record;
  kinds    text[] := '{}';
  attempts int[] := '{}';
  kind     text;
  rule     record;
  worker   text;
  route    text;
  moment   timestamptz := clock_timestamp();
  id_prefix bigint := ((extract(epoch from moment) * 1000)::bigint << 16) | 28672;
  made_by  text := cogo.principal();
  ready    uuid[] := '{}';
  messages bigint[] := '{}';
  room     int;
  answer   jsonb;
  traced   uuid[];
begin
  if jsonb_typeof(jobs) is distinct from 'array' or jsonb_array_length(jobs) not between 1 and 1000
     or exists (select from cogo.job_rates r where r.project_id = enqueue_plain.project_id) then
    return null;
  end if;
  select count(*)::int as jobs, array_agg(distinct i ->> 'type') as types,
         array_agg(distinct coalesce(i ->> 'priority', '1')) as bands, array_agg(distinct i ->> 'executor') as executors,
         bool_and(jsonb_typeof(i) = 'object' and i - array['type', 'payload', 'priority', 'max_attempts', 'executor', 'key', 'trace_id'] = '{}'
           and jsonb_typeof(i -> 'type') = 'string'
           and coalesce(jsonb_typeof(i -> 'payload') = 'object' and pg_column_size(i -> 'payload') <= 21845, not i ? 'payload')
           and coalesce(length(i ->> 'key') between 1 and 255, true)
           and coalesce(i ->> 'max_attempts' ~ '^([1-9]|[1-4][0-9]|50)$', true)) as plain
    into asked
    from jsonb_array_elements(jobs) i;
  if not asked.plain or cardinality(asked.bands) > 1 or cardinality(asked.executors) > 1 or asked.bands[1] not in ('0', '1', '2') then
    return null;
  end if;
  foreach kind in array asked.types loop
    select x.executor, x.max_attempts, x.run_s, x.steps into rule
      from cogo.job_types x
     where x.pattern = kind or (x.pattern like '%.*' and starts_with(kind, left(x.pattern, -1)))
     order by length(x.pattern) desc limit 1;
    rule.executor := coalesce(asked.executors[1], rule.executor);
    if not found or rule.executor <> worker or rule.executor = 'cogo-plan' and rule.run_s > 90 and not rule.steps then
      return null;
    end if;
    worker := rule.executor;
    kinds := kinds || kind;
    attempts := attempts || rule.max_attempts;
  end loop;
  route := worker || '/default/' || asked.bands[1];
  if not exists (select from cogo.lanes l where l.name = route) then
    return null;
  end if;

  begin
    perform cogo.check_quota(enqueue_plain.project_id, asked.jobs);
    -- ready right away: as many as the project's share of the lane has room for; the rest waits for its turn
    room := cogo.take_room(enqueue_plain.project_id, route, asked.jobs);
    if room > 0 then
      ready := array(select cogo.new_job_id(moment, n) from generate_series(1, least(room, asked.jobs)) n);
      messages := array(select p.msg_id from cogo.push(route, ready) p order by p.msg_id);
    end if;
    with item as materialized (
      select i.ordinality as nth, i.value ->> 'type' as type, coalesce(i.value -> 'payload', '{}') as payload, i.value ->> 'key' as key,
             -- as cogo.new_job_id, spelled out: a function that pins its search path costs more than all the rest of an item
             coalesce(ready[i.ordinality], encode(int8send(id_prefix | i.ordinality) || substring(uuid_send(gen_random_uuid()) from 9), 'hex')::uuid) as id,
             messages[i.ordinality] as message, (i.value ->> 'max_attempts')::int as max_attempts, i.value ->> 'trace_id' as trace_id,
             -- the text that plan_jobs hashes, without making the object it is the text of
             case when i.value ? 'key' then sha256(convert_to('{"type": ' || (i.value -> 'type')::text
               || ', "payload": ' || coalesce((i.value -> 'payload')::text, '{}')
               || coalesce(', "executor": ' || (i.value -> 'executor')::text, '')
               || ', "priority": ' || coalesce((i.value -> 'priority')::text, '1')
               || coalesce(', "max_attempts": ' || (i.value -> 'max_attempts')::text, '') || '}', 'UTF8')) end as hash
        from jsonb_array_elements(jobs) with ordinality i
    ),
    -- in order of the keys, so that two calls with the same keys take turns instead of deadlocking
    keyed as (
      insert into cogo.job_keys (project_id, key, job_id, request_hash, expires_at)
      select enqueue_plain.project_id, i.key, i.id, i.hash, moment + interval '7 days' from item i where i.key is not null order by i.key
    ),
    made as (
      insert into cogo.jobs (id, project_id, type, lane, band, state, blocked_on, quiet, run_at, msg_id, queued_at, max_attempts, trace_id, created_by)
      select i.id, enqueue_plain.project_id, i.type, route, asked.bands[1]::smallint,
             case when i.message is null then 'blocked' else 'queued' end, case when i.message is null then 'turn' end, asked.jobs > 25, moment,
             i.message, case when i.message is not null then moment end, coalesce(i.max_attempts, attempts[array_position(kinds, i.type)]),
             i.trace_id, made_by
        from item i
    ),
    stored as (
      insert into cogo.job_payloads (job_id, project_id, input)
      select i.id, enqueue_plain.project_id, i.payload from item i
    )
    select jsonb_agg(jsonb_build_object('job_id', i.id, 'state', case when i.message is null then 'blocked' else 'queued' end, 'duplicate', false)),
           array_agg(i.id) filter (where i.trace_id is not null)
      into answer, traced
      from item i;
  exception when unique_violation then
    -- a key is taken, maybe only just now, or said twice
    return null;
  end;
  if room < asked.jobs then
    perform cogo.mark_backlog(array[route]);
  end if;
  if traced is not null then
    perform cogo.tell(traced, 'job.enqueued', '{}');
  end if;
  perform cogo.ring(enqueue_plain.project_id, route, null, asked.jobs);
  return answer;
end
$$;

-- sql/jobs/300_fn_enqueue.sql ef01123e3f5fa801
-- cogo_api.enqueue: makes jobs in one transaction with whatever else the caller does; returns [{job_id, state, duplicate, batch_id?}]
-- in order.
--
-- jobs: [{type, payload?, priority?, delay_s?, key?, max_attempts?, executor?, pin?, concurrency_key?, rate_key?, parent_id?,
-- trace_id?}], up to 1,000. priority is the band: 0 first, 1 default, 2 last. executor overrides the lane rule of the type. pin: only
-- this executor takes it. concurrency_key: as many jobs of the key at a time as its slots (1 unless set_job_limit). rate_key: the rate
-- to keep to, the type's unless said. parent_id links to a job of the same project, which may await it.
-- key: the first job made with it is returned again (duplicate = true) for 7 days, also when that job's row is gone.
-- batch: {} makes a batch of these jobs, {id} adds them to one of the project, {name} names it; see batch_status.
-- More than 25 jobs in a call are quiet: their turns are recorded, but not broadcast one by one.
-- Needs editor. Errors: as require_role; CG000 not an array; CG003 unknown batch; CG004 a field out of range or an unknown type;
-- CG005 a payload over 128 KB (put it in Storage and send the path); CG023 a key used with another input; CG024 the project has as
-- many jobs waiting as it may.
create or replace function cogo_api.enqueue(project_id uuid, jobs jsonb, batch jsonb default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  plan   cogo.planned_job[];
  group_id uuid;
  answer jsonb;
begin
  if batch is null and jsonb_typeof(jobs) = 'array' and jsonb_array_length(jobs) = 1 then
    answer := cogo.enqueue_one(enqueue.project_id, jobs -> 0);
    if answer is not null then
      return answer;
    end if;
  end if;
  perform cogo.require_role(enqueue.project_id, 'editor');
  perform from cogo.projects p where p.id = enqueue.project_id for key share;
  if batch is null then
    answer := cogo.enqueue_plain(enqueue.project_id, enqueue.jobs);
    if answer is not null then
      return answer;
    end if;
  end if;
  plan := cogo.plan_jobs(enqueue.project_id, enqueue.jobs);
  if exists (select from unnest(plan) p where p.key is not null) then
    plan := cogo.claim_job_keys(enqueue.project_id, plan);
  end if;
  perform cogo.check_quota(enqueue.project_id, cardinality(plan));
  plan := cogo.apply_rates(enqueue.project_id, plan);
  if batch is not null then
    group_id := cogo.open_batch(enqueue.project_id, batch, (select count(*)::int from unnest(plan) p where p.fresh));
  end if;
  select coalesce(jsonb_agg(case when group_id is null
             then jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh)
             else jsonb_build_object('job_id', m.job_id, 'state', m.state, 'duplicate', not m.fresh, 'batch_id', group_id) end
           order by m.nth), '[]')
    into answer
    -- two lists of one order, laid beside each other: a join of them would be planned for ten rows
    from rows from (cogo.make_jobs(enqueue.project_id, plan, cogo.principal(), group_id), unnest(plan)) as m(
           job_id, state, nth, planned_id, fresh, type, payload, lane, band, run_at, wait, max_attempts, key, request_hash, pin,
           concurrency_key, rate_key, parent_id, trace_id, msg_id, problem);
  return answer;
end
$$;
revoke all on function cogo_api.enqueue(uuid, jsonb, jsonb) from public;
grant execute on function cogo_api.enqueue(uuid, jsonb, jsonb) to anon, authenticated, service_role;

-- sql/jobs/305_fn_take.sql ca0d38a9f613b31e
-- cogo.take: the work of claim, which see; its answer as text, so that turn puts it into its own without building it again.
create or replace function cogo.take(executor_id text, qty int, lease_s int, include_types text[], epoch int)
returns text
language plpgsql
set search_path = ''
as $$
declare
  scope    record;
  chosen   uuid[];
  lane     record;
  exact    text[];
  prefixes text[];
begin
  -- nothing but the lease is in this transaction: see claim
  if pg_current_xact_id_if_assigned() is null then
    perform set_config('synchronous_commit', 'off', true);
  end if;
  if coalesce(qty, 0) not between 1 and 1000 then
    perform cogo.fail('CG004', 'qty must be 1 to 1000', jsonb_build_object('field', 'qty'));
  end if;
  if coalesce(lease_s, 0) not between 5 and 3600 then
    perform cogo.fail('CG004', 'lease_s must be 5 to 3600', jsonb_build_object('field', 'lease_s'));
  end if;
  scope := cogo.executor_scope(take.executor_id, take.epoch, false);
  if not scope.current then
    perform cogo.fail('CG025', 'a newer process runs as this executor', jsonb_build_object('epoch', take.epoch), 'Stop this one');
  elsif scope.draining then
    perform cogo.fail('CG025', 'this executor is draining', null, 'Register it again to take jobs');
  end if;
  if include_types is not null then
    exact := array(select t from unnest(include_types) t where t not like '%.*');
    prefixes := array(select replace(left(t, -1), '_', '\_') || '%' from unnest(include_types) t where t like '%.*');
  end if;

  chosen := array(
    select j.id from cogo.jobs j
     where j.pinned_executor_id = take.executor_id and j.state = 'queued'
       and (scope.project_id is null or j.project_id = scope.project_id)
       and (include_types is null or j.type = any (exact) or j.type like any (prefixes))
     order by j.band, j.queued_at
     limit qty
       for update skip locked);

  for lane in
    select l.name, l.backlog from cogo.lanes l where scope.kind is null or l.executor = scope.kind order by l.band, l.name
  loop
    exit when cardinality(chosen) >= qty;
    if scope.project_id is null and include_types is null then
      chosen := chosen || cogo.pop(lane.name, qty - cardinality(chosen));
    else
      chosen := chosen || cogo.pick_jobs(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
    -- the short way knows a project's first type only; now and then the long one gives the others their turn
    if lane.backlog and qty = 1 and include_types is null and cardinality(chosen) = 0 and random() < 0.9 then
      chosen := cogo.take_turn(lane.name, scope.project_id);
    elsif lane.backlog and cardinality(chosen) < qty then
      chosen := chosen
        || cogo.take_turns(lane.name, scope.project_id, include_types is null, exact, prefixes, qty - cardinality(chosen));
    end if;
  end loop;
  if cardinality(chosen) = 0 then
    return '[]';
  end if;
  return cogo.lease_jobs(chosen, take.executor_id, lease_s);
end
$$;

-- sql/jobs/310_fn_claim.sql b21c7f41d7b70772
-- cogo_api.claim: leases up to qty ready jobs to an executor; returns [{job_id, token, attempt, type, payload, checkpoint, project_id,
-- trace_id, lease_s, cancel_requested, steps?, children?}]. token (a string: it is a bigint) goes with every later call for the
-- attempt. steps: outputs earlier attempts stored; children: the jobs it awaited, with their results.
--
-- Jobs pinned to the executor first, then its lanes by band, each roughly first in, first out, and no project more than its share
-- while others wait. A worker token gets jobs of its project only. include_types: exact types or prefixes ending in '.*'. epoch: as
-- register_executor gave it, so that a process another one of the same id has replaced gets nothing.
-- The lease ends lease_s after the last beat, by the database's clock: count it on a monotonic clock and stop at 80 %.
-- An empty answer is normal; nothing ever waits for a lock here.
--
-- A claim alone in its transaction does not wait until its lease is on disk: after a crash of the server the job is ready again, at
-- most as if it had not been claimed, and its worker is told so by the next beat or result. Where something was written before in the
-- same transaction (turn with results), the commit waits as ever; write nothing after a claim that must not be lost.
--
-- As all calls of workers it keeps its plans, and keeps off scans of whole tables: a session that planned while cogo.jobs was almost
-- empty, and not analyzed, would walk the table in every later call. seq_page_cost says so; much more of it would have plans compiled.
-- Errors: CG001/CG002/CG004 as executor_scope; CG004 qty not 1 to 1000, lease_s not 5 to 3600; CG025 the executor is draining, or its
-- epoch is over.
create or replace function cogo_api.claim(
  executor_id text, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
begin
  return cogo.take(claim.executor_id, claim.qty, claim.lease_s, claim.include_types, claim.epoch)::jsonb;
end
$$;
revoke all on function cogo_api.claim(text, int, int, text[], int) from public;
grant execute on function cogo_api.claim(text, int, int, text[], int) to anon, authenticated, service_role;

-- sql/jobs/320_fn_beat.sql 14f45374c532476d
-- cogo_api.beat: keeps leases alive, all of an executor's in one call; returns [{job_id, verdict}].
--   ok      the lease runs lease_s from now
--   cancel  the same, and somebody wants the job cancelled: stop it, then finish or fail it
--   lost    the token is not the job's any more, or the epoch is over: stop at once, nothing of this attempt counts
-- beats: [{job_id, token, progress?, log?, steps?}]; an empty list is presence only. progress replaces the last one; at most two a
-- second become events. log: text or a list of lines, up to 16,384 characters a beat are kept. steps: [{name, output}] done since the
-- last beat, which a later attempt finds in its claim.
-- running: how many jobs it is at work on, where the call is about all of them: its presence.
-- Errors: CG001/CG002/CG004 as executor_scope; CG000 malformed.
create or replace function cogo_api.beat(executor_id text, beats jsonb, epoch int default null, running int default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  scope  record;
  held   cogo.fenced_item[] := '{}';
  moment timestamptz;
begin
  scope := cogo.executor_scope(beat.executor_id, beat.epoch, coalesce(beats, '[]') = '[]');
  if scope.current and beat.running is not null then
    update cogo.executors e set running = least(greatest(beat.running, 0), 100000)
     where e.id in (select x.id from cogo.executors x
                     where x.id = beat.executor_id and x.running <> least(greatest(beat.running, 0), 100000) for update skip locked);
  end if;
  if coalesce(beats, '[]') <> '[]' then
    held := cogo.fenced(beats);
  end if;
  moment := clock_timestamp();
  if not scope.current then
    return (select coalesce(jsonb_agg(jsonb_build_object('job_id', f.job_id, 'verdict', 'lost')), '[]') from unnest(held) f);
  end if;
  update cogo.jobs j
     set lease_until = moment + make_interval(secs => j.lease_s)
    from unnest(held) f
   where j.id = f.job_id and f.held;
  perform cogo.store_steps(held);

  if exists (select from unnest(held) f where f.body ? 'progress') then
    with said as (
      select f.job_id, j.project_id, f.body -> 'progress' as progress
        from unnest(held) f join cogo.jobs j on j.id = f.job_id
       where f.held and jsonb_typeof(f.body -> 'progress') <> 'null'
    ),
    due as (
      select s.job_id, s.progress, p.project_id from said s join cogo.job_payloads p on p.project_id = s.project_id and p.job_id = s.job_id
       where p.progress_at is null or p.progress_at <= moment - interval '500 milliseconds'
    ),
    kept as (
      update cogo.job_payloads p
         set progress = s.progress,
             progress_at = case when exists (select from due d where d.job_id = s.job_id) then moment else p.progress_at end
        from said s where p.project_id = s.project_id and p.job_id = s.job_id
    )
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select d.job_id, d.project_id, 'job.progress', jsonb_build_object('progress', d.progress), j.trace_id
      from due d join cogo.jobs j on j.id = d.job_id order by d.job_id;
  end if;

  if exists (select from unnest(held) f where f.body ? 'log') then
    insert into cogo.job_events (job_id, project_id, kind, data, trace_id)
    select f.job_id, j.project_id, 'job.log', jsonb_build_object('log', left(case jsonb_typeof(f.body -> 'log')
             when 'array' then (select string_agg(line, e'\n' order by n)
                                  from jsonb_array_elements_text(f.body -> 'log') with ordinality l(line, n))
             else f.body ->> 'log' end, 16384)), j.trace_id
      from unnest(held) f
      join cogo.jobs j on j.id = f.job_id
     where f.held and jsonb_typeof(f.body -> 'log') in ('string', 'array')
     order by f.job_id;
  end if;

  return coalesce((
    select jsonb_agg(jsonb_build_object('job_id', f.job_id,
             'verdict', case when not f.held then 'lost' when f.cancel_requested then 'cancel' else 'ok' end) order by f.job_id)
      from unnest(held) f), '[]');
end
$$;
revoke all on function cogo_api.beat(text, jsonb, int, int) from public;
grant execute on function cogo_api.beat(text, jsonb, int, int) to anon, authenticated, service_role;

-- sql/jobs/325_fn_await_children.sql 0e86420fa1f19e4e
-- cogo.await_children: a running, locked job steps aside until its children are over: blocked, or queued again at once where none is
-- left. Its slot is given back meanwhile. Returns its new state.
create or replace function cogo.await_children(job_id uuid, checkpoint jsonb)
returns text
language plpgsql
set search_path = ''
as $$
declare
  left_over int;
begin
  if checkpoint is not null and jsonb_typeof(checkpoint) <> 'null' then
    update cogo.job_payloads p set checkpoint = await_children.checkpoint
      from cogo.jobs j where j.id = await_children.job_id and p.project_id = j.project_id and p.job_id = j.id;
  end if;
  perform cogo.close_attempts(array[await_children.job_id], 'awaiting');
  update cogo.jobs j set state = 'blocked', blocked_on = 'children', lease_token = null, lease_until = null
   where j.id = await_children.job_id
  returning j.pending_children into left_over;
  perform cogo.tell(array[await_children.job_id], 'job.awaiting', jsonb_build_object('children', left_over));
  perform cogo.free_slots(array[await_children.job_id]);
  if left_over = 0 then
    perform cogo.admit_jobs(array[await_children.job_id]);
  end if;
  return (select j.state from cogo.jobs j where j.id = await_children.job_id);
end
$$;

-- sql/jobs/326_fn_finish_keyed.sql 71577f660173a018
-- cogo.finish_keyed: finish_one for a single job that has a concurrency key: ends it well and hands its slot on; whether it did. False:
-- nothing was changed, and the long way says why. The slot is locked before the job, as everywhere.
create or replace function cogo.finish_keyed(results jsonb, every boolean, project_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  item  jsonb := results -> 0;
  home  record;
  room  int;
  done  record;
begin
  if item ?| array['children', 'events', 'await'] or (item ->> 'job_id') !~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
     or (item ->> 'token') !~ '^[0-9]{1,18}$' then
    return false;
  end if;
  -- keys and parents never change, so they can be read before the lock
  select j.project_id, j.concurrency_key as key into home from cogo.jobs j
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.concurrency_key is not null and j.parent_id is null and (every or j.project_id = finish_keyed.project_id);
  if not found then
    return false;
  end if;
  select s.slots - greatest(s.used - 1, 0) into room from cogo.job_slots s where s.project_id = home.project_id and s.key = home.key for update;
  update cogo.jobs j
     set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = item -> 'result'
   where j.id = (item ->> 'job_id')::uuid and j.state = 'running' and j.lease_token = (item ->> 'token')::bigint
     and j.cancel_requested_at is null
  returning j.id, not j.quiet or j.trace_id is not null as heard into done;
  if done.heard then
    perform cogo.tell(array[done.id], 'job.done', '{"state":"succeeded"}');
  end if;
  if done.id is null then
    return false;
  end if;
  perform cogo.hand_on(home.project_id, home.key, 1, coalesce(room, 0));
  return true;
end
$$;

-- sql/jobs/328_fn_finish_plain.sql 216530b616c5af0e
-- cogo.finish_plain: ends running jobs well where none of the call's has more to it: no concurrency key, no parent, no wish to cancel,
-- every token current. Returns the ids of those it ended, or null where something of that does not hold when it looks: then nothing
-- is changed, and the long way takes all of them. That one locks slots and parents first; here no lock but those of the jobs, by id.
create or replace function cogo.finish_plain(ids uuid[], tokens bigint[], bodies jsonb[], every boolean, project_id uuid)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  ended uuid[];
  heard boolean;
begin
  -- both lists are in order of the ids: to compare them costs less than a join
  if tokens is distinct from (
    select array_agg(j.lease_token order by j.id)
      from cogo.jobs j
     where j.id = any (ids) and j.cancel_requested_at is null and j.concurrency_key is null and j.parent_id is null
       and (every or j.project_id = finish_plain.project_id))
  then
    return null;
  end if;
  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null, result = i.body -> 'result'
      from unnest(ids, tokens, bodies) as i(id, token, body)
     where j.id = i.id and j.lease_token = i.token and j.cancel_requested_at is null
    returning j.id, j.quiet, j.trace_id
  )
  select coalesce(array_agg(d.id), '{}'), bool_or(not d.quiet or d.trace_id is not null) into ended, heard from done d;
  if heard then
    perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');
  end if;
  return ended;
end
$$;

-- sql/jobs/330_fn_finish.sql 32a96fe3c681b39f
-- cogo_api.finish: records results; returns [{job_id, verdict, state}] by job id.
-- results: [{job_id, token, result, children?, events?, await?, checkpoint?}]. ok: the job succeeded. cancelled: somebody had asked for
-- that; the result is kept all the same. lost: the token is stale and nothing was changed.
-- children: jobs (as in enqueue) made in the same transaction, with this one as parent. await: the job is not over: it is blocked
-- until its children are, then claimed again with their results (state blocked, verdict ok); its checkpoint is kept.
-- Writes of the same transaction stand or fall with the verdict.
-- Errors: CG001/CG002/CG000 as fenced; as spawn_children.
create or replace function cogo_api.finish(results jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  who       record := cogo.reporting_scope();
  ids       uuid[];
  tokens    bigint[];
  bodies    jsonb[];
  plain     uuid[];
  items     cogo.fenced_item[];
  special   boolean;
  awaiting  uuid[] := '{}';
  cancelled uuid[] := '{}';
  ended     uuid[];
begin
  if jsonb_typeof(results) = 'array' and jsonb_array_length(results) = 1
     and (cogo.finish_one(results, who.every, who.project_id) or cogo.finish_keyed(results, who.every, who.project_id)) then
    return jsonb_build_array(jsonb_build_object('job_id', lower(results -> 0 ->> 'job_id'), 'verdict', 'ok', 'state', 'succeeded'));
  end if;
  select r.ids, r.tokens, r.bodies into ids, tokens, bodies from cogo.read_items(results) r;
  if ids is null then
    return '[]';
  end if;
  if not exists (select from unnest(bodies) b where b ?| array['children', 'events', 'await']) then
    plain := cogo.finish_plain(ids, tokens, bodies, who.every, who.project_id);
    if cardinality(plain) = cardinality(ids) then
      -- spelled out: an object of each costs three times as much
      return (select '[' || string_agg('{"job_id": "' || i.id || '", "verdict": "ok", "state": "succeeded"}', ',') || ']' from unnest(ids) i(id))::jsonb;
    elsif plain is not null then
      -- an id said twice, or one that was lost or cancelled between the look and the update
      results := (select jsonb_agg(b.body) from unnest(ids, bodies) as b(id, body) where not (b.id = any (plain)));
    end if;
  end if;
  plain := coalesce(plain, '{}');
  perform cogo.lock_children(results);
  items := cogo.fenced(coalesce(results, '[]'));
  select coalesce(bool_or(i.body ?| array['children', 'events', 'await']), false),
         coalesce(array_agg(i.job_id) filter (where i.cancel_requested), '{}'),
         coalesce(array_agg(i.job_id) filter (where not i.cancel_requested and i.body -> 'await' = 'true'), '{}')
    into special, cancelled, awaiting
    from unnest(items) i where i.held;
  if special then
    perform cogo.spawn_children(items);
  end if;
  if cardinality(cancelled) > 0 then
    perform cogo.close_attempts(cancelled, 'cancelled');
    perform cogo.settle_cancelled(cancelled);
    update cogo.jobs j set result = i.body -> 'result' from unnest(items) i where j.id = i.job_id and i.job_id = any (cancelled);
  end if;
  for i in 1..cardinality(awaiting) loop
    perform cogo.await_children(awaiting[i], (select x.body -> 'checkpoint' from unnest(items) x where x.job_id = awaiting[i]));
  end loop;

  with done as (
    update cogo.jobs j
       set state = 'succeeded', finished_at = clock_timestamp(), lease_token = null, lease_until = null,
           result = i.body -> 'result'
      from unnest(items) i
     where j.id = i.job_id and i.held and not i.cancel_requested and not (i.job_id = any (awaiting))
    returning j.id
  )
  select array_agg(d.id) into ended from done d;
  perform cogo.tell(ended, 'job.done', '{"state":"succeeded"}');

  select array_agg(i.job_id) into ended
    from unnest(items) i where i.held and (i.keyed or i.parented) and not (i.job_id = any (awaiting));
  if ended is not null then
    perform cogo.jobs_over(ended, ended);
  end if;
  return coalesce((
    select jsonb_agg(x.verdict order by x.job_id)
      from (select i.job_id, jsonb_build_object('job_id', i.job_id,
                   'verdict', case when not i.held then 'lost' when i.cancel_requested then 'cancelled' else 'ok' end,
                   'state', case when not i.held then null when i.cancel_requested then 'cancelled'
                                 when i.job_id = any (awaiting) then (select j.state from cogo.jobs j where j.id = i.job_id)
                                 else 'succeeded' end) as verdict
              from unnest(items) i
            union all
            select p.id, jsonb_build_object('job_id', p.id, 'verdict', 'ok', 'state', 'succeeded') from unnest(plain) p(id)) x), '[]');
end
$$;
revoke all on function cogo_api.finish(jsonb) from public;
grant execute on function cogo_api.finish(jsonb) to anon, authenticated, service_role;

-- sql/jobs/335_fn_turn.sql 2df9a4d355e47458
-- cogo_api.turn: finish and claim in one call and one transaction, which is what a busy worker does all day: half the calls and half
-- the commits. Returns {verdicts: as finish, jobs: as claim}; results are recorded when the answer is there, both or neither.
-- results: as finish, may be empty; the rest as claim. Errors: as finish and claim; then nothing was recorded, nor leased.
create or replace function cogo_api.turn(
  executor_id text, results jsonb, qty int default 1, lease_s int default 30, include_types text[] default null, epoch int default null)
returns json
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  verdicts text := '[]';
  taker    text;
begin
  if turn.results <> '[]' then
    -- hand_on need not ring where this call takes whatever comes next
    taker := set_config('cogo.taker', case when turn.include_types is null then turn.executor_id else '' end, true);
    verdicts := cogo_api.finish(turn.results);
    taker := set_config('cogo.taker', '', true);
  end if;
  return ('{"verdicts":' || verdicts || ',"jobs":'
    || cogo.take(turn.executor_id, turn.qty, turn.lease_s, turn.include_types, turn.epoch) || '}')::json;
end
$$;
revoke all on function cogo_api.turn(text, jsonb, int, int, text[], int) from public;
grant execute on function cogo_api.turn(text, jsonb, int, int, text[], int) to anon, authenticated, service_role;

-- sql/jobs/340_fn_fail.sql 90b4297ac0d9562b
-- cogo_api.fail: records failed attempts; returns [{job_id, verdict, state}] by job id.
-- failures: [{job_id, token, error:{code, message, reason?}, retryable, retry_after_s?}].
-- A retryable failure is tried again after retry_after_s, or after a full-jitter backoff: random() * least(60, 0.5 * 2^(failures - 1))
-- seconds; when max_attempts failures are spent the job is dead (exhausted_retries). One that is not retryable is dead at once, with
-- error.reason where that is a dead-letter reason, else validation_failed.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.fail(failures jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  items cogo.fenced_item[] := cogo.fenced(failures);
  item  record;
  job   cogo.jobs;
  error jsonb;
  delay double precision;
  held  uuid[] := '{}';
  over  uuid[] := '{}';
begin
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    error := coalesce(item.body -> 'error', '{}');
    perform cogo.close_attempts(array[item.job_id], case when item.cancel_requested then 'cancelled' else 'failed' end, error);
    update cogo.jobs j set failures = j.failures + 1 where j.id = item.job_id returning j.* into job;
    update cogo.job_payloads p set error = item.body -> 'error' where p.project_id = job.project_id and p.job_id = job.id;
    held := held || item.job_id;
    if item.cancel_requested then
      perform cogo.settle_cancelled(array[item.job_id]);
      over := over || item.job_id;
    elsif not coalesce((item.body ->> 'retryable')::boolean, true) then
      perform cogo.bury_job(job.id, error ->> 'reason', 'validation_failed', error);
      over := over || item.job_id;
    elsif job.failures >= job.max_attempts then
      perform cogo.bury_job(job.id, 'exhausted_retries', 'exhausted_retries', error);
      over := over || item.job_id;
    else
      delay := coalesce(
        least(greatest((item.body ->> 'retry_after_s')::double precision, 0), 2592000),
        random() * least(60, 0.5 * power(2, job.failures - 1)));
      update cogo.jobs j
         set state = 'scheduled', run_at = clock_timestamp() + make_interval(secs => delay), lease_token = null, lease_until = null
       where j.id = job.id;
      perform cogo.tell(array[job.id], 'job.retry',
        jsonb_build_object('failures', job.failures, 'delay_s', round(delay::numeric, 3), 'error', error));
    end if;
  end loop;
  perform cogo.jobs_over(over, held);
  return cogo.verdicts(items);
exception
  when invalid_text_representation or numeric_value_out_of_range then
    perform cogo.fail('CG000', 'retryable must be true or false, retry_after_s a number', jsonb_build_object('reason', sqlerrm));
end
$$;
revoke all on function cogo_api.fail(jsonb) from public;
grant execute on function cogo_api.fail(jsonb) to anon, authenticated, service_role;

-- sql/jobs/350_fn_release.sql 37a892d1ebc39fe3
-- cogo_api.release: hands leases back without a result (drain, wall limit, a voluntary yield); costs no attempt of max_attempts.
-- releases: [{job_id, token, checkpoint?, steps?, children?, await?}]; returns [{job_id, verdict, state}] by job id. The job is queued
-- again at once and its next claim gets the checkpoint; with await it is blocked until its children are over.
-- Errors: CG001/CG002/CG000 as fenced.
create or replace function cogo_api.release(releases jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  items     cogo.fenced_item[];
  item      record;
  again     uuid[] := '{}';
  cancelled uuid[] := '{}';
begin
  perform cogo.lock_children(releases);
  items := cogo.fenced(releases);
  perform cogo.store_steps(items);
  perform cogo.spawn_children(items);
  for item in select i.* from unnest(items) i where i.held order by i.job_id loop
    if item.cancel_requested then
      cancelled := cancelled || item.job_id;
    elsif item.body -> 'await' = 'true' then
      perform cogo.await_children(item.job_id, item.body -> 'checkpoint');
    else
      again := again || item.job_id;
    end if;
  end loop;
  perform cogo.close_attempts(cancelled, 'cancelled');
  perform cogo.settle_cancelled(cancelled);
  perform cogo.close_attempts(again, 'released');
  update cogo.job_payloads p set checkpoint = i.body -> 'checkpoint'
    from unnest(items) i join cogo.jobs j on j.id = i.job_id
   where p.project_id = j.project_id and p.job_id = j.id and i.job_id = any (again) and jsonb_typeof(i.body -> 'checkpoint') <> 'null';
  update cogo.jobs j set releases = j.releases + 1 where j.id = any (again);
  perform cogo.tell(again, 'job.released', '{}');
  -- a released job keeps its slot: it is runnable now
  perform cogo.push_jobs(again);
  perform cogo.jobs_over(cancelled, cancelled);
  return cogo.verdicts(items);
end
$$;
revoke all on function cogo_api.release(jsonb) from public;
grant execute on function cogo_api.release(jsonb) to anon, authenticated, service_role;

-- sql/jobs/360_fn_cancel.sql 0be8d846762f6c74
-- cogo_api.cancel: cancels a job, and unless children is false what is below it and not over; returns {job_id, state,
-- cancel_requested, children}. Those that do not run are cancelled at once; running ones are asked to stop (by their next beat, and by
-- the doorbell) and count as cancelled when their worker reports or loses the lease. children: how many below it this call cancelled
-- or asked to stop. Again on a cancelled job is harmless. Needs editor.
-- Errors: CG003 as readable_job; CG022 the job succeeded or is dead.
create or replace function cogo_api.cancel(job_id uuid, children boolean default true)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job    cogo.jobs := cogo.readable_job(cancel.job_id, 'editor');
  ids    uuid[] := cogo.lock_family(job.id, coalesce(children, true));
  asked  uuid[];
  ended  uuid[];
  queued uuid[];
  item   record;
begin
  select j.* into job from cogo.jobs j where j.id = job.id;
  if not found then
    job := cogo.readable_job(cancel.job_id, 'editor');
  end if;
  if job.state in ('succeeded', 'dead') then
    perform cogo.fail('CG022', format('the job is %s already', job.state), jsonb_build_object('state', job.state));
  end if;
  select coalesce(array_agg(j.id) filter (where j.state = 'running'), '{}'),
         coalesce(array_agg(j.id) filter (where j.state in ('scheduled', 'blocked', 'queued')), '{}'),
         coalesce(array_agg(j.id) filter (where j.state = 'queued'), '{}')
    into asked, ended, queued
    from cogo.jobs j
   where j.id = any (ids) and j.state not in ('succeeded', 'dead', 'cancelled') and (j.state <> 'running' or j.cancel_requested_at is null);
  update cogo.jobs j set cancel_requested_at = clock_timestamp() where j.id = any (asked || ended);
  for item in select j.id, j.executor_id from cogo.jobs j where j.id = any (asked) order by j.id loop
    perform cogo.tell(array[item.id], 'job.cancel_requested', jsonb_build_object('executor_id', item.executor_id));
    perform cogo.hint('agents:' || item.executor_id, 'cancel', jsonb_build_object('job_id', item.id));
  end loop;
  for item in
    select j.lane, array_agg(j.msg_id order by j.msg_id) as messages
      from cogo.jobs j where j.id = any (queued) and j.msg_id is not null group by j.lane order by j.lane
  loop
    perform cogo.drop_messages(item.lane, item.messages);
  end loop;
  perform cogo.settle_cancelled(ended);
  perform cogo.jobs_over(ended, queued);
  job := cogo.readable_job(cancel.job_id, 'editor');
  return jsonb_build_object('job_id', job.id, 'state', job.state, 'cancel_requested', job.cancel_requested_at is not null,
    'children', cardinality(array_remove(asked || ended, job.id)));
end
$$;
revoke all on function cogo_api.cancel(uuid, boolean) from public;
grant execute on function cogo_api.cancel(uuid, boolean) to anon, authenticated, service_role;

-- sql/jobs/370_fn_redrive.sql 208eee5b47122ba3
-- cogo_api.redrive: makes a new job from a dead one and links the two; returns {job_id, state, duplicate, redriven_from}. Again on
-- the same dead job returns the job made then (duplicate = true). Needs editor.
-- Errors: CG003 as readable_job; CG022 the job is not dead.
create or replace function cogo_api.redrive(job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job    cogo.jobs := cogo.readable_job(redrive.job_id, 'editor');
  letter cogo.job_dead;
  made   uuid := cogo.new_job_id(clock_timestamp());
begin
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = redrive.job_id;
  if not found then
    job := cogo.readable_job(redrive.job_id, 'editor');
  end if;
  select d.* into letter from cogo.job_dead d where d.job_id = redrive.job_id;
  if job.state <> 'dead' or letter.job_id is null then
    perform cogo.fail('CG022', format('only a dead job is redriven, this one is %s', job.state), jsonb_build_object('state', job.state));
  end if;
  if letter.redriven_to is not null then
    return jsonb_build_object('job_id', letter.redriven_to, 'duplicate', true, 'redriven_from', job.id,
      'state', coalesce((select j.state from cogo.jobs j where j.id = letter.redriven_to), 'forgotten'));
  end if;
  insert into cogo.jobs (id, project_id, type, lane, band, state, max_attempts, pinned_executor_id, concurrency_key, parent_id,
                         batch_id, trace_id, redriven_from, created_by)
  values (made, job.project_id, job.type, job.lane, job.band, 'scheduled', job.max_attempts, job.pinned_executor_id,
    job.concurrency_key, job.parent_id, job.batch_id, job.trace_id, job.id, cogo.principal());
  insert into cogo.job_payloads (job_id, project_id, input, checkpoint)
  select made, p.project_id, p.input, p.checkpoint from cogo.job_payloads p
   where p.project_id = job.project_id and p.job_id = job.id;
  if job.parent_id is not null then
    update cogo.jobs p set pending_children = p.pending_children + 1 where p.id = job.parent_id;
  end if;
  perform cogo.tell(array[made], 'job.enqueued', jsonb_build_object('type', job.type, 'redriven_from', job.id));
  update cogo.job_dead d set redriven_to = made where d.job_id = job.id;
  perform cogo.admit_jobs(array[made]);
  return jsonb_build_object('job_id', made, 'duplicate', false, 'redriven_from', job.id,
    'state', (select j.state from cogo.jobs j where j.id = made));
end
$$;
revoke all on function cogo_api.redrive(uuid) from public;
grant execute on function cogo_api.redrive(uuid) to anon, authenticated, service_role;

-- sql/jobs/380_fn_pin.sql 281bcfc517c49689
-- cogo_api.pin: binds a job that does not run to one executor, or frees it (executor_id null); returns {job_id, state,
-- pinned_executor_id}. Needs editor.
-- Errors: CG003 as readable_job; CG004 malformed id; CG022 the job runs or is over.
create or replace function cogo_api.pin(job_id uuid, executor_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
set seq_page_cost = 40
as $$
declare
  job cogo.jobs := cogo.readable_job(pin.job_id, 'editor');
begin
  if pin.executor_id !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
    perform cogo.fail('CG004', 'executor_id is malformed', jsonb_build_object('field', 'executor_id'));
  end if;
  perform cogo.lock_jobs(array[job.id]);
  select j.* into job from cogo.jobs j where j.id = pin.job_id;
  if not found then
    job := cogo.readable_job(pin.job_id, 'editor');
  end if;
  if job.state not in ('scheduled', 'blocked', 'queued') then
    perform cogo.fail('CG022', format('a job that is %s cannot be pinned', job.state), jsonb_build_object('state', job.state));
  end if;
  if job.state = 'queued' then
    if job.msg_id is not null then
      perform cogo.drop_messages(job.lane, array[job.msg_id]);
    end if;
    -- out of queued for a moment: queued, pin and message change together
    update cogo.jobs j set state = 'scheduled', msg_id = null, pinned_executor_id = pin.executor_id where j.id = job.id;
    perform cogo.push_jobs(array[job.id]);
  else
    update cogo.jobs j set pinned_executor_id = pin.executor_id where j.id = job.id;
    -- a pinned job has no turn to wait for
    if job.blocked_on = 'turn' and pin.executor_id is not null then
      perform cogo.push_jobs(array[job.id]);
    end if;
  end if;
  return (select jsonb_build_object('job_id', j.id, 'state', j.state, 'pinned_executor_id', j.pinned_executor_id)
            from cogo.jobs j where j.id = pin.job_id);
end
$$;
revoke all on function cogo_api.pin(uuid, text) from public;
grant execute on function cogo_api.pin(uuid, text) to anon, authenticated, service_role;

-- sql/jobs/390_fn_job_status.sql 07412c8515f8d322
-- cogo_api.job_status: {job_id, project_id, type, state, attempt, failures, lease_losses, releases, max_attempts, progress, result,
-- error, reason, created_at, run_at, started_at, finished_at, trace_id, executor_id, pinned_executor_id, parent_id, redriven_from,
-- redriven_to, cancel_requested}. reason: why a dead job is dead. Needs viewer. Error: CG003.
create or replace function cogo_api.job_status(job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  job cogo.jobs := cogo.readable_job(job_status.job_id, 'viewer');
begin
  return (
    select cogo.job_json(job) || jsonb_build_object(
             'progress', coalesce(p.progress, h.progress), 'result', job.result, 'error', coalesce(p.error, h.error),
             'reason', d.reason, 'redriven_to', d.redriven_to)
      from (select job.id, job.project_id) j
      left join cogo.job_payloads p on p.project_id = j.project_id and p.job_id = j.id
      left join cogo.jobs_history h on h.id = j.id and p.job_id is null
      left join cogo.job_dead d on d.job_id = j.id);
end
$$;
revoke all on function cogo_api.job_status(uuid) from public;
grant execute on function cogo_api.job_status(uuid) to anon, authenticated, service_role;

-- sql/jobs/440_fn_sweep.sql 0bc9e5c4034d3e57
-- cogo_api.sweep: what no caller does: dead executors, expired leases, due jobs, free slots, lost messages, low watermarks. Scheduled every second; one
-- at a time (a second one returns {skipped: true}); each part takes a bounded bite. Returns {expired, dead, due, promoted, resent,
-- executors_dead}.
-- Error: CG002 not the server.
create or replace function cogo_api.sweep()
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set seq_page_cost = 40
as $$
declare
  moment   timestamptz := clock_timestamp();
  -- now and then from the beginning, for a claim that took longer than a minute to commit
  seen     timestamptz := case when random() < 0.02 then '-infinity' else to_timestamp((select s.last_value from cogo.leases_seen s) / 1000000.0) end;
  lapsed   jsonb;
  died     text[];
  late     uuid[];
  due      uuid[];
  promoted int;
  resent   int;
begin
  perform cogo.require_service();
  if not pg_try_advisory_xact_lock(hashtextextended('cogo.sweep', 0)) then
    return jsonb_build_object('skipped', true);
  end if;
  -- an executor that missed three beats it promised: what it holds is free at once
  with gone as (
    update cogo.executors e set dead_at = clock_timestamp()
     where e.id in (select x.id from cogo.executors x
                     where x.dead_at is null and x.stopped_at is null and x.last_seen < clock_timestamp() - make_interval(secs => 3 * x.beat_s)
                     order by x.id for update skip locked)
    returning e.id
  )
  select coalesce(array_agg(g.id), '{}') into died from gone g;
  if cardinality(died) > 0 then
    update cogo.jobs j set lease_until = moment
     where j.id in (select x.id from cogo.jobs x where x.state = 'running' and x.executor_id = any (died) order by x.id for update skip locked);
  end if;
  late := array(
    select j.id from cogo.jobs j
     where j.state = 'running' and j.lease_until <= moment and j.lease_until >= seen
     order by j.lease_until limit 500);
  due := array(select j.id from cogo.jobs j where j.state = 'scheduled' and j.run_at <= clock_timestamp() order by j.run_at limit 1000);
  -- one pass over all locks, in their order: taking the second set while holding the first could meet a finish in a circle
  perform cogo.lock_jobs(late || due);
  lapsed := cogo.expire_leases(late);
  -- also down, after the clock was set back; not past what this bite left
  if cardinality(late) < 500 and abs(extract(epoch from moment - interval '1 minute' - seen)) > 10 then
    perform setval('cogo.leases_seen', (extract(epoch from moment - interval '1 minute') * 1000000)::bigint);
  end if;
  -- again under the lock: one of them may have been cancelled meanwhile
  due := array(select j.id from cogo.jobs j where j.id = any (due) and j.state = 'scheduled' and j.run_at <= clock_timestamp());
  perform cogo.admit_jobs(due);
  promoted := cogo.fill_slots(200);
  resent := cogo.reconcile_lanes(500);
  return lapsed || jsonb_build_object('due', cardinality(due), 'promoted', promoted, 'resent', resent,
    'executors_dead', cardinality(died));
end
$$;
revoke all on function cogo_api.sweep() from public;
grant execute on function cogo_api.sweep() to service_role;

-- sql/jobs/465_fn_move_to_history.sql a14735fcc2b8dd8c
-- cogo.move_to_history: moves up to lim jobs that succeeded or were cancelled over an hour ago, and whose parent is over, to
-- jobs_history, with their payloads; their steps and closed attempts go. Returns how many.
create or replace function cogo.move_to_history(lim int, older_than interval default '1 hour')
returns int
language plpgsql
set search_path = ''
as $$
declare
  ids uuid[];
begin
  ids := array(
    select j.id from cogo.jobs j
     where j.id < cogo.new_job_id(clock_timestamp() - older_than)
       and j.state in ('succeeded', 'cancelled') and j.finished_at < clock_timestamp() - older_than
       and (j.parent_id is null or not exists (select from cogo.jobs p where p.id = j.parent_id and p.finished_at is null))
     order by j.id
     limit lim
       for update skip locked);
  if cardinality(ids) = 0 then
    return 0;
  end if;
  insert into cogo.jobs_history
  select j.*, p.input, p.error, p.progress
    from cogo.jobs j left join cogo.job_payloads p on p.project_id = j.project_id and p.job_id = j.id where j.id = any (ids);
  -- the history has no attempts: starts that can't be read off any more are stored, and nobody is told of them again
  insert into cogo.job_events (id, job_id, project_id, kind, data, quiet, at)
  select (extract(epoch from a.started_at) * 1000000)::bigint, a.job_id, a.project_id, 'job.started',
         jsonb_build_object('attempt', a.attempt, 'executor_id', a.executor_id), true, a.started_at
    from cogo.job_attempts a
   where a.job_id = any (ids)
     and not exists (
       select from cogo.job_events e
        where e.job_id = a.job_id and e.kind = 'job.started' and (e.data ->> 'attempt')::int = a.attempt);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p using cogo.jobs j where j.id = any (ids) and p.project_id = j.project_id and p.job_id = j.id;
  delete from cogo.jobs j where j.id = any (ids);
  return cardinality(ids);
end
$$;

-- sql/jobs/470_fn_housekeeping.sql 459176f8e9024e9e
-- cogo.housekeeping: deletes what nobody needs any more, hourly, in bounded bites: expired idempotency keys, full rate buckets, traces and
-- their events after 30 days, job keys after their 7 days, job events after 14 days, dead jobs after 30, the history of jobs after 13 weeks, executors unseen for 30
-- days, and the run log
-- of pg_cron, which never cleans itself (a job every second writes 86,400 rows a day). Also makes the HNSW indexes
-- that have become worth it, and the jobs that delete what nobody needs from Storage.
create or replace function cogo.housekeeping()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  moment timestamptz := clock_timestamp();
  ids    uuid[];
begin
  perform cogo.require_service();
  delete from cogo.idempotency_keys k
   where (k.principal, k.function, k.key) in (
     select x.principal, x.function, x.key from cogo.idempotency_keys x where x.expires_at < moment limit 10000);
  delete from cogo.rate_buckets b where b.bucket in (select x.bucket from cogo.rate_buckets x where x.full_at < moment - interval '1 hour' limit 10000);
  delete from cogo.bus_events e where e.id in (select x.id from cogo.bus_events x where x.created_at < moment - interval '30 days' limit 20000);
  delete from cogo.traces t where t.trace_id in (select x.trace_id from cogo.traces x where x.created_at < moment - interval '30 days' limit 10000);
  delete from cogo.job_keys k where (k.project_id, k.key) in (
    select x.project_id, x.key from cogo.job_keys x where x.expires_at < moment limit 10000);
  perform cogo.keep_partitions();
  perform cogo.move_to_history(20000);
  ids := array(select j.id from cogo.job_dead d join cogo.jobs j on j.id = d.job_id where d.at < moment - interval '30 days' limit 5000);
  delete from cogo.job_steps s where s.job_id = any (ids);
  delete from cogo.job_attempts a where a.job_id = any (ids);
  delete from cogo.job_payloads p using cogo.jobs j where j.id = any (ids) and p.project_id = j.project_id and p.job_id = j.id;
  delete from cogo.jobs j where j.id = any (ids);
  delete from cogo.job_batches b where b.id in (select x.id from cogo.job_batches x where x.created_at < moment - interval '91 days' limit 5000);
  delete from cogo.executors e where e.last_seen < moment - interval '30 days';
  perform cogo.clean_storage();
  perform cogo.ensure_vector_indexes();
  if to_regclass('cron.job_run_details') is not null then
    begin
      delete from cron.job_run_details d where d.end_time < moment - interval '1 day';
      delete from cron.job_run_details d
       where d.end_time < moment - interval '10 minutes' and d.status = 'succeeded' and d.jobid in (select j.jobid from cron.job j where j.jobname = 'cogo-doorbell');
    exception when insufficient_privilege or undefined_column then
      null;
    end;
  end if;
end
$$;

-- sql/jobs/910_grants.sql 296bad55219eb37c
-- Nothing in cogo is for the API roles but the functions that policies on realtime.messages and storage.objects
-- call. Every migration that adds functions runs this again.
revoke all on all tables in schema cogo from public, anon, authenticated, service_role;
revoke all on all sequences in schema cogo from public, anon, authenticated, service_role;
revoke all on all functions in schema cogo from public, anon, authenticated, service_role;
grant execute on function cogo.can_read_topic(text), cogo.can_write_topic(text), cogo.can_read_artifact(text),
  cogo.can_write_artifact(text) to anon, authenticated, service_role;

-- sql/jobs/920_artifacts.sql 86579971438d63be
-- by hand

-- end of what is built
