import type { Outcome } from './field.ts';

export interface PhaseContext {
  quick: boolean;
  /** Seconds. */
  leaseS: number;
  /** A new database with shims and migrations. */
  database(): Promise<string>;
  /** Stops the server and starts it again; null where the server is not ours to stop. */
  restartServer: (() => Promise<void>) | null;
  /** Ends the server without letting it flush anything, and starts it again; null as above. */
  crashServer: (() => Promise<void>) | null;
}

export interface PhaseResult extends Outcome {
  /** Milliseconds; null where nothing had to recover. */
  recoverMs: number | null;
  /** What that time counts. */
  recovered: string;
  /** Milliseconds the recovery may take; null where there is no such target. */
  targetMs: number | null;
  /** Further figures of this phase. */
  more?: Record<string, number>;
  /** Why the phase failed beyond lost and double. */
  failed?: string;
}

export type Phase = (context: PhaseContext) => Promise<PhaseResult>;

/** Thrown by a phase that cannot run here. */
export class Skipped extends Error {}
