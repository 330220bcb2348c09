import { PassThrough } from 'node:stream';
import type { Io } from './io.ts';
import { main } from './main.ts';

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** For tests: runs the CLI in this process with streams of its own and an empty environment. */
export async function runCli(argv: string[], over: Partial<Io> = {}): Promise<Ran> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const text = { stdout: '', stderr: '' };
  stdout.on('data', (chunk: Buffer) => {
    text.stdout += chunk.toString();
  });
  stderr.on('data', (chunk: Buffer) => {
    text.stderr += chunk.toString();
  });
  const code = await main(argv, {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: {},
    cwd: process.cwd(),
    signal: new AbortController().signal,
    ...over,
  });
  return { code, ...text };
}
