import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Finding } from '@cogo/spec/job_results.ts';
import { readPlainFile } from '../workspace/read_text.ts';

/**
 * Secrets that say what they are: forms with a prefix or a frame of their own, which nothing else has. Guessing by
 * entropy finds more and is wrong most of the time; a repository's own scanner may do so.
 */
const FORMS: [rule: string, what: string, pattern: RegExp][] = [
  [
    'private-key',
    'a private key',
    /-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY(?: BLOCK)?-----/,
  ],
  ['aws-access-key', 'an access key of AWS', /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/],
  ['github-token', 'a token of GitHub', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b/],
  ['gitlab-token', 'a token of GitLab', /\bglpat-[A-Za-z0-9_-]{20,}/],
  ['slack-token', 'a token of Slack', /\bxox[abeoprs]-[A-Za-z0-9-]{20,}/],
  ['google-api-key', 'an API key of Google', /\bAIza[0-9A-Za-z_-]{35}\b/],
  ['stripe-key', 'a live key of Stripe', /\b[rs]k_live_[0-9A-Za-z]{20,}\b/],
  ['npm-token', 'a token of npm', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['ai-key', 'a key of a model provider', /\bsk-(?:ant-|proj-)[A-Za-z0-9_-]{32,}/],
  ['supabase-secret', 'a secret key of Supabase', /\b(?:sb_secret_[A-Za-z0-9_-]{20,}|sbp_[0-9a-f]{40})\b/],
  ['cogo-token', 'a token of COGO', /\bcogo_[pw]t_[A-Za-z0-9]{32}\b/],
];

const MAX_BYTES = 2 * 1024 * 1024;

/** The secrets of a text. The finding names the kind and the place, never the secret. */
export function secretsOf(file: string, text: string): Finding[] {
  const findings: Finding[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    for (const [rule, what, pattern] of FORMS) {
      const at = line.length > 100_000 ? -1 : line.search(pattern);
      if (at < 0) continue;
      const message = `The line holds ${what}. Take it out, and have it replaced: it stays in the history.`;
      findings.push({
        tool: 'cogo-secrets',
        rule,
        level: 'error',
        file,
        line: i + 1,
        column: at + 1,
        message,
      });
    }
  }
  return findings;
}

/** Looks through the files of a workspace, as text; binary and very large ones are left out. */
export async function scanSecrets(
  dir: string,
  files: readonly string[],
  o: { signal: AbortSignal; onProgress: (done: number) => void },
): Promise<{ findings: Finding[]; scanned: number; leftOut: number }> {
  const findings: Finding[] = [];
  let [scanned, leftOut] = [0, 0];
  for (const [i, file] of files.entries()) {
    if (o.signal.aborted) break;
    if (i % 100 === 0) {
      o.onProgress(i);
      // The worker has leases to renew meanwhile.
      await setImmediate();
    }
    const text = readText(join(dir, file));
    if (text === null) leftOut++;
    else {
      scanned++;
      findings.push(...secretsOf(file, text));
    }
  }
  return { findings, scanned, leftOut };
}

function readText(path: string): string | null {
  const bytes = readPlainFile(path, MAX_BYTES);
  return bytes === null || bytes.subarray(0, 8_000).includes(0) ? null : bytes.toString('utf8');
}
