import { fileURLToPath } from 'node:url';

/** Folder of the installation: holds `functions/`, `supabase/migrations/` and `packages/`. */
export const INSTALL_ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Scripts of the child processes. */
export const BINS = {
  cogo: fileURLToPath(new URL('../bin/cogo.mjs', import.meta.url)),
  worker: fileURLToPath(new URL('../../worker/bin/cogo-work.mjs', import.meta.url)),
  metrics: fileURLToPath(new URL('../../metrics/bin/cogo-metrics.mjs', import.meta.url)),
};
