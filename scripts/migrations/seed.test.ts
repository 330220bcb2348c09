import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTestDatabase } from '@cogo/stack/testing.ts';
import { ROOT } from './sources.ts';

test('seed.sql may run twice, and every Studio snippet runs on the schema', async () => {
  const place = await openTestDatabase();
  try {
    const seed = readFileSync(join(ROOT, 'supabase', 'seed.sql'), 'utf8');
    await place.db.exec(seed);
    await place.db.exec(seed);
    assert.deepEqual(await place.sql('select slug, visibility from cogo.projects'), [
      { slug: 'demo', visibility: 'public' },
    ]);
    const snippets = readdirSync(join(ROOT, 'supabase', 'snippets'));
    assert.ok(snippets.length > 0);
    for (const name of snippets) {
      await place.db.exec(readFileSync(join(ROOT, 'supabase', 'snippets', name), 'utf8'));
    }
  } finally {
    await place.close();
  }
});
