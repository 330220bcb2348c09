import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestStack } from '../testing_place.ts';

test('a body that is too large and names no length is told so through the gateway', async (t) => {
  const place = await startTestStack({ functions: true });
  t.after(() => place.close());
  const { stack } = place;
  for (let round = 0; round < 3; round += 1) {
    const body = new Blob([new Uint8Array(5_000_000).fill(97)]).stream();
    const response = await fetch(`${stack.urls.functions}/chat`, {
      method: 'POST',
      headers: { apikey: stack.keys.publishable_key, 'content-type': 'application/json' },
      body,
      duplex: 'half',
    } as RequestInit);
    assert.equal(response.status, 413);
    assert.equal(((await response.json()) as { code: string }).code, 'payload_too_large');
  }
});
