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

/** Tells programs of the proxy, each in the way it knows: curl, git, pip, cargo, go and npm; Node from 24 on. */
export function proxyEnvironment(url: string): Record<string, string> {
  const names = [
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'http_proxy',
    'https_proxy',
    'npm_config_proxy',
    'npm_config_https_proxy',
  ];
  return {
    ...Object.fromEntries(names.map((name) => [name, url])),
    NO_PROXY: 'localhost,127.0.0.1,::1',
    no_proxy: 'localhost,127.0.0.1,::1',
    NODE_USE_ENV_PROXY: '1',
  };
}
