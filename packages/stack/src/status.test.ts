import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { placeStatus, resetPlace } from './status.ts';
import { removeDataDir, startTestStack } from './testing_place.ts';

test('status and reset follow the life of a place', async () => {
  const { stack, dataDir } = await startTestStack();
  try {
    const up = await placeStatus(dataDir);
    assert.equal(up.state, 'running');
    assert.deepEqual(
      [up.pid, up.stack?.urls.gateway, up.health?.['ok']],
      [process.pid, stack.urls.gateway, true],
    );
    const refused = resetPlace(dataDir);
    assert.ok(!refused.ok);
    assert.match(refused.error.message, new RegExp(`pid ${process.pid}.*cogo down`));
    await stack.stop();
    assert.equal((await placeStatus(dataDir)).state, 'stopped');
    writeFileSync(join(dataDir, 'mine.txt'), 'kept');
    const reset = resetPlace(dataDir);
    assert.ok(reset.ok && reset.value.removed.includes('pg') && reset.value.removed.includes('keys.json'));
    assert.deepEqual(readdirSync(dataDir), ['mine.txt']);
    assert.equal((await placeStatus(dataDir)).state, 'never started');
  } finally {
    await stack.stop();
    removeDataDir(dataDir);
    assert.ok(!existsSync(dataDir));
  }
});
