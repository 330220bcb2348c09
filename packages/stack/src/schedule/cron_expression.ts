// Five-field cron and pg_cron's 'N seconds', as pure functions over UTC. Source: pg_cron README; crontab(5).

export type Schedule =
  | { kind: 'interval'; seconds: number }
  | {
      kind: 'cron';
      fields: [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>];
      anyDay: boolean;
      anyWeekday: boolean;
      lastDay: boolean;
    };

const RANGES: [number, number][] = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
];
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** A schedule, or `undefined` when the text is none. `$` as day of month is the month's last day, as in pg_cron. */
export function parseSchedule(text: string): Schedule | undefined {
  const interval = /^\s*(\d{1,2})\s+seconds?\s*$/i.exec(text);
  if (interval) {
    const seconds = Number(interval[1]);
    return seconds >= 1 && seconds <= 59 ? { kind: 'interval', seconds } : undefined;
  }
  const parts = text.trim().split(/\s+/);
  if (parts.length !== 5) return undefined;
  const lastDay = parts[2] === '$';
  const fields = parts.map((part, index) =>
    index === 2 && lastDay ? new Set<number>() : parseField(part, index),
  );
  if (fields.some((field) => field === undefined)) return undefined;
  const [minute, hour, day, month, weekday] = fields as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ];
  if (weekday.has(7)) weekday.add(0);
  return {
    kind: 'cron',
    fields: [minute, hour, day, month, weekday],
    anyDay: parts[2]!.startsWith('*'),
    anyWeekday: parts[4]!.startsWith('*'),
    lastDay,
  };
}

function parseField(text: string, index: number): Set<number> | undefined {
  const [low, high] = RANGES[index]!;
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const match = /^(\*|[0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?(?:\/(\d+))?$/.exec(item);
    if (!match) return undefined;
    const [, first, second, stepText] = match;
    const step = stepText === undefined ? 1 : Number(stepText);
    const from = first === '*' ? low : fieldValue(first!, index);
    const to =
      first === '*'
        ? high
        : second !== undefined
          ? fieldValue(second, index)
          : stepText !== undefined
            ? high
            : from;
    if (from === undefined || to === undefined || step < 1 || from < low || to > high || from > to)
      return undefined;
    if (first === '*' && second !== undefined) return undefined;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  return values;
}

function fieldValue(text: string, index: number): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const names = index === 3 ? MONTHS : index === 4 ? DAYS : [];
  const at = names.indexOf(text.toLowerCase());
  return at < 0 ? undefined : index === 3 ? at + 1 : at;
}

/** Whether a cron schedule fires in the minute of `at` (epoch milliseconds). With both days restricted either may match. */
export function firesInMinute(schedule: Extract<Schedule, { kind: 'cron' }>, at: number): boolean {
  const date = new Date(at);
  const [minute, hour, day, month, weekday] = schedule.fields;
  if (
    !minute.has(date.getUTCMinutes()) ||
    !hour.has(date.getUTCHours()) ||
    !month.has(date.getUTCMonth() + 1)
  ) {
    return false;
  }
  const today = date.getUTCDate();
  const dayMatches = schedule.lastDay ? today === lastDayOf(date) : day.has(today);
  const weekdayMatches = weekday.has(date.getUTCDay());
  if (schedule.anyDay || schedule.anyWeekday) return dayMatches && weekdayMatches;
  return dayMatches || weekdayMatches;
}

function lastDayOf(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

/**
 * Whether a job is due at `now`, given when it was last due. A place that slept through several times runs the job once: missed
 * runs do not pile up.
 */
export function isDue(schedule: Schedule, lastDue: number, now: number): boolean {
  if (schedule.kind === 'interval') return now - lastDue >= schedule.seconds * 1000;
  const minute = Math.floor(now / 60_000);
  return minute > Math.floor(lastDue / 60_000) && firesInMinute(schedule, minute * 60_000);
}
