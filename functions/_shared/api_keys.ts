import { equalSecrets } from '@cogo/spec/sha256.ts';

export interface ApiKeys {
  publishable: string[];
  secret: string[];
}

/**
 * The project's keys by every name Supabase has given them: single variables (old and new) and, on newer hosted
 * projects, JSON maps of name to key. The first of each list is the one used for own calls.
 */
export function apiKeys(env: (key: string) => string | undefined): ApiKeys {
  const collect = (single: string[], map: string) => [
    ...new Set([...single.map((name) => env(name) ?? ''), ...valuesOf(env(map))].filter((key) => key !== '')),
  ];
  return {
    publishable: collect(['SUPABASE_PUBLISHABLE_KEY', 'SUPABASE_ANON_KEY'], 'SUPABASE_PUBLISHABLE_KEYS'),
    secret: collect(['SUPABASE_SECRET_KEY', 'SUPABASE_SERVICE_ROLE_KEY'], 'SUPABASE_SECRET_KEYS'),
  };
}

/** Which kind of key this is, if it is one. Every key is compared, so the time tells nothing about which matched. */
export async function kindOfKey(
  keys: ApiKeys,
  presented: string,
): Promise<'publishable' | 'secret' | undefined> {
  const matches = (list: string[]) => Promise.all(list.map((key) => equalSecrets(key, presented)));
  const [secret, publishable] = await Promise.all([matches(keys.secret), matches(keys.publishable)]);
  if (secret.includes(true)) return 'secret';
  return publishable.includes(true) ? 'publishable' : undefined;
}

function valuesOf(json: string | undefined): string[] {
  if (!json) return [];
  try {
    const map: unknown = JSON.parse(json);
    if (typeof map !== 'object' || map === null) return [];
    return Object.values(map).filter((value): value is string => typeof value === 'string');
  } catch {
    return [];
  }
}
