-- cogo.drop_files: removes files with their chunks, postings and vectors. Postings go by the terms each chunk lists.
-- Does not touch df or lex_stats: the caller knows whether the rows were counted.
create function cogo.drop_files(file_ids bigint[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(cardinality(file_ids), 0) = 0 then
    return;
  end if;
  delete from cogo.lex_postings p
   using (select unnest(c.term_ids) as term_id, c.id as chunk_id from cogo.chunks c where c.file_id = any (file_ids)) gone
   where p.term_id = gone.term_id and p.chunk_id = gone.chunk_id;
  delete from cogo.chunks c where c.file_id = any (file_ids);
  delete from cogo.source_files f where f.id = any (file_ids);
end
$$;
