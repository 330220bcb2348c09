const SHAPES =
  /\b(?:sb_secret_[\w-]+|sb_publishable_[\w-]+|cogo_[pw]t_[0-9A-Za-z]+|eyJ[\w-]+\.[\w-]+\.[\w-]+|sk-[\w-]{16,}|Bearer\s+[^\s"']+|postgres(?:ql)?:\/\/[^\s:@/]+:[^\s@]+@)/g;

/** Removes known secrets and whatever looks like one from a line that goes to a log. */
export function redactor(secrets: readonly string[]): (line: string) => string {
  const known = secrets.filter((secret) => secret.length >= 8);
  return (line) => {
    let clean = line;
    for (const secret of known) clean = clean.replaceAll(secret, '[redacted]');
    return clean.replace(SHAPES, '[redacted]');
  };
}
