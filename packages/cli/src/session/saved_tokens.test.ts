import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Rpc } from '@cogo/client/rpc.ts';
import { ownToken } from './saved_tokens.ts';

test('a token is made once, kept unreadable for others, and made anew after it was revoked', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'cogo-tokens-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const tokens: { id: string; revoked_at: string | null; expires_at: null }[] = [];
  const rpc = {
    async call(fn: string) {
      if (fn === 'list_tokens') return { ok: true, value: tokens };
      const id = `t${tokens.length + 1}`;
      tokens.push({ id, revoked_at: null, expires_at: null });
      return { ok: true, value: { id, token: `cogo_pt_${id}` } };
    },
    async close() {},
  } as unknown as Rpc;
  const project = { id: 'p1', slug: 'local', name: 'local' };
  assert.equal(await ownToken(rpc, dir, project), 'cogo_pt_t1');
  assert.equal(await ownToken(rpc, dir, project), 'cogo_pt_t1');
  assert.equal(statSync(join(dir, 'tokens.json')).mode & 0o777, 0o600);
  tokens[0]!.revoked_at = 'now';
  assert.equal(await ownToken(rpc, dir, project), 'cogo_pt_t2');
  assert.equal(await ownToken(rpc, dir, { ...project, id: 'p2' }), 'cogo_pt_t3');
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(join(dir, 'tokens.json'), 'utf8')) as object), [
    'p1',
    'p2',
  ]);
});
