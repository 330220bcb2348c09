-- cogo.model_json: what a maker of vectors must know of a model.
create function cogo.model_json(m cogo.embedding_models)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('name', m.name, 'dims', m.dims, 'fingerprint', m.fingerprint, 'max_tokens', m.max_tokens,
    'semantic', m.semantic, 'status', m.status)
$$;
