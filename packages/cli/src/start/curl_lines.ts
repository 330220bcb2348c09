import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BINS } from '../install.ts';

export interface CurlRequest {
  functions: string;
  projectId: string;
  question: string;
  repo: string;
  /** How this shell calls us: see `cogoCommand`. */
  cogo: string;
  /** ` --data DIR`, or nothing where the folder is found without. */
  dataArgument: string;
  project: string;
}

/**
 * Two lines to paste: the same question as JSON and as a stream. They hold no secret: the shell asks `cogo keys` for
 * the publishable key and for this machine's project token.
 */
export function curlLines(o: CurlRequest): { json: string; sse: string } {
  const key = (name: string) => `$(${o.cogo} keys ${name}${o.dataArgument})`;
  const body = { project_id: o.projectId, text: o.question, retrieval: { filter: { repo: o.repo } } };
  const line = (flags: string, accept: string, extra: object) =>
    [
      `curl ${flags} ${o.functions}/chat`,
      `-H "apikey: ${key('publishable')}"`,
      `-H "x-cogo-token: ${key(`token --project ${quote(o.project)}`)}"`,
      `-H 'content-type: application/json'`,
      ...(accept ? [`-H 'accept: ${accept}'`] : []),
      `-d ${quote(JSON.stringify({ ...body, ...extra }))}`,
    ].join(' \\\n    ');
  return { json: line('-sS', '', {}), sse: line('-sSN', 'text/event-stream', { stream: true }) };
}

/** How a shell in `cwd` calls this very CLI: `npx cogo` where npx finds it, else by its path. */
export function cogoCommand(cwd: string): string {
  return existsSync(join(cwd, 'node_modules', '.bin', 'cogo')) ? 'npx cogo' : `node ${quote(BINS.cogo)}`;
}

/** A word for a POSIX shell. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_./:=@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
