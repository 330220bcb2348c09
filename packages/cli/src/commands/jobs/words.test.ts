import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobDetail, JobStatus } from '../../session/jobs.ts';
import { eventLine, eventText, jobPage, jobTable, span, stateText, valueText, whyNot } from './words.ts';

const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000).toISOString();
const job = (part: Partial<JobStatus>): JobStatus => ({
  job_id: 'j',
  type: 'code.build.test',
  state: 'queued',
  ...part,
});
const nothing: JobDetail = { attempts: [], steps: [], children: [] };

test('a span is told in the unit a person would use', () => {
  const cases: [number, string][] = [
    [0.25, '250 ms'],
    [4.21, '4.2 s'],
    [190, '3 min'],
    [7300, '2 h'],
    [200_000, '2 d'],
    [-5, '0 ms'],
  ];
  for (const [seconds, text] of cases) assert.equal(span(at(0), at(seconds)), text);
  assert.equal(span(at(0), null), '–');
});

test('the state says what the state alone hides', () => {
  const cases: [Partial<JobStatus>, string][] = [
    [{ state: 'succeeded', outcome: 'succeeded' }, 'succeeded'],
    [{ state: 'succeeded', outcome: null }, 'succeeded'],
    [{ state: 'succeeded', outcome: 'failed' }, 'done: failed'],
    [{ state: 'dead', reason: 'timeout' }, 'dead: timeout'],
    [{ state: 'blocked', blocked_on: 'slot' }, 'blocked: slot'],
    [{ state: 'running', cancel_requested: true }, 'running: cancel asked'],
  ];
  for (const [part, text] of cases) assert.equal(stateText(job(part)), text);
});

test('why a job did not succeed names the reason, the message and the step', () => {
  const cases: [Partial<JobStatus>, string | undefined][] = [
    [{ state: 'succeeded' }, undefined],
    [
      { state: 'dead', reason: 'policy_violation', error: { message: 'no\nsuch command' } },
      'policy_violation: no ⏎ such command',
    ],
    [{ state: 'dead', error: { code: 'x' } }, 'x'],
    [{ state: 'cancelled' }, 'cancelled'],
    [
      {
        state: 'succeeded',
        outcome: 'failed',
        result: {
          steps: [
            { name: 'build', exit_code: 0 },
            { name: 'test', exit_code: 1 },
          ],
        },
      },
      'failed, step test',
    ],
  ];
  for (const [part, text] of cases) assert.equal(whyNot(job(part)), text);
});

test('an event is one line: its time since the job was made, its kind and what it says', () => {
  const event = (kind: string, data: unknown) => ({ id: 1, kind, data, at: at(2) });
  assert.equal(
    eventLine(event('job.progress', { progress: { step: 'test', done: 1 } }), at(0)),
    '   +2.0 s  job.progress  step=test done=1',
  );
  assert.equal(eventText(event('job.log', { log: 'one\ntwo\n' })), 'one ⏎ two');
  assert.equal(
    eventText(event('job.retry', { error: { message: 'busy' }, delay_s: 0.25 })),
    'busy, again in 0.3 s',
  );
  assert.equal(
    eventText(event('job.error', { reason: 'timeout', error: { code: 'late' } })),
    'timeout, late',
  );
  assert.equal(eventText(event('job.resumed', {})), '');
  assert.equal(valueText([1, 2]), '[1,2]');
});

test('a page shows attempts, steps, children, the reason and the way on', () => {
  const page = jobPage(
    job({
      state: 'dead',
      reason: 'exhausted_retries',
      created_at: at(0),
      started_at: at(1),
      finished_at: at(3),
    }),
    {
      attempts: [
        {
          attempt: 1,
          executor_id: 'a',
          started_at: at(1),
          ended_at: at(3),
          outcome: 'failed',
          error: { message: 'no' },
        },
      ],
      steps: [{ name: 'fetch', attempt: 1, at: at(2) }],
      children: [{ job_id: 'c', type: 'code.debug', state: 'queued' }],
    },
    Date.parse(at(60)),
  );
  for (const part of [
    'dead: exhausted_retries',
    /1 +failed +2\.0 s +a +no/,
    /fetch +1/,
    /c +queued +code\.debug/,
    'cogo jobs redrive j',
    /\(after 2\.0 s\)/,
  ]) {
    assert.ok(typeof part === 'string' ? page.includes(part) : part.test(page), `${part}\n${page}`);
  }
  assert.doesNotMatch(
    jobPage(job({ state: 'dead', redriven_to: 'k' }), nothing, 0),
    /again:/,
    'a job that was redriven is not offered again',
  );
});

test('the table has a row a job', () => {
  const text = jobTable([job({ attempt: 1, max_attempts: 3, created_at: at(0) })], Date.parse(at(5)));
  assert.match(text, /^j +queued +code\.build\.test +1\/3 +5\.0 s +– +–$/m);
});
