import { failure, ok, type Result } from '@cogo/spec/result.ts';
import neo4j, { type Driver, type ManagedTransaction } from 'neo4j-driver';
import type { CallRpc } from '../answer/span.ts';
import {
  CONSTRAINTS,
  DROP_ORPHANS,
  dropRelationships,
  FORGET_MIRROR,
  FORGET_PROJECT,
  NOTE_TOLD,
  PUT_NODES,
  putRelationships,
  RELATIONSHIP_KINDS,
  UNDEFINE_NODES,
} from './cypher.ts';

export interface MirrorOptions {
  rpc: CallRpc;
  /** uuid */
  projectId: string;
  driver: Driver;
  /** Default: the server's home database. */
  database?: string;
  signal?: AbortSignal;
  /** Files of one transaction; default 50. */
  batch?: number;
  onProgress?: (told: number, backlog: number) => void;
}

interface Told {
  ids: (number | string)[];
  repo: string;
  path: string;
  generation: number;
  published: boolean;
  nodes: {
    id: number;
    key: string;
    kind: string;
    name: string;
    signature: string | null;
    exported: boolean;
    start_line: number;
    end_line: number;
  }[];
  edges: {
    from: string;
    to: string;
    kind: string;
    via: string | null;
    provenance: string;
    confidence: number;
    sites: number;
    line: number;
  }[];
}

/** Opens a driver. `url` is bolt:// or neo4j://, its user and password in it or given. */
export function openNeo4j(url: string, user?: string, password?: string): Driver {
  const address = new URL(url);
  const name = user ?? (decodeURIComponent(address.username) || 'neo4j');
  const secret = password ?? decodeURIComponent(address.password);
  address.username = '';
  address.password = '';
  return neo4j.driver(address.href, neo4j.auth.basic(name, secret), {
    disableLosslessIntegers: true,
    connectionAcquisitionTimeout: 10_000,
    maxTransactionRetryTime: 15_000,
  });
}

/**
 * Tells the mirror what the outbox holds, oldest first, until it is empty or the signal aborts; returns how many files. A batch is one
 * transaction in Neo4j and is taken off the outbox after it: whatever dies between is told again and comes out the same.
 * Errors: `not_found` the project has no mirror; `unavailable` Neo4j cannot be reached; and what `mirror_take`, `mirror_done` raise.
 */
export async function runMirror(options: MirrorOptions): Promise<Result<{ told: number }>> {
  const { rpc, projectId, driver, signal } = options;
  const session = driver.session(options.database ? { database: options.database } : {});
  let told = 0;
  try {
    for (const statement of CONSTRAINTS) await session.run(statement);
    while (!signal?.aborted) {
      const taken = await rpc.call<{ items: Told[]; backlog: number }>('mirror_take', {
        project_id: projectId,
        lim: options.batch ?? 50,
      });
      if (!taken.ok) return taken;
      const { items, backlog } = taken.value;
      if (items.length === 0) break;
      await session.executeWrite((tx) => tell(tx, projectId, items));
      const done = await rpc.call<{ backlog: number }>('mirror_done', {
        project_id: projectId,
        ids: items.flatMap((item) => item.ids),
      });
      if (!done.ok) return done;
      told += items.length;
      options.onProgress?.(told, Math.min(backlog, done.value.backlog));
    }
    return ok({ told });
  } catch (error) {
    return neo4jFailure(error);
  } finally {
    await session.close();
  }
}

/** Removes all of a project from the graph database. Errors: `unavailable`. */
export async function clearMirror(
  driver: Driver,
  projectId: string,
  database?: string,
): Promise<Result<{ removed: number }>> {
  const session = driver.session(database ? { database } : {});
  let removed = 0;
  try {
    for (;;) {
      const bite = await session.run(FORGET_PROJECT, { project: projectId });
      const count = Number(bite.records[0]?.get('removed') ?? 0);
      removed += count;
      if (count === 0) break;
    }
    await session.run(FORGET_MIRROR, { project: projectId });
    return ok({ removed });
  } catch (error) {
    return neo4jFailure(error);
  } finally {
    await session.close();
  }
}

async function tell(tx: ManagedTransaction, project: string, items: Told[]): Promise<void> {
  const uid = (repo: string, key: string) => JSON.stringify([project, repo, key]);
  const files = items.map((item) => uid(item.repo, item.path));
  const nodes = items.flatMap((item) =>
    item.nodes.map((node) => ({
      uid: uid(item.repo, node.key),
      project,
      repo: item.repo,
      file: uid(item.repo, item.path),
      defined: true,
      key: node.key,
      path: item.path,
      kind: node.kind,
      name: node.name,
      signature: node.signature,
      exported: node.exported,
      id: neo4j.int(node.id),
      start_line: neo4j.int(node.start_line),
      end_line: neo4j.int(node.end_line),
      generation: neo4j.int(item.generation),
    })),
  );
  for (const kind of RELATIONSHIP_KINDS) await tx.run(dropRelationships(kind), { files });
  await tx.run(UNDEFINE_NODES, { files, kept: nodes.map((node) => node.uid) });
  await tx.run(PUT_NODES, { nodes });
  for (const kind of RELATIONSHIP_KINDS) {
    const edges = items.flatMap((item) =>
      item.edges
        .filter((edge) => edge.kind === kind)
        .map((edge) => ({
          from: uid(item.repo, edge.from),
          to: uid(item.repo, edge.to),
          from_key: edge.from,
          to_key: edge.to,
          repo: item.repo,
          properties: {
            file: uid(item.repo, item.path),
            kind,
            via: edge.via,
            provenance: edge.provenance,
            confidence: edge.confidence,
            sites: neo4j.int(edge.sites),
            line: neo4j.int(edge.line),
          },
        })),
    );
    if (edges.length > 0) await tx.run(putRelationships(kind), { project, edges });
  }
  await tx.run(DROP_ORPHANS, { project });
  await tx.run(NOTE_TOLD, { project, files: neo4j.int(items.length) });
}

/** The message of the driver names hosts and states, never the password. */
function neo4jFailure(error: unknown): Result<never> {
  const { code, message } = error as { code?: string; message?: string };
  const kind = /Unauthorized|AuthenticationRateLimit/.test(code ?? '') ? 'not_configured' : 'unavailable';
  return failure(
    kind,
    `Neo4j refused or cannot be reached (${code ?? 'unknown'}): ${(message ?? '').split('\n')[0]}`,
  );
}
