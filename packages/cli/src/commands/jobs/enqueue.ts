import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { gatewayStore } from '@cogo/client/artifact_store.ts';
import { storePayload } from '@cogo/client/stored_payload.ts';
import type { Command } from 'commander';
import { addCommand, withProject, type Host, type ProjectOption } from '../../command.ts';
import { CommandError } from '../../command_error.ts';
import type { Io } from '../../io.ts';
import { wholeNumber } from '../../numbers.ts';
import { connect, getProject } from '../../session/connect.ts';
import { enqueueOne, followJob, jobOutcome } from '../../session/jobs.ts';
import { unwrap } from '../../unwrap.ts';
import { stateText, valueText, whyNot } from './words.ts';

interface EnqueueOptions extends ProjectOption {
  payload?: string;
  key?: string;
  priority?: number;
  delay?: number;
  pin?: string;
  concurrencyKey?: string;
  maxAttempts?: number;
  wait?: boolean;
}

/** `cogo jobs enqueue` */
export function registerEnqueue(host: Host, jobs: Command): void {
  addCommand<EnqueueOptions>(host, jobs, {
    name: 'enqueue <type>',
    about: 'put a job in the queue of its executor',
    after:
      'With --wait it exits 1 when the job did not succeed.\n\n' +
      `Example: cogo jobs enqueue code.build.test --payload '{"repo_path":"/home/me/app"}' --wait`,
    options: (command) =>
      withProject(command)
        .option('--payload <json>', 'its input, a JSON object; @FILE reads a file, - standard input')
        .option('--key <key>', 'the same key enqueues it once')
        .option('--priority <n>', '0 first, 1 unless said, 2 last', wholeNumber(0, 2))
        .option('--delay <seconds>', 'not before so many seconds', wholeNumber(0, 2_592_000))
        .option('--pin <executor>', 'only this executor may run it')
        .option('--concurrency-key <key>', 'jobs of one key run one at a time, unless a limit says more')
        .option('--max-attempts <n>', 'dead after so many failures', wholeNumber(1, 50))
        .option('--wait', 'wait for its end'),
    action: async (run, options, [type]) => {
      const given = parsePayload(await payloadText(run.io, options.payload ?? '{}'));
      const session = await connect(run, options);
      const project = await getProject(session, options);
      const store = gatewayStore({ url: session.stack.urls.gateway, apikey: session.keys.secret_key });
      const { signal } = run.io;
      const payload = unwrap(await storePayload(store, project.id, given, { signal }), 'store the payload');
      const job = {
        type: type!,
        payload: payload as Record<string, unknown>,
        key: options.key,
        priority: options.priority,
        delay_s: options.delay,
        pin: options.pin,
        concurrency_key: options.concurrencyKey,
        max_attempts: options.maxAttempts,
      };
      const id = await enqueueOne(session.rpc, project.id, job);
      if (!options.wait) return { json: { ok: true, job_id: id }, text: id };
      const step = run.progress.step(`job ${type}`);
      const status = await followJob(session.rpc, id, {
        signal: run.io.signal,
        onStatus: (now) =>
          step.update(
            [stateText(now), now.progress ? valueText(now.progress) : ''].filter(Boolean).join(' '),
          ),
      });
      const outcome = jobOutcome(status);
      const good = outcome.state === 'succeeded';
      if (good) step.done(outcome.state);
      else step.fail(whyNot(status) ?? outcome.state);
      return {
        json: { ok: good, job: status },
        text: `${id} ${outcome.state}${good ? '' : `\n  see: cogo jobs show ${id}`}`,
        exit: good ? 0 : 1,
      };
    },
  });
}

/** What `--payload` means: JSON itself, `@FILE`, or `-` for standard input. An argument holds 128 KiB at most on Linux. */
async function payloadText(io: Io, given: string): Promise<string> {
  if (given === '-') return text(io.stdin);
  if (!given.startsWith('@')) return given;
  const file = resolve(io.cwd, given.slice(1));
  return readFile(file, 'utf8').catch((error: Error) => {
    throw new CommandError({
      code: 'bad_request',
      what: 'The payload cannot be read.',
      why: error.message,
      todo: 'name a file: --payload @payload.json',
      exit: 2,
    });
  });
}

/** The payload of `--payload`. Throws when it is no JSON object. */
export function parsePayload(text: string): Record<string, unknown> {
  let value: unknown;
  let why = 'it is JSON, but not an object';
  try {
    value = JSON.parse(text);
  } catch (error) {
    why = (error as Error).message;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new CommandError({
    code: 'invalid_json',
    what: 'The payload cannot be used.',
    why,
    todo: `give a JSON object in single quotes: --payload '{"repo_path":"…"}'`,
    exit: 2,
  });
}
