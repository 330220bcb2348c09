-- cogo.find_nodes: the published symbols a caller means, best first. symbol: a key (path#Outer.name), or a qualified or plain name,
-- whatever its letter case. path: the file it stands in, or the end of its path. Without a symbol, the file itself. node_id beats both.
create function cogo.find_nodes(project_id uuid, symbol text, path text, repo text, node_id bigint, lim int)
returns setof cogo.ast_nodes
language plpgsql
stable
set search_path = ''
as $$
declare
  last_part text := lower(substring(symbol from '[^.#]+$'));
  -- what must stand at the end of the key's name
  whole     text := lower(substring(symbol from '[^#]+$'));
begin
  if node_id is not null then
    return query
      select n.* from cogo.ast_nodes n join cogo.repos r on r.id = n.repo_id and n.generation <= r.generation
       where n.id = find_nodes.node_id and n.project_id = find_nodes.project_id;
  elsif symbol is null or strpos(symbol, '#') > 0 then
    return query
      select n.* from cogo.repos r
        join cogo.ast_nodes n on n.repo_id = r.id and n.generation <= r.generation
       where r.project_id = find_nodes.project_id and (find_nodes.repo is null or r.repo = find_nodes.repo)
         and n.key = coalesce(find_nodes.symbol, find_nodes.path)
       order by r.repo
       limit lim;
  else
    return query
      select n.* from cogo.ast_nodes n
        join cogo.repos r on r.id = n.repo_id and n.generation <= r.generation
       where n.project_id = find_nodes.project_id and lower(n.name) = last_part
         and (find_nodes.repo is null or r.repo = find_nodes.repo)
         and right('.' || lower(regexp_replace(substring(n.key from '#(.*)$'), '~\d+$', '')), length(whole) + 1) = '.' || whole
         and (find_nodes.path is null or split_part(n.key, '#', 1) = find_nodes.path
              or right(split_part(n.key, '#', 1), length(find_nodes.path) + 1) = '/' || find_nodes.path)
       order by (strpos(n.key, symbol) > 0) desc, n.exported desc, (n.kind in ('function', 'class', 'interface', 'type', 'method')) desc,
                length(n.key), n.key
       limit lim;
  end if;
end
$$;
