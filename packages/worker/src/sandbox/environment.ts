/** Marks every process of one command, so that a daemon that left its group and its parent is still found. */
export const MARK = 'JOB_MARK';

/**
 * The whole environment of a command: an allow-list built from nothing, so no secret of the worker's own environment
 * can come along by a name nobody thought of. Only the language and the time zone are inherited.
 */
export function jobEnvironment(o: {
  path: string[];
  home: string;
  tmp: string;
  mark: string;
  inherited: Record<string, string | undefined>;
}): Record<string, string> {
  const env: Record<string, string> = {
    PATH: o.path.join(':'),
    HOME: o.home,
    TMPDIR: o.tmp,
    LANG: o.inherited['LANG'] ?? 'C.UTF-8',
    TERM: 'dumb',
    USER: 'job',
    LOGNAME: 'job',
    SHELL: '/bin/sh',
    CI: 'true',
    NO_COLOR: '1',
    FORCE_COLOR: '0',
    npm_config_cache: `${o.tmp}/npm`,
    npm_config_update_notifier: 'false',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
    [MARK]: o.mark,
  };
  if (o.inherited['TZ']) env['TZ'] = o.inherited['TZ'];
  return env;
}
