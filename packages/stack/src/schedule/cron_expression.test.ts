import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDue, parseSchedule } from './cron_expression.ts';

const at = (text: string) => Date.parse(text);

test('what is no schedule is refused', () => {
  for (const text of [
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    'a * * * *',
    '* * * foo *',
    '*-5 * * * *',
    '0 seconds',
    '60 seconds',
    '-1 seconds',
  ]) {
    assert.equal(parseSchedule(text), undefined, text);
  }
});

test('a schedule fires in the minutes crontab(5) names', () => {
  const table: [schedule: string, time: string, fires: boolean][] = [
    ['* * * * *', '2026-03-01T00:00:59Z', true],
    ['*/15 * * * *', '2026-03-01T10:45:00Z', true],
    ['*/15 * * * *', '2026-03-01T10:46:00Z', false],
    ['5/20 * * * *', '2026-03-01T10:45:00Z', true],
    ['0 9-17/2 * * *', '2026-03-01T13:00:00Z', true],
    ['0 9-17/2 * * *', '2026-03-01T14:00:00Z', false],
    ['0,30 12 * * *', '2026-03-01T12:30:00Z', true],
    ['0 0 1 jan *', '2026-01-01T00:00:00Z', true],
    ['0 0 * * sun', '2026-03-01T00:00:00Z', true],
    ['0 0 * * 7', '2026-03-01T00:00:00Z', true],
    ['0 0 * * mon-fri', '2026-03-01T00:00:00Z', false],
    // both days restricted: either may match
    ['0 0 13 * fri', '2026-03-13T00:00:00Z', true],
    ['0 0 13 * fri', '2026-03-06T00:00:00Z', true],
    ['0 0 13 * fri', '2026-03-07T00:00:00Z', false],
    // an asterisk with a step restricts nothing in that sense
    ['0 0 */2 * fri', '2026-03-06T00:00:00Z', false],
    ['0 0 $ * *', '2026-02-28T00:00:00Z', true],
    ['0 0 $ * *', '2028-02-28T00:00:00Z', false],
    ['0 0 $ * *', '2028-02-29T00:00:00Z', true],
  ];
  for (const [text, time, fires] of table) {
    const schedule = parseSchedule(text);
    assert.ok(schedule, text);
    assert.equal(isDue(schedule, at(time) - 86_400_000, at(time)), fires, `${text} at ${time}`);
  }
});

test('a job runs once a minute however often it is looked at, and once after a long sleep', () => {
  const schedule = parseSchedule('* * * * *')!;
  const noon = at('2026-03-01T12:00:00Z');
  assert.equal(isDue(schedule, noon + 1_000, noon + 59_000), false);
  assert.equal(isDue(schedule, noon + 59_000, noon + 60_000), true);
  assert.equal(isDue(schedule, noon, noon + 3_600_000), true);
  assert.equal(isDue(schedule, noon + 3_600_000, noon + 3_601_000), false);
});

test('an interval counts from the last run', () => {
  const schedule = parseSchedule(' 5 Seconds ')!;
  assert.equal(isDue(schedule, 1_000, 5_999), false);
  assert.equal(isDue(schedule, 1_000, 6_000), true);
});
