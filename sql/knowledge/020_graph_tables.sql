-- Knowledge: the code graph. Symbols, their relationships, imports that lead nowhere, what was seen at run time, and how far each
-- file is from an entry point.
--
-- Keys. A file is its path; a symbol is path#Name or path#Outer.name, a second one of the same name path#name~2. Relationships name
-- both ends by key, so a changed file replaces its own rows and nothing else: rows of other files that point into it stay true for as
-- long as the symbol keeps its name, and a key nobody defines is passed over when read.
-- Rows belong to a file of a generation (source_files) and go with it, and so with its repository and project; readers see generation <= the published one.
create table cogo.ast_nodes (
  id            bigint generated always as identity primary key,
  project_id    uuid not null,
  repo_id       bigint not null,
  file_id       bigint not null references cogo.source_files (id) on delete cascade,
  generation    bigint not null,
  key           text collate "C" not null,
  kind          text not null,
  -- the last part of the key's name; of a file its path
  name          text not null,
  signature     text,
  doc           text,
  exported      boolean not null default false,
  start_line    int not null,
  start_column  int not null,
  end_line      int not null,
  end_column    int not null,
  constraint ast_nodes_key unique (file_id, key),
  constraint ast_nodes_lines check (start_line >= 1 and end_line >= start_line)
);
create index ast_nodes_by_key on cogo.ast_nodes (repo_id, key);
create index ast_nodes_by_name on cogo.ast_nodes (project_id, lower(name));

create table cogo.code_relationships (
  id            bigint generated always as identity primary key,
  project_id    uuid not null,
  repo_id       bigint not null,
  file_id       bigint not null references cogo.source_files (id) on delete cascade,
  generation    bigint not null,
  from_key      text collate "C" not null,
  to_key        text collate "C" not null,
  kind          text not null,
  -- how a file imports: static, type, reexport, dynamic, require, maybe
  via           text,
  provenance    text not null,
  confidence    real not null default 1,
  -- how many places in the file say so, and the first of them
  sites         int not null default 1,
  line          int not null,
  col           int not null,
  constraint code_relationships_kind_known check (kind in
    ('contains', 'imports', 'extends', 'implements', 'calls', 'references', 'uses_type', 'links')),
  constraint code_relationships_confidence check (confidence between 0 and 1)
);
create index code_relationships_file on cogo.code_relationships (file_id);
create index code_relationships_from on cogo.code_relationships (repo_id, from_key);
create index code_relationships_to on cogo.code_relationships (repo_id, to_key);

-- What a file's rows depend on beyond its own text, so that a run knows whom to read again when another file changes.
create table cogo.graph_files (
  file_id     bigint not null references cogo.source_files (id) on delete cascade,
  project_id  uuid not null,
  -- hash of what others see of the file: the names it gives out or passes on, members, base classes; of a configuration what settles
  -- where imports lead. A change that leaves it alone concerns no other file.
  surface     text,
  -- stems (paths without ending or /index) of the files whose surfaces the rows depend on; ? where any new file may matter
  looks_at    text[] not null default '{}',
  -- hash of its relationships and unresolved imports
  hash        text,
  constraint graph_files_pkey primary key (file_id)
);

-- Imports that could not be resolved, each with its reason.
create table cogo.unresolved_imports (
  file_id     bigint not null references cogo.source_files (id) on delete cascade,
  project_id  uuid not null,
  nth         int not null,
  specifier   text not null,
  kind        text not null,
  reason      text not null,
  detail      text,
  line        int not null,
  constraint unresolved_imports_pkey primary key (file_id, nth)
);

-- Calls that were seen to happen. By key and without a file, so they outlive every re-index; count decays with time (see
-- cogo.call_weight), and nothing seen or not seen ever removes a static relationship.
create table cogo.runtime_calls (
  repo_id      bigint not null references cogo.repos (id) on delete cascade,
  project_id   uuid not null references cogo.projects (id) on delete cascade,
  from_key     text collate "C" not null,
  to_key       text collate "C" not null,
  -- as of observed_at
  count        double precision not null,
  observed_at  timestamptz not null,
  constraint runtime_calls_pkey primary key (repo_id, from_key, to_key),
  constraint runtime_calls_count check (count > 0)
);
create index runtime_calls_to on cogo.runtime_calls (repo_id, to_key);

-- Steps from the nearest entry point, by imports. A file no entry reaches has no row.
create table cogo.entry_distances (
  repo_id     bigint not null references cogo.repos (id) on delete cascade,
  project_id  uuid not null references cogo.projects (id) on delete cascade,
  path        text collate "C" not null,
  distance    int not null,
  constraint entry_distances_pkey primary key (repo_id, path),
  constraint entry_distances_steps check (distance >= 0)
);

alter table cogo.ast_nodes enable row level security;
alter table cogo.code_relationships enable row level security;
alter table cogo.graph_files enable row level security;
alter table cogo.unresolved_imports enable row level security;
alter table cogo.runtime_calls enable row level security;
alter table cogo.entry_distances enable row level security;
