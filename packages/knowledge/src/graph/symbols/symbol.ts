/** A definition, or a file (`kind: 'module'`, its key the path). As `cogo_api.index_graph` takes it. */
export interface GraphNode {
  /** `path`, or `path#Name`, `path#Outer.name`; a second one of a name in one place `…~2`. */
  key: string;
  kind: string;
  /** Last part of the name; of a file its path. */
  name: string;
  signature?: string;
  /** The comment before it, without its marks. */
  doc?: string;
  exported: boolean;
  /** 1-based; columns in UTF-16 units, the end exclusive. */
  start_line: number;
  start_column: number;
  end_line: number;
  end_column: number;
}

export type RelationKind =
  | 'contains'
  | 'imports'
  | 'extends'
  | 'implements'
  | 'calls'
  | 'references'
  | 'uses_type'
  | 'links';

/**
 * How a relation is known. `scope`: by name, scope and import. `flow`: by following values. `type`: by the project's
 * type checker. `member`: a member of an
 * imported class or object. `name`: only by a member's name among what the file imports. `syntax`, `workspace`,
 * `pattern`: of imports, as in edge.ts. `runtime`: seen.
 */
export type RelationProvenance =
  | 'scope'
  | 'flow'
  | 'type'
  | 'member'
  | 'name'
  | 'syntax'
  | 'workspace'
  | 'pattern'
  | 'runtime';

export interface GraphRelation {
  /** Keys. */
  from: string;
  to: string;
  kind: RelationKind;
  /** How a file imports. */
  via?: string;
  provenance: RelationProvenance;
  confidence: number;
  /** How many places say so, and the first of them. */
  sites: number;
  line: number;
  column: number;
}

/** What one file adds to the graph; its own rows only. */
export interface FileGraph {
  path: string;
  nodes: GraphNode[];
  edges: GraphRelation[];
  unresolved: Array<{ specifier: string; kind: string; reason: string; detail?: string; line: number }>;
  /** What others see of it, as a hash; missing where nobody looks. See outlook.ts. */
  surface?: string;
  /** Stems of the files whose surfaces its rows depend on. */
  looks_at?: string[];
  /** Of edges and unresolved imports. */
  hash?: string;
}
