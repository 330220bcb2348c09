-- cogo_api.index_entries: how far each file of a repository is from an entry point once this run is published: steps along imports (a
-- computed import counts twice), from the files the run has put and those it leaves as they are. Only distances that changed are
-- written. Shown at once, a moment before the run is: it is a tie-break only. Returns {files, changed, deepest}.
-- Errors: CG003/CG031 as running_run.
create function cogo_api.index_entries(run_id uuid, entries text[])
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  run      cogo.index_runs := cogo.running_run(index_entries.run_id);
  seen     text[] := '{}';
  depths   int[] := '{}';
  -- reached one step from now, and two
  ring     text[] := entries;
  later    text[] := '{}';
  next     text[];
  changed  int;
  dropped  int;
begin
  for step in 0 .. 1000 loop
    exit when cardinality(ring) = 0 and cardinality(later) = 0;
    -- a package, or a file that is gone, is no step
    ring := array(
      select distinct k from unnest(ring) k
       where k <> all (seen)
         and exists (select from cogo.source_files f
                      where f.repo_id = run.repo_id and f.path = k and f.dropped_by is distinct from run.generation));
    seen := seen || ring;
    depths := depths || array_fill(step, array[cardinality(ring)]);
    next := later;
    select next || coalesce(array_agg(distinct e.to_key) filter (where e.provenance <> 'pattern'), '{}'),
           coalesce(array_agg(distinct e.to_key) filter (where e.provenance = 'pattern'), '{}')
      into next, later
      from cogo.code_relationships e
      join cogo.source_files f on f.id = e.file_id
     where e.repo_id = run.repo_id and e.kind = 'imports' and e.from_key = any (ring)
       and f.dropped_by is distinct from run.generation
       and (e.generation = run.generation
            or not exists (select from cogo.source_files n
                            where n.repo_id = run.repo_id and n.generation = run.generation and n.path = f.path));
    ring := next;
  end loop;
  with wanted as (
    select d.path, min(d.distance) as distance from unnest(seen, depths) as d(path, distance) group by d.path
  ),
  written as (
    insert into cogo.entry_distances as d (repo_id, project_id, path, distance)
    select run.repo_id, run.project_id, w.path, w.distance from wanted w
    on conflict on constraint entry_distances_pkey do update set distance = excluded.distance where d.distance <> excluded.distance
    returning 1
  ),
  gone as (
    delete from cogo.entry_distances d where d.repo_id = run.repo_id and d.path <> all (seen) returning 1
  )
  select (select count(*) from written), (select count(*) from gone) into changed, dropped;
  return jsonb_build_object('files', cardinality(seen), 'changed', changed + dropped, 'deepest', coalesce((select max(x) from unnest(depths) x), 0));
end
$$;
revoke all on function cogo_api.index_entries(uuid, text[]) from public;
grant execute on function cogo_api.index_entries(uuid, text[]) to anon, authenticated, service_role;
