import { readFileSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { decodeText, MAX_FILE_BYTES } from '../../policy/content_policy.ts';
import type { Candidate } from '../../walk/candidates.ts';
import type { ExternalImport, ModuleEdge, ModuleEdgeKind, UnresolvedImport } from '../edge.ts';
import { MAX_MAYBE_TARGETS, maybeTargets } from './maybe_targets.ts';
import { positions } from './position.ts';
import {
  forgetModuleFile,
  hasErrors,
  type ModuleRequest,
  moduleRequests,
  parseModuleFile,
} from './requests.ts';
import { type ModuleResolver, moduleResolver } from './resolver.ts';

export interface ModuleGraph {
  /** Code files, in path order. */
  files: string[];
  edges: ModuleEdge[];
  unresolved: UnresolvedImport[];
  external: ExternalImport[];
  warnings: Array<{ path?: string; why: string }>;
}

/** Confidence that a package of the monorepo is what its name will mean once it is installed. */
const UNLINKED = 0.9;

export const CODE_FILE = /\.[cm]?[jt]sx?$/;

/** What one file contributes. */
export interface FileImports {
  edges: ModuleEdge[];
  unresolved: UnresolvedImport[];
  external: ExternalImport[];
}

export interface GraphInput {
  /** Absolute and real. */
  root: string;
  /** Files of the repository, code or not: computed imports may mean any of them. */
  candidates: Candidate[];
  signal?: AbortSignal | undefined;
}

/** The module graph of a repository: every import resolved, or listed with the reason why not. Throws when aborted. */
export async function buildModuleGraph({ root, candidates, signal }: GraphInput): Promise<ModuleGraph> {
  const paths = candidates.map(({ path }) => path);
  const linker = importLinker(root, paths);
  const graph: ModuleGraph = { files: [], edges: [], unresolved: [], external: [], warnings: [] };
  const code = candidates.filter(({ path }) => CODE_FILE.test(path));
  for (const [at, { path, file }] of code.entries()) {
    if (at % PAUSE_EVERY === 0) await setImmediate();
    signal?.throwIfAborted();
    const read = readCode(file);
    if ('why' in read) {
      graph.warnings.push({ path, why: read.why });
      continue;
    }
    graph.files.push(path);
    const { text } = read;
    // On this thread: on the parser's own, asking for its memory costs more than parsing does beside.
    const parsed = parseModuleFile({ path, text });
    if (hasErrors(parsed)) {
      const [first] = parsed.errors.filter((one) => one.severity === 'Error');
      graph.warnings.push({
        path,
        why: `syntax error: ${first!.message}; only imports read before it count`,
      });
    }
    const found = linker.link(path, text, moduleRequests({ path, text }, parsed));
    forgetModuleFile(path);
    graph.edges.push(...found.edges);
    graph.unresolved.push(...found.unresolved);
    graph.external.push(...found.external);
  }
  graph.warnings.push(...linker.warnings().map((why) => ({ why })), ...caseClashes(paths));
  return graph;
}

/** After so many files others of the process have their turn: signals, timers. */
const PAUSE_EVERY = 64;

/** A code file's text, or why it has none. Synchronous: 300 small reads are over sooner than 300 promises. */
export function readCode(file: string): { text: string } | { why: string } {
  try {
    if (statSync(file).size > MAX_FILE_BYTES) return { why: `larger than ${MAX_FILE_BYTES / 1e6} MB` };
    const bytes = readFileSync(file);
    const decoded = decodeText(bytes);
    return decoded.ok ? { text: decoded.text } : { why: decoded.why };
  } catch (error) {
    return { why: `cannot be read (${(error as { code?: string }).code ?? String(error)})` };
  }
}

/** Resolves the requests of one file after another; keeps what the resolver learns about folders. */
export function importLinker(
  root: string,
  paths: readonly string[],
): {
  link(path: string, text: string, requests: ModuleRequest[]): FileImports;
  resolver: ModuleResolver;
  warnings(): string[];
} {
  const resolver = moduleResolver(root, paths);
  return { link, resolver, warnings: () => resolver.warnings };

  function link(path: string, text: string, requests: ModuleRequest[]): FileImports {
    const found: FileImports = { edges: [], unresolved: [], external: [] };
    const file = join(root, path);
    const at = positions(text);
    const seen = new Set<string>();
    for (const request of requests) {
      const { kind, specifier } = request;
      const place = { from: path, specifier, position: at(request.start) };
      if (request.patterns) {
        const { targets, reason } = computed(file, request);
        if (reason) found.unresolved.push({ ...place, kind, reason });
        const confidence = Math.round(1e4 / targets.length) / 1e4;
        for (const to of targets) add({ ...place, to, kind, provenance: 'pattern', confidence });
        continue;
      }
      const resolution = resolver.resolve(file, specifier, kind);
      if (resolution.to === 'file') {
        const to = relative(root, resolution.path).replaceAll(sep, '/').normalize('NFC');
        const { provenance } = resolution;
        const sure = provenance === 'syntax';
        if (to !== path) {
          add({ ...place, to, kind: sure ? kind : 'maybe', provenance, confidence: sure ? 1 : UNLINKED });
        }
      } else if (resolution.to === 'external') {
        const key = `${kind} ${resolution.package} ${specifier}`;
        if (!seen.has(key)) found.external.push({ ...place, kind, package: resolution.package });
        seen.add(key);
      } else {
        const { reason, detail } = resolution;
        found.unresolved.push({ ...place, kind, reason, ...(detail === undefined ? {} : { detail }) });
      }
    }
    return found;

    /** One edge a kind for two files, at the first place. */
    function add(edge: ModuleEdge): void {
      const key = `${edge.kind} ${edge.to}`;
      if (!seen.has(key)) found.edges.push(edge);
      seen.add(key);
    }
  }

  function computed(
    file: string,
    { patterns = [] }: ModuleRequest,
  ): { targets: string[]; reason?: 'computed' | 'no_match' } {
    const targets = new Set<string>();
    for (const pattern of patterns) {
      if (pattern.parts.length === 1) {
        const found = resolver.resolve(file, pattern.parts[0]!, 'dynamic');
        if (found.to === 'file') targets.add(relative(root, found.path).replaceAll(sep, '/'));
      } else {
        const folderOf = (specifier: string) => resolver.folder(file, specifier);
        for (const to of maybeTargets(root, file, pattern, paths, folderOf)) targets.add(to);
      }
    }
    if (targets.size === 0 || targets.size > MAX_MAYBE_TARGETS) {
      return { targets: [], reason: patterns.length === 0 ? 'computed' : 'no_match' };
    }
    return { targets: [...targets] };
  }
}

export function edgeKinds(edges: readonly ModuleEdge[]): Partial<Record<ModuleEdgeKind, number>> {
  const counts: Partial<Record<ModuleEdgeKind, number>> = {};
  for (const { kind } of edges) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Two files that are one where letter case does not count: such a repository cannot be checked out everywhere. */
function caseClashes(paths: readonly string[]): Array<{ path: string; why: string }> {
  const byLower = new Map<string, string>();
  const clashes: Array<{ path: string; why: string }> = [];
  for (const path of paths) {
    const lower = path.toLowerCase();
    const other = byLower.get(lower);
    if (other === undefined) byLower.set(lower, path);
    else clashes.push({ path, why: `differs from ${other} in letter case only` });
  }
  return clashes;
}
