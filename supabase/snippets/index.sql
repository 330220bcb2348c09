-- What is indexed: files, chunks and warnings of each repository, and how its last run ended.
select p.slug, r.repo, r.generation, left(r.commit_sha, 12) as commit, r.published_at,
       (select count(*) from cogo.source_files f where f.repo_id = r.id and f.generation <= r.generation) as files,
       (select count(*) from cogo.chunks c where c.project_id = r.project_id and c.repo_id = r.id and c.generation <= r.generation) as chunks,
       (select count(*) from cogo.source_files f where f.repo_id = r.id and f.warning is not null) as warnings,
       last.state as last_run, last.reason
  from cogo.repos r
  join cogo.projects p on p.id = r.project_id
  left join lateral (select x.state, x.reason from cogo.index_runs x where x.repo_id = r.id order by x.generation desc limit 1) last on true
 order by p.slug, r.repo;
