-- cogo.near_edges: the published relationships that start (direction 'out') or end ('in') at any of the given keys of one repository,
-- static and seen at run time merged: a call of both has the static row's place and the weight of what was seen; one that was only
-- seen has provenance 'runtime' and confidence 1. Strongest first: seen, then confident.
create function cogo.near_edges(repo_id bigint, keys text[], direction text, kinds text[], min_confidence real, lim int)
returns table (from_key text, to_key text, kind text, via text, provenance text, confidence real, sites int, line int,
               weight double precision, observed_at timestamptz)
language sql
stable
set search_path = ''
as $$
  with static as (
    select e.from_key, e.to_key, e.kind, e.via, e.provenance, e.confidence, e.sites, e.line
      from cogo.repos r
      join cogo.code_relationships e on e.repo_id = r.id and e.generation <= r.generation
     where r.id = near_edges.repo_id
       and case direction when 'out' then e.from_key = any (keys) else e.to_key = any (keys) end
       and e.kind = any (kinds) and e.confidence >= min_confidence
  ),
  seen as (
    select c.from_key, c.to_key, c.count, c.observed_at
      from cogo.runtime_calls c
     where 'calls' = any (kinds) and c.repo_id = near_edges.repo_id
       and case direction when 'out' then c.from_key = any (keys) else c.to_key = any (keys) end
  )
  select a.*
    from (
      select s.from_key, s.to_key, s.kind, s.via, s.provenance, s.confidence, s.sites, s.line,
             cogo.call_weight(o.count, o.observed_at) as weight, o.observed_at
        from static s
        left join seen o on s.kind = 'calls' and o.from_key = s.from_key and o.to_key = s.to_key
      union all
      select o.from_key, o.to_key, 'calls', null, 'runtime', 1, 1, null, cogo.call_weight(o.count, o.observed_at), o.observed_at
        from seen o
       where not exists (select from static s where s.kind = 'calls' and s.from_key = o.from_key and s.to_key = o.to_key)
    ) a
   order by a.weight desc nulls last, a.confidence desc, a.from_key, a.to_key, a.kind
   limit lim
$$;
