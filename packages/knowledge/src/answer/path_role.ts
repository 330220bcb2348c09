/** A file that tests, shows or measures the thing instead of being it. */
export function isTestPath(path: string): boolean {
  return (
    /(?:^|\/)(?:tests?|__tests__|__mocks__|fixtures?|examples?|benchmarks?|bench)\//i.test(path) ||
    /(?:[._](?:test|spec|bench)|(?:^|[/_])testing)\.[cm]?[jt]sx?$/.test(path)
  );
}
