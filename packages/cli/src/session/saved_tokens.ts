import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rpc } from '@cogo/client/rpc.ts';
import { writePrivate } from '@cogo/stack/place/private_file.ts';
import { unwrap } from '../unwrap.ts';
import type { Project } from './connect.ts';

/** `.cogo/tokens.json`, 0600: project tokens of this machine's owner, by project id. */
type Saved = Record<string, { id: string; token: string }>;

const NAME = 'this machine (cogo keys token)';

interface ListedToken {
  id: string;
  revoked_at: string | null;
  expires_at: string | null;
}

/** The owner's own project token: the saved one while it is valid, else a new one, saved. */
export async function ownToken(rpc: Rpc, dir: string, project: Project): Promise<string> {
  const saved = read(dir);
  const mine = saved[project.id];
  if (mine) {
    const tokens = unwrap(
      await rpc.call<ListedToken[]>('list_tokens', { project_id: project.id }),
      'list the tokens of the project',
    );
    const valid = tokens.some((token) => token.id === mine.id && !token.revoked_at && !token.expires_at);
    if (valid) return mine.token;
  }
  const made = unwrap(
    await rpc.call<{ id: string; token: string }>('create_token', {
      project_id: project.id,
      kind: 'project',
      name: NAME,
    }),
    'make a project token',
  );
  const next: Saved = { ...saved, [project.id]: { id: made.id, token: made.token } };
  writePrivate(file(dir), `${JSON.stringify(next, null, 2)}\n`);
  return made.token;
}

function file(dir: string): string {
  return join(dir, 'tokens.json');
}

function read(dir: string): Saved {
  try {
    return JSON.parse(readFileSync(file(dir), 'utf8')) as Saved;
  } catch {
    return {};
  }
}
