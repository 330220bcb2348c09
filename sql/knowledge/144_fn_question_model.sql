-- cogo.question_model: the project's current model, when the vector of a question is one of it.
-- Errors: CG031 the vector is of another model or fingerprint (a switch came between): make it anew; CG000 wrong number of dimensions.
create function cogo.question_model(project_id uuid, embedder text, fingerprint text, dims int)
returns cogo.embedding_models
language plpgsql
stable
set search_path = ''
as $$
declare
  current cogo.embedding_models := cogo.current_model(question_model.project_id);
begin
  if coalesce(question_model.embedder, 'hash-1024-v1') <> current.name
     or (current.project_id is not null and question_model.fingerprint is distinct from current.fingerprint) then
    perform cogo.fail('CG031', format('the project answers with vectors of %s', current.name),
      jsonb_build_object('model', current.name, 'given', question_model.embedder), 'Make the vector with that model and ask again');
  end if;
  if question_model.dims <> current.dims then
    perform cogo.fail('CG000', format('the vector must have %s dimensions', current.dims), jsonb_build_object('dims', question_model.dims));
  end if;
  return current;
end
$$;
