import { synthesize } from '@cogo/spec/schemas/synthesize.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({ name: 'synthesize', deps, configured: () => ({ compiler: false }) }).route(
    synthesize,
    (ctx) =>
      ctx.fail(
        'not_configured',
        'The compiler of applications is not part of this version, and no model stands in for it. Use rag to collect the evidence meanwhile.',
        { details: { reason: 'compiler_missing' } },
      ),
  );
}

export const app = makeApp();
