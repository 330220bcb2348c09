/**
 * How one file uses another. `maybe`: nothing proves that it does. The specifier is computed at run time, or names a
 * package of this monorepo that no package manager has linked.
 */
export type ModuleEdgeKind = 'static' | 'type' | 'reexport' | 'dynamic' | 'require' | 'maybe';

/**
 * Where an edge comes from. `syntax`: a literal specifier, resolved as TypeScript does. `workspace`: a literal one that
 * leads to the source of a package of this monorepo that is not installed or not built; after an installation it is
 * certain. `pattern`: a computed specifier, its static parts matched.
 */
export type ModuleProvenance = 'syntax' | 'workspace' | 'pattern';

/** 1-based line and column (UTF-16 units). */
export interface Position {
  line: number;
  column: number;
}

export interface ModuleEdge {
  /** Repo-relative, POSIX separators. */
  from: string;
  to: string;
  kind: ModuleEdgeKind;
  provenance: ModuleProvenance;
  /** 0 to 1: 1/n for each of n files a computed specifier could mean, 0.9 for a package not linked. */
  confidence: number;
  /** The specifier as written, without quotes; of a computed one its source text. */
  specifier: string;
  /** Of the specifier in `from`. */
  position: Position;
}

export type UnresolvedReason =
  /** No such file or folder. */
  | 'no_such_file'
  /** A file of that name in other letter case exists: works on some file systems only. */
  | 'case_mismatch'
  /** A dependency named in package.json that is not installed. */
  | 'not_installed'
  /** Neither installed nor named in a package.json above the file. */
  | 'unknown_package'
  /** The package has it but its `exports` or `imports` do not give it out. */
  | 'not_exported'
  /** Computed at run time without any static part. */
  | 'computed'
  /** Computed, and no file matches its static parts. */
  | 'no_match'
  | 'resolver_error';

export interface UnresolvedImport {
  from: string;
  specifier: string;
  kind: ModuleEdgeKind;
  reason: UnresolvedReason;
  /** For a person: what would have been meant, or what the resolver said. */
  detail?: string;
  position: Position;
}

/** An import that leaves the repository: an installed package or a module of the platform. */
export interface ExternalImport {
  from: string;
  specifier: string;
  kind: ModuleEdgeKind;
  /** `node:fs`, `@scope/name`. */
  package: string;
  position: Position;
}
