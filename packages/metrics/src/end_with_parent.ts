/**
 * In a supervised child: calls `stop` once when the parent is gone (its pipe to our stdin closes, also by
 * SIGKILL) or asks for the end (SIGTERM, SIGINT). Without a supervisor only the signals count.
 */
export function endWithParent(stop: () => void): void {
  let asked = false;
  const once = () => {
    if (asked) return;
    asked = true;
    stop();
  };
  process.on('SIGTERM', once);
  process.on('SIGINT', once);
  if (process.env['COGO_SUPERVISED'] !== '1') return;
  process.stdin.on('end', once);
  process.stdin.on('close', once);
  process.stdin.on('error', once);
  process.stdin.resume();
}
