-- cogo_api.lexicon: {n, avg_length, df:{term: count}} of the project's published chunks, for the query side of idf. Terms nobody
-- uses are left out of df. Needs viewer.
create function cogo_api.lexicon(project_id uuid, terms text[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  current cogo.embedding_models := cogo.current_model(lexicon.project_id);
begin
  perform cogo.require_role(lexicon.project_id, 'viewer');
  return jsonb_build_object(
    'n', coalesce((select s.chunks from cogo.lex_stats s where s.project_id = lexicon.project_id), 0),
    'avg_length', coalesce((select s.total_length::double precision / nullif(s.chunks, 0)
                              from cogo.lex_stats s where s.project_id = lexicon.project_id), 0),
    'df', coalesce((
      select jsonb_object_agg(t.term, t.df)
        from cogo.lex_terms t
       where t.project_id = lexicon.project_id and t.term = any (lexicon.terms) and t.df > 0), '{}'))
    || case when current.project_id is null then '{}'
            else jsonb_build_object('model', cogo.model_json(current)) end;
end
$$;
revoke all on function cogo_api.lexicon(uuid, text[]) from public;
grant execute on function cogo_api.lexicon(uuid, text[]) to anon, authenticated, service_role;
