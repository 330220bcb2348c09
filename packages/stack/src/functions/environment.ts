import type { Keys } from '@cogo/client/stack_file.ts';
import { COGO_VERSION as VERSION } from '@cogo/spec/version.ts';
import { passedEnvironment } from './permissions.ts';

/** What every function of the embedded and the own place sees: Supabase's names, and the place. */
export function functionsEnvironment(o: {
  gatewayUrl: string;
  keys: Keys;
  place: 'embedded' | 'own';
  env: NodeJS.ProcessEnv;
}): Record<string, string> {
  const { keys } = o;
  return {
    ...passedEnvironment(o.env),
    SUPABASE_URL: o.gatewayUrl,
    SUPABASE_ANON_KEY: keys.publishable_key,
    SUPABASE_SERVICE_ROLE_KEY: keys.secret_key,
    SUPABASE_PUBLISHABLE_KEY: keys.publishable_key,
    SUPABASE_SECRET_KEY: keys.secret_key,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishable_key }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secret_key }),
    SUPABASE_JWT_SECRET: keys.jwt_secret,
    COGO_KEK: keys.kek,
    COGO_PLACE: o.place,
    COGO_VERSION: VERSION,
  };
}
