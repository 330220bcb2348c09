// Phases that hurt a worker: killed, stopped and continued, cut off, its clock set.
import { Field, pause, SWEEP_MS } from './field.ts';
import type { Phase, PhaseContext, PhaseResult } from './phase.ts';
import { TcpProxy } from './tcp_proxy.ts';

/** A lease, the second a sweep may take to come, the second a claim may: 32 s with a lease of 30 s. */
const takeoverMs = (leaseS: number) => leaseS * 1000 + SWEEP_MS + 1000;

/** An executor that promised to be heard of is seen to be dead after three misses and a sweep, whatever its leases say. */
const SEEN_DEAD_MS = 15_000;
export const SEEN_LEASE_S = 30;

/** A worker that was cut off is to work again within this time. */
const BACK_MS = 15_000;

/** Killed while it holds jobs: the other worker gets them when the lease ends, where nothing else tells that it is gone. */
export const sigkill: Phase = (context) => killed(context, { silent: true });

/** The same with workers as they are, which promise to be heard of: nobody waits for the lease. */
export const sigkillSeen: Phase = (context) => killed({ ...context, leaseS: SEEN_LEASE_S }, {});

async function killed(
  { quick, leaseS, database }: PhaseContext,
  config: { silent?: boolean },
): Promise<PhaseResult> {
  const field = new Field(await database(), leaseS);
  try {
    // Few enough that the other one is idle when the lease ends.
    await field.enqueue(quick ? 40 : 80, 300);
    const victim = field.worker(config);
    field.worker(config);
    await field.holds(victim, 4);
    victim.signal('SIGKILL');
    const held = await field.held(victim);
    const recoverMs = await field.handedOn(held, leaseS * 2000 + 20_000);
    return {
      ...(await field.count(60_000)),
      recoverMs,
      recovered: 'from the kill until its jobs were given to another',
      targetMs: config.silent ? takeoverMs(leaseS) : SEEN_DEAD_MS,
    };
  } finally {
    await field.close();
  }
}

/** Stopped for two leases and continued: what it then reports is refused, and it works on. */
export const sigstop: Phase = async ({ quick, leaseS, database }) => {
  const field = new Field(await database(), leaseS);
  try {
    const victim = field.worker();
    // Before the other worker is there, so that these are the victim's; long enough to be stopped in the middle.
    await field.enqueue(4, leaseS * 300);
    const held = await field.holds(victim, 4);
    victim.signal('SIGSTOP');
    field.worker();
    await field.enqueue(quick ? 30 : 200, 50);
    const recoverMs = await field.handedOn(held, leaseS * 2000 + 20_000);
    await pause(Math.max(0, leaseS * 2000 - recoverMs));
    victim.signal('SIGCONT');
    await field.enqueue(40, 200);
    await field.holds(victim, 1);
    return {
      ...(await field.count(60_000)),
      recoverMs,
      recovered: 'from the stop until its jobs were given to another',
      targetMs: takeoverMs(leaseS),
    };
  } finally {
    await field.close();
  }
};

/** The network of one worker swallows everything without a word, for two leases; then new connections work again. */
export const halfOpenSocket: Phase = async ({ quick, leaseS, database }) => {
  const url = await database();
  const field = new Field(url, leaseS);
  const direct = new URL(url);
  const proxy = await TcpProxy.open(direct.hostname, Number(direct.port));
  try {
    const through = new URL(url);
    through.hostname = '127.0.0.1';
    through.port = String(proxy.port);
    const victim = field.worker({ postgres: through.href });
    await field.enqueue(4, leaseS * 400);
    const held = await field.holds(victim, 4);
    field.worker();
    await field.enqueue(quick ? 40 : 200, 50);
    proxy.goDeaf();
    const recoverMs = await field.handedOn(held, leaseS * 2000 + 20_000);
    await pause(Math.max(0, leaseS * 2000 - recoverMs));
    proxy.heal();
    const back = await field.works(victim, BACK_MS);
    return {
      ...(await field.count(90_000)),
      recoverMs,
      recovered: 'from the silence until its jobs were given to another',
      targetMs: takeoverMs(leaseS),
      ...(back === null
        ? { failed: `the worker did nothing for ${BACK_MS / 1000} s after its network was back` }
        : { more: { worker_back_ms: Math.round(back) } }),
    };
  } finally {
    proxy.close();
    await field.close();
  }
};

/** The clock of one worker is set an hour ahead, then two back. */
export const clockJump: Phase = async ({ quick, leaseS, database }) => {
  const field = new Field(await database(), leaseS);
  try {
    const hour = 3_600_000;
    const jumps = [
      { afterMs: 2000, byMs: hour },
      { afterMs: 4000, byMs: -2 * hour },
    ];
    await field.enqueue(quick ? 60 : 200, 150);
    const victim = field.worker({ jumps });
    await field.holds(victim, 1);
    field.worker();
    await pause(4500);
    const recoverMs = await field.nextDone(20_000);
    return {
      ...(await field.count(60_000)),
      recoverMs,
      recovered: 'from the second jump until the next job was done',
      targetMs: takeoverMs(leaseS),
      more: { jumps: victim.lines.filter((line) => line.event === 'jumped').length },
    };
  } finally {
    await field.close();
  }
};
