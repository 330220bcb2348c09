import type { Progress, Step } from '../progress.ts';

/** Shows the steps of a start, which the stack tells as begin (no `ms`) and end (`ms`). */
export function stepProgress(
  progress: Progress,
): (step: { name: string; ms?: number; note?: string }) => void {
  let current: { name: string; step: Step } | undefined;
  return ({ name, ms, note }) => {
    if (ms === undefined) {
      if (current?.name === name) {
        if (note) current.step.update(note);
        return;
      }
      // Steps may overlap; the moving line shows the newest one.
      current?.step.cancel();
      current = { name, step: progress.step(name) };
      if (note) current.step.update(note);
      return;
    }
    if (current?.name === name) {
      current.step.done(note, ms);
      current = undefined;
    } else {
      progress.finished(name, ms, note);
    }
  };
}
