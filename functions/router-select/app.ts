import { routerSelect } from '@cogo/spec/schemas/router-select.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({ name: 'router-select', deps, configured: () => ({ providers: false }) }).route(
    routerSelect,
    (ctx) =>
      ctx.fail(
        'not_configured',
        'No model provider is registered, so there is nothing to rank. chat and embed answer with the embedded models when model is left out.',
        { details: { reason: 'provider_registry_missing' } },
      ),
  );
}

export const app = makeApp();
