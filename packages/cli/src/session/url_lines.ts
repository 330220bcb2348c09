import type { StackFile } from '@cogo/client/stack_file.ts';

/** The addresses of a stack, one a line. */
export function urlLines(stack: StackFile): string {
  const { urls } = stack;
  return [
    `  gateway    ${urls.gateway}`,
    `  functions  ${urls.functions}`,
    `  studio     ${urls.studio}   (user cogo, password: cogo keys studio)`,
    ...(urls.dashboard ? [`  dashboard  ${urls.dashboard}`] : []),
    `  postgres   ${withoutPassword(urls.db)}   (cogo psql)`,
  ].join('\n');
}

/** A database URL with its password left out. */
export function withoutPassword(url: string): string {
  return url.replace(/^(postgres(?:ql)?:\/\/[^:/@]+):[^@]*@/, '$1@');
}
