-- cogo_api.index_finish: publishes a run in one transaction: what it replaced or deleted goes, df and lengths are brought up to
-- date by the difference, and the repository shows the new generation. Cost follows the size of the change, not of the project.
-- stats.clean, when given, replaces the run's meta.clean: only the end tells. Returns {generation, files, chunks, removed_files} (files and chunks: of the whole repository now).
-- Errors: CG003/CG031 as running_run.
create function cogo_api.index_finish(run_id uuid, stats jsonb default '{}')
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
