// The part of register.mjs that runs on Node's thread for loaders.
import { instrumentLoaded } from './instrument.mjs';

const LATEST = Symbol.for('cogo.trace.generation');
let root = '';
let generation = 0;

export function initialize(data) {
  ({ root, generation } = data);
  globalThis[LATEST] = generation;
}

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  return globalThis[LATEST] === generation ? instrumentLoaded(loaded, url, root) : loaded;
}
