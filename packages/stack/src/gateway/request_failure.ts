import { AsyncLocalStorage } from 'node:async_hooks';

interface Slot {
  failure: unknown;
}

const slots = new AsyncLocalStorage<Slot>();

/** Keeps the failure that the gateway library is about to answer with a bare 500, for the request it happened in. */
export function noteFailure(failure: unknown): void {
  const slot = slots.getStore();
  if (slot) slot.failure = failure;
}

/** Runs a request and tells what failed in it, if `noteFailure` was called. */
export async function withFailure<T>(work: () => Promise<T>): Promise<{ value: T; failure: unknown }> {
  const slot: Slot = { failure: undefined };
  const value = await slots.run(slot, work);
  return { value, failure: slot.failure };
}
