import assert from 'node:assert/strict';
import { redact, redactText } from './redact.ts';

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ';
const texts: [string, string][] = [
  ['cogo_pt_abcdefghijklmnop', 'cogo_pt_[redacted]'],
  ['key cogo_wt_abcdefghijklmnop.', 'key cogo_wt_[redacted].'],
  ['sb_secret_abcdefgh', 'sb_secret_[redacted]'],
  [`token ${jwt} end`, 'token [redacted jwt] end'],
  ['Authorization: Bearer abcdefghijk', 'Authorization: Bearer [redacted]'],
  ['sk-proj-abcdefghijklmnop', 'sk-[redacted]'],
  ['postgres://me:pass@host:5432/db', 'postgres://[redacted]@host:5432/db'],
  ['https://x.test/?apikey=abc&q=1', 'https://x.test/?apikey=[redacted]&q=1'],
  ['nothing secret here: task-12345678901234', 'nothing secret here: task-12345678901234'],
];
for (const [text, clean] of texts) {
  Deno.test(`text ${clean} keeps no secret`, () => assert.equal(redactText(text), clean));
}

Deno.test('fields with a secret name lose their value at any depth, others keep it', () => {
  const value = {
    apikey: 'a',
    nested: [{ access_token: 'b', 'x-cogo-token': 'c', prompt_tokens: 5, idempotency_key: 'k1' }],
    password: null,
    headers: { authorization: 'd', accept: 'json' },
  };
  assert.deepEqual(redact(value), {
    apikey: '[redacted]',
    nested: [
      { access_token: '[redacted]', 'x-cogo-token': '[redacted]', prompt_tokens: 5, idempotency_key: 'k1' },
    ],
    password: null,
    headers: { authorization: '[redacted]', accept: 'json' },
  });
});

Deno.test('errors are cleaned, cycles are cut', () => {
  const cycle: Record<string, unknown> = { name: 'a' };
  cycle['self'] = cycle;
  assert.ok(JSON.stringify(redact(cycle)).includes('[deep]'));
  const cleaned = redact(new Error(`failed with ${jwt}`)) as { message: string; stack: string };
  assert.equal(cleaned.message, 'failed with [redacted jwt]');
  assert.ok(!cleaned.stack.includes(jwt));
});
