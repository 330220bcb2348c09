import { keyVault } from '@cogo/spec/schemas/key-vault.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({ name: 'key-vault', deps, configured: () => ({ store: false }) }).route(
    keyVault,
    (ctx) => {
      // The refusal must not repeat the request: it may hold a secret.
      const dropped =
        ctx.body.op === 'put' || ctx.body.op === 'rotate' ? ' The secret you sent was not kept.' : '';
      return ctx.fail(
        'not_configured',
        `This version stores no provider keys yet.${dropped} Keep the key in the environment of your own service.`,
        { details: { reason: 'key_store_missing', op: ctx.body.op } },
      );
    },
  );
}

export const app = makeApp();
