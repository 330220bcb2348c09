import { roleSelect } from '@cogo/spec/schemas/role-select.ts';
import { createApp, type CogoApp, type GivenDeps } from '../_shared/plane.ts';

export function makeApp(deps: GivenDeps = {}): CogoApp {
  return createApp({ name: 'role-select', deps, configured: () => ({ registry: false }) }).route(
    roleSelect,
    (ctx) =>
      ctx.fail(
        'not_configured',
        'No roles are registered: this version has no role registry. Send the request to chat without role_id.',
        { details: { reason: 'role_registry_missing' } },
      ),
  );
}

export const app = makeApp();
