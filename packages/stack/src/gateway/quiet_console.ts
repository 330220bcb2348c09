// The gateway library prints errors and mails with `console`. In a CLI that owns the terminal these go to the log instead.

const expected = new WeakSet<object>();
let sink: ((line: string) => void) | undefined;
let installed = false;

/** Marks an error that a caller gets as an answer and that nobody needs to read in a log. */
export function expectError(error: unknown): void {
  if (typeof error === 'object' && error !== null) expected.add(error);
}

/** Sends what the gateway library prints to `write`, without expected errors. Answers how to undo it. */
export function quietConsole(write: (line: string) => void): () => void {
  sink = write;
  if (!installed) {
    installed = true;
    for (const level of ['error', 'warn', 'info'] as const) {
      const original = console[level].bind(console);
      console[level] = (...args: unknown[]) => {
        if (typeof args[0] === 'object' && args[0] !== null && expected.has(args[0])) return;
        if (sink && fromGatewayLibrary()) sink(args.map(printable).join(' '));
        else original(...args);
      };
    }
  }
  return () => {
    if (sink === write) sink = undefined;
  };
}

function fromGatewayLibrary(): boolean {
  return new Error().stack?.split('\n', 5).some((frame) => /@supabase[\\/]lite[\\/]/.test(frame)) ?? false;
}

function printable(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
