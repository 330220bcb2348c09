// The code graph in its mirror. Names are resolved in Postgres, where the caller's rights are checked; the walk is Neo4j's.
import { ok, type Result } from '@cogo/spec/result.ts';
import type { Rpc } from '../_shared/rpc.ts';
import type { Neo4j } from './neo4j_query.ts';
import { findTargets } from './postgres_store.ts';
import type { GraphStore, NodeRef, StoreEdge, StoreNode, Walked } from './store.ts';

interface EdgeRow {
  a: string;
  b: string;
  from: number;
  to: number;
  kind: string;
  confidence: number;
  provenance: string;
}

/** Relationships looked at in one step of a walk, as in `cogo.walk_graph`. */
const LEVEL_EDGES = 2000;
const TIMEOUT_MS = 10_000;

export function neo4jStore(neo4j: Neo4j, rpc: Rpc): GraphStore {
  const uidOf = (projectId: string, node: StoreNode) => JSON.stringify([projectId, node.repo, node.key]);

  async function uids(projectId: string, ref: NodeRef, signal: AbortSignal): Promise<Result<string[]>> {
    const targets = await findTargets(rpc, projectId, ref, signal);
    return targets.ok ? ok(targets.value.map((node) => uidOf(projectId, node))) : targets;
  }

  async function read<T>(
    statement: string,
    parameters: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<Result<T[]>> {
    const rows = await neo4j.read(statement, parameters, { timeoutMs: TIMEOUT_MS, signal });
    return rows as Result<T[]>;
  }

  async function level(
    frontier: string[],
    direction: 'in' | 'out',
    question: { kinds: string[]; minConfidence: number },
    signal: AbortSignal,
  ): Promise<Result<EdgeRow[]>> {
    const types = question.kinds.map((kind) => kind.toUpperCase()).join('|');
    const at = direction === 'out' ? 'a' : 'b';
    return await read<EdgeRow>(
      `MATCH (a:CogoNode)-[r:${types}]->(b:CogoNode)
       WHERE ${at}.uid IN $frontier AND a.defined AND b.defined AND r.confidence >= $least
       RETURN a.uid AS a, b.uid AS b, a.id AS from, b.id AS to, r.kind AS kind, r.confidence AS confidence, r.provenance AS provenance
       ORDER BY confidence DESC, a, b, kind LIMIT ${LEVEL_EDGES}`,
      { frontier, least: question.minConfidence },
      signal,
    );
  }

  async function nodes(of: string[], signal: AbortSignal): Promise<Result<StoreNode[]>> {
    return await read<StoreNode>(
      `UNWIND range(0, size($uids) - 1) AS place
       MATCH (n:CogoNode {uid: $uids[place]}) WHERE n.defined
       RETURN n.id AS id, n.key AS key, n.repo AS repo, n.kind AS kind, n.name AS name, n.path AS path,
              n.start_line AS start_line, n.end_line AS end_line ORDER BY place`,
      { uids: of },
      signal,
    );
  }

  return {
    via: 'neo4j',
    async walk(question, signal) {
      const start = await uids(question.projectId, question.start, signal);
      if (!start.ok) return start;
      const first = question.withMembers ? await members(start.value, signal) : start;
      if (!first.ok) return first;
      const seen = new Set(first.value);
      const edges = new Map<string, EdgeRow>();
      let frontier = first.value;
      let room = question.limit;
      let truncated = false;
      // one step beyond the last only says whether there is more
      for (let step = 1; step <= question.depth + 1 && frontier.length > 0 && !truncated; step += 1) {
        const fresh = new Set<string>();
        for (const direction of ['out', 'in'] as const) {
          if (question.direction !== 'both' && question.direction !== direction) continue;
          const rows = await level(frontier, direction, question, signal);
          if (!rows.ok) return rows;
          for (const row of rows.value) {
            const other = direction === 'out' ? row.b : row.a;
            if (!seen.has(other)) fresh.add(other);
            if (step <= question.depth) edges.set(`${row.a} ${row.b} ${row.kind} ${row.provenance}`, row);
          }
        }
        if (step > question.depth) {
          truncated = fresh.size > 0;
          break;
        }
        const taken = [...fresh].slice(0, room);
        truncated = taken.length < fresh.size;
        room -= taken.length;
        for (const uid of taken) seen.add(uid);
        frontier = taken;
      }
      const met = await nodes([...seen], signal);
      if (!met.ok) return met;
      return ok({
        nodes: met.value,
        edges: [...edges.values()].filter((row) => seen.has(row.a) && seen.has(row.b)).map(edgeOf),
        truncated,
      });
    },
    async path(question, signal) {
      const [from, to] = [
        await uids(question.projectId, question.from, signal),
        await uids(question.projectId, question.to, signal),
      ];
      if (!from.ok) return from;
      if (!to.ok) return to;
      const goal = new Set(to.value);
      const came = new Map<string, EdgeRow | null>(from.value.map((uid) => [uid, null]));
      let reached = from.value.find((uid) => goal.has(uid));
      let frontier = from.value;
      for (let step = 1; step <= question.depth && frontier.length > 0 && reached === undefined; step += 1) {
        const rows = await level(frontier, 'out', question, signal);
        if (!rows.ok) return rows;
        frontier = [];
        for (const row of rows.value) {
          if (came.has(row.b)) continue;
          came.set(row.b, row);
          frontier.push(row.b);
          if (goal.has(row.b)) reached ??= row.b;
        }
      }
      if (reached === undefined) return ok({ found: false, nodes: [], edges: [], truncated: false });
      const way: EdgeRow[] = [];
      for (let edge = came.get(reached); edge; edge = came.get(edge.a)) way.unshift(edge);
      const stops = await nodes([way[0]?.a ?? reached, ...way.map((edge) => edge.b)], signal);
      if (!stops.ok) return stops;
      const answer: Walked = { nodes: stops.value, edges: way.map(edgeOf), truncated: false };
      return ok({ found: true, ...answer });
    },
  };

  async function members(of: string[], signal: AbortSignal): Promise<Result<string[]>> {
    const rows = await read<{ uid: string }>(
      'MATCH (t:CogoNode)-[:CONTAINS*0..2]->(m:CogoNode) WHERE t.uid IN $uids RETURN DISTINCT m.uid AS uid ORDER BY uid',
      { uids: of },
      signal,
    );
    return rows.ok ? ok(rows.value.map((row) => row.uid)) : rows;
  }
}

function edgeOf({ from, to, kind, confidence, provenance }: EdgeRow): StoreEdge {
  return { from, to, kind, confidence, provenance };
}
