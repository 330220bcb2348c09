import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Presence } from '@supabase/phoenix';
import { PresenceBook, type PresenceState } from './presence.ts';

function book() {
  let ref = 0;
  return new PresenceBook<object>(() => String(++ref));
}
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

test('one key may be tracked from two places', () => {
  const presences = book();
  const [phone, desk] = [{}, {}];
  presences.track(phone, 'ann', { on: 'phone' });
  presences.track(desk, 'ann', { on: 'desk' });
  assert.deepEqual(plain(presences.state()), {
    ann: {
      metas: [
        { on: 'phone', phx_ref: '1' },
        { on: 'desk', phx_ref: '2' },
      ],
    },
  });
  assert.deepEqual(plain(presences.untrack(phone)), {
    joins: {},
    leaves: { ann: { metas: [{ on: 'phone', phx_ref: '1' }] } },
  });
});

test('tracking again replaces and names what it replaced', () => {
  const presences = book();
  const tracker = {};
  presences.track(tracker, 'ann', { n: 1 });
  assert.deepEqual(plain(presences.track(tracker, 'ann', { n: 2 })), {
    joins: { ann: { metas: [{ n: 2, phx_ref: '2', phx_ref_prev: '1' }] } },
    leaves: { ann: { metas: [{ n: 1, phx_ref: '1' }] } },
  });
});

test('tracking the same again is no news, nor is leaving twice', () => {
  const presences = book();
  const tracker = {};
  presences.track(tracker, 'ann', { n: 1 });
  assert.equal(presences.track(tracker, 'ann', { n: 1 }), null);
  presences.untrack(tracker);
  assert.equal(presences.untrack(tracker), null);
});

test('keys that mean something to JavaScript are keys like any other', () => {
  const presences = book();
  presences.track({}, '__proto__', { n: 1 });
  presences.track({}, 'constructor', { n: 2 });
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(presences.state()))), ['__proto__', 'constructor']);
});

test('a client that applies every diff has the state a late joiner is given', () => {
  const trackers = Array.from({ length: 4 }, () => ({}));
  const step = fc.record({
    who: fc.nat(3),
    payload: fc.option(fc.record({ n: fc.nat(2) }), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const presences = book();
      let seen: PresenceState = {};
      for (const { who, payload } of steps) {
        const tracker = trackers[who]!;
        const diff = payload
          ? presences.track(tracker, `key${who % 2}`, payload)
          : presences.untrack(tracker);
        const ignore = () => {};
        if (diff) seen = Presence.syncDiff(seen as never, plain(diff), ignore, ignore) as never;
      }
      const byRef = (state: PresenceState) =>
        Object.entries(state)
          .flatMap(([key, { metas }]) => metas.map((meta) => `${key} ${meta['phx_ref']} ${meta['n']}`))
          .sort();
      assert.deepEqual(byRef(seen), byRef(presences.state()));
    }),
  );
});
