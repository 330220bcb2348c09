export type LogLevel = 'info' | 'warn' | 'error';

/** One line about the worker itself; `fields` must hold no secret. */
export type WorkerLog = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

/** Lines for people: `12:03:44 message key=value`. */
export function textLog(write: (line: string) => void, now: () => Date = () => new Date()): WorkerLog {
  return (level, message, fields = {}) => {
    const extra = Object.entries(fields)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join('');
    const mark = level === 'info' ? '' : `${level}: `;
    write(`${now().toISOString().slice(11, 19)} ${mark}${message}${extra}\n`);
  };
}

/** One JSON object a line. */
export function jsonLog(write: (line: string) => void, now: () => Date = () => new Date()): WorkerLog {
  return (level, message, fields = {}) =>
    write(`${JSON.stringify({ at: now().toISOString(), level, message, ...fields })}\n`);
}
