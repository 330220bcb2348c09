import { embedFillHere } from './embed_fill.ts';
import type { PlanHandler } from './handler.ts';
import { researchRun } from './research_run.ts';
import { storageClean } from './storage_clean.ts';

/** What `cogo-plan` can do, in Edge Functions and on servers alike. */
export const PLAN_HANDLERS: readonly PlanHandler[] = [researchRun, embedFillHere, storageClean];
