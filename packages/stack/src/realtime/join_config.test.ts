import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JoinConfig, parseJoin } from './join_config.ts';

const PLAIN: JoinConfig = {
  isPrivate: false,
  ack: false,
  self: false,
  replay: null,
  replicationReady: false,
  presence: { enabled: false, key: null },
  postgresChanges: [],
  accessToken: null,
};

const READ: [string, unknown, Partial<JoinConfig>][] = [
  ['nothing', undefined, {}],
  ['an array', [], {}],
  ['a config that is text', { config: 'x' }, {}],
  [
    'what supabase-js sends',
    {
      config: {
        broadcast: { ack: true, self: true },
        presence: { key: 'k', enabled: true },
        postgres_changes: [],
        private: true,
      },
      access_token: 't',
    },
    { isPrivate: true, ack: true, self: true, presence: { enabled: true, key: 'k' }, accessToken: 't' },
  ],
  [
    'booleans as text',
    { config: { private: 'True', broadcast: { ack: 'true', self: 'no' } } },
    { isPrivate: true, ack: true },
  ],
  ['an empty presence key', { config: { presence: { key: '' } } }, {}],
  [
    'a presence key that is a number',
    { config: { presence: { key: 5 } } },
    { presence: { enabled: false, key: '5' } },
  ],
  [
    'subscriptions with holes',
    { config: { postgres_changes: [null, { event: '*' }, 'x'] } },
    { postgresChanges: [{ event: '*' }] },
  ],
  [
    'a replay',
    { config: { private: true, broadcast: { replay: { since: 5, limit: 3 } } } },
    { isPrivate: true, replay: { since: 5, limit: 3 } },
  ],
  [
    'a replay without a limit',
    { config: { private: true, broadcast: { replay: { since: 0 } } } },
    { isPrivate: true, replay: { since: 0, limit: 25 } },
  ],
  [
    'a replay of too many',
    { config: { private: true, broadcast: { replay: { since: 0, limit: 9000 } } } },
    { isPrivate: true, replay: { since: 0, limit: 25 } },
  ],
  [
    'a replay of none',
    { config: { private: true, broadcast: { replay: { since: 0, limit: -4 } } } },
    { isPrivate: true, replay: { since: 0, limit: 1 } },
  ],
];

for (const [what, payload, expected] of READ) {
  test(`reads ${what}`, () => {
    assert.deepEqual(parseJoin(payload, 25), { ok: true, config: { ...PLAIN, ...expected } });
  });
}

for (const replay of [
  {},
  { since: 'x' },
  { since: 1.5 },
  { since: 1e300 },
  { since: 1, limit: 'x' },
  'x',
  true,
]) {
  test(`refuses the replay ${JSON.stringify(replay)}`, () => {
    const parsed = parseJoin({ config: { private: true, broadcast: { replay } } }, 25);
    assert.match(parsed.ok ? '' : parsed.reason, /not valid/);
  });
}

test('refuses a replay of a public channel', () => {
  const parsed = parseJoin({ config: { broadcast: { replay: { since: 0 } } } }, 25);
  assert.match(parsed.ok ? '' : parsed.reason, /public channels/);
});
