import type { CommanderError } from 'commander';

/** The process as the commands see it: tests give their own. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  env: Record<string, string | undefined>;
  cwd: string;
  /** Reads one line of standard input, for a secret that must not stand on a command line. */
  line(): Promise<string>;
  /** Calls back when the process is asked to end; returns how to stop listening. */
  onEnd(stop: (why: 'interrupt' | 'end') => void): () => void;
}

export function processIo(): Io {
  // `cogo-work status | head` closes our stdout; that is no failure of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    async line() {
      let text = '';
      for await (const chunk of process.stdin) {
        text += String(chunk);
        if (text.includes('\n')) break;
      }
      return text.split('\n')[0]!.trim();
    },
    onEnd(stop) {
      const interrupt = () => stop('interrupt');
      const end = () => stop('end');
      process.on('SIGINT', interrupt);
      process.on('SIGTERM', end);
      process.on('SIGHUP', end);
      // A supervisor holds our stdin open: when it is gone, however it went, the pipe closes.
      const supervised = process.env['COGO_SUPERVISED'] === '1';
      if (supervised) {
        for (const event of ['end', 'close', 'error']) process.stdin.on(event, end);
        process.stdin.resume();
      }
      return () => {
        process.off('SIGINT', interrupt);
        process.off('SIGTERM', end);
        process.off('SIGHUP', end);
        if (supervised) {
          for (const event of ['end', 'close', 'error']) process.stdin.off(event, end);
          process.stdin.pause();
        }
      };
    },
  };
}

/** What commander found wrong, without its own prefix and full stop. Without a command it shows its help instead. */
export function wrongUse(error: CommanderError): string {
  if (error.code === 'commander.help') return 'No command was given';
  return error.message.replace(/^error: /, '').replace(/\.$/, '');
}
