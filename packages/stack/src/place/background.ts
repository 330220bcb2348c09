import type { GatewayConnection } from '../gateway/open_connection.ts';
import { createOutbox, needsOutbox } from '../outbox/outbox.ts';
import { createScheduler, needsScheduler } from '../schedule/scheduler.ts';

export interface Background {
  stop(): Promise<void>;
}

const SETTLE_MS = 100;

/**
 * What a Supabase project does on its own: schedules, the outbox, and reading the schema again when it changed (`NOTIFY pgrst`).
 * The first two only where the place has no pg_cron and pg_net.
 */
export async function startBackground(
  connection: GatewayConnection,
  log: (line: string) => void,
): Promise<Background> {
  const { db } = connection;
  const stops: (() => Promise<void>)[] = [];
  if (await needsOutbox(db)) {
    const outbox = createOutbox({ db, fetch: globalThis.fetch, log });
    await outbox.start();
    stops.push(() => outbox.stop());
  }
  if (await needsScheduler(db)) {
    const scheduler = createScheduler({ db, now: Date.now, log });
    scheduler.start();
    stops.push(() => scheduler.stop());
  }
  let settle: NodeJS.Timeout | undefined;
  let reading: Promise<void> | undefined;
  const unlisten = await db.listen('pgrst', () => {
    clearTimeout(settle);
    settle = setTimeout(() => {
      reading = connection
        .refreshSchema()
        .catch((error: unknown) => log(`schema: ${(error as Error).message}`));
    }, SETTLE_MS);
  });
  stops.push(async () => {
    clearTimeout(settle);
    await unlisten();
    await reading;
  });
  return {
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}
