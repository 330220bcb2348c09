/** Where the gateway writes what an operator should know. Never carries a payload, a token or a key. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Record<string, unknown>,
) => void;
