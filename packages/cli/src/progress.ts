import type { Io } from './io.ts';

/** One step of a long command. `update` may be called often; one of the others once. */
export interface Step {
  update(note: string): void;
  /** Ends it, and returns how long it took in ms: as measured here, unless told. */
  done(note?: string, ms?: number): number;
  fail(note?: string): void;
  /** Ends it without a line. */
  cancel(): void;
}

export interface Progress {
  step(name: string): Step;
  /** The line of a step that was not shown while it ran. */
  finished(name: string, ms: number, note?: string): void;
  /** A line that stays, above the moving one. */
  line(text: string): void;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 80;
/** On a pipe or in CI a running step says where it is at most this often. */
const PLAIN_EVERY_MS = 5000;

/** Progress on stderr: a spinner line on a terminal, plain lines elsewhere. Steps do not nest. */
export function createProgress(io: Io, now: () => number = () => performance.now()): Progress {
  return io.stderr.isTTY && io.env['TERM'] !== 'dumb' && !io.env['CI']
    ? ttyProgress(io, now)
    : plainProgress(io, now);
}

/** `1.2 s`, `340 ms` */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const GREEN_TICK = '\x1b[32m✓\x1b[0m';

function endLine(tick: string, name: string, ms: number, note: string | undefined): string {
  return `${tick} ${name} (${duration(ms)})${note ? `: ${note}` : ''}`;
}

function plainProgress(io: Io, now: () => number): Progress {
  const print = (text: string) => io.stderr.write(`${text}\n`);
  return {
    line: print,
    finished: (name, ms, note) => print(endLine('✓', name, ms, note)),
    step(name) {
      const began = now();
      let said = began;
      return {
        update(note) {
          if (now() - said < PLAIN_EVERY_MS) return;
          said = now();
          print(`… ${name}: ${note}`);
        },
        done(note, ms = now() - began) {
          print(endLine('✓', name, ms, note));
          return ms;
        },
        fail: (note) => print(`✗ ${name}${note ? `: ${note}` : ''}`),
        cancel() {},
      };
    },
  };
}

function ttyProgress(io: Io, now: () => number): Progress {
  let redraw: (() => void) | undefined;
  const clear = () => io.stderr.write('\r\x1b[K');
  const print = (text: string) => {
    if (redraw) clear();
    io.stderr.write(`${text}\n`);
    redraw?.();
  };
  return {
    line: print,
    finished: (name, ms, note) => print(endLine(GREEN_TICK, name, ms, note)),
    step(name) {
      const began = now();
      let note = '';
      let frame = 0;
      const draw = () => {
        const text = `${FRAMES[frame++ % FRAMES.length]} ${name} ${duration(now() - began)} ${note}`;
        io.stderr.write(`\r\x1b[K${clip(text, (io.stderr.columns ?? 80) - 1)}`);
      };
      const timer = setInterval(draw, FRAME_MS);
      timer.unref();
      redraw = draw;
      draw();
      const end = () => {
        clearInterval(timer);
        if (redraw === draw) redraw = undefined;
        clear();
      };
      return {
        update(text) {
          note = text;
        },
        done(text, ms = now() - began) {
          end();
          print(endLine(GREEN_TICK, name, ms, text));
          return ms;
        },
        fail(text) {
          end();
          print(`\x1b[31m✗\x1b[0m ${name}${text ? `: ${text}` : ''}`);
        },
        cancel: end,
      };
    },
  };
}

function clip(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text : `${chars.slice(0, Math.max(0, width - 1)).join('')}…`;
}
