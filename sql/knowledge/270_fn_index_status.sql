-- cogo_api.index_status: {chunks, terms, avg_length, repos:[{repo, generation, commit_sha, meta, published_at, files, chunks, warnings,
-- last_run:{run_id, state, generation, files, chunks, started_at, finished_at, stats, reason}}], accelerators:{pg_textsearch, pgroonga}}.
-- accelerators: absent, available (could be created) or installed; a search uses neither (docs/decisions/010). Needs viewer.
create function cogo_api.index_status(project_id uuid)
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
