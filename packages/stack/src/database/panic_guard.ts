import type { PGlite } from '@electric-sql/pglite';
import { backendReader } from './backend_messages.ts';

/** Thrown for everything asked of an embedded database after it stopped. */
export class DatabaseStopped extends Error {
  readonly code: string;
  readonly hint =
    'What was committed is safe. Free some space if the disk is full, then start again: cogo down, cogo up.';

  constructor(reason: string, code: string) {
    super(`the database stopped: ${reason}`);
    this.name = 'DatabaseStopped';
    this.code = code;
  }
}

export interface PanicGuard {
  /** Why the database stopped, once it has. */
  stopped(): DatabaseStopped | undefined;
}

type RawSync = (message: Uint8Array) => Uint8Array;

interface Inner {
  /** The `status` of the exception that stands for a longjmp; every other one means that the engine is gone. */
  POSTGRES_MAIN_LONGJMP: number;
  mod: {
    _PostgresMainLoopOnce(): void;
    _PostgresSendReadyForQueryIfNecessary(): void;
    _pgl_pq_flush(): void;
  };
  execProtocolRawSync: RawSync;
  execProtocolStream(message: Uint8Array, options: object): Promise<unknown>;
  execProtocolRawStream(message: Uint8Array, options: { onRawData(data: Uint8Array): void }): Promise<void>;
}

/**
 * After a PANIC (a write-ahead log that can not be written, mostly a full disk) Postgres must be started again. PGlite 0.5 instead
 * swallows the abort and loops forever, with the rest of the same message or at the next one, and takes the process with it. This
 * leaves that loop and refuses what comes after.
 */
export function guardAgainstPanic(pglite: PGlite): PanicGuard {
  let stopped: DatabaseStopped | undefined;
  const inner = pglite as unknown as Inner;
  const stop = (reason: string, code: string) => {
    stopped ??= new DatabaseStopped(reason, code);
  };
  const { mod } = inner;
  const loopOnce = mod._PostgresMainLoopOnce.bind(mod);
  mod._PostgresMainLoopOnce = () => {
    try {
      loopOnce();
    } catch (error) {
      if ((error as { status?: number }).status === inner.POSTGRES_MAIN_LONGJMP) throw error;
      stop(error instanceof Error ? error.message : String(error), 'XX000');
      mod._PostgresSendReadyForQueryIfNecessary = () => {};
      mod._pgl_pq_flush = () => {};
      throw wayOut(() => stopped);
    }
  };
  const raw = inner.execProtocolRawSync.bind(pglite);
  inner.execProtocolRawSync = (message) => {
    if (stopped) throw stopped;
    return raw(message);
  };
  const parsed = inner.execProtocolStream.bind(pglite);
  inner.execProtocolStream = async (message, options) => {
    try {
      return await parsed(message, options);
    } catch (error) {
      const {
        severity,
        message: reason,
        code,
      } = error as { severity?: string; message: string; code?: string };
      if (severity === 'PANIC') stop(reason, code ?? 'XX000');
      throw error;
    }
  };
  const streamed = inner.execProtocolRawStream.bind(pglite);
  inner.execProtocolRawStream = (message, options) => {
    const read = backendReader({
      error: ({ severity, message: reason, code }) => {
        if (severity === 'PANIC') stop(reason, code);
      },
    });
    return streamed(message, {
      ...options,
      onRawData: (data) => {
        read(data);
        options.onRawData(data);
      },
    });
  };
  return { stopped: () => stopped };
}

/** PGlite catches what the engine throws and asks for its `status`: the only place to get out of its loop. */
function wayOut(error: () => unknown): object {
  return {
    get status(): number {
      throw error();
    },
  };
}
