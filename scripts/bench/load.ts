export interface Load {
  /** Milliseconds of each answered request, in the order of their end. */
  latencies: number[];
  failures: string[];
  elapsedMs: number;
}

/** Keeps `concurrency` requests going until `total` are done. A request that throws is a failure, by its message. */
export async function runLoad(o: {
  total: number;
  concurrency: number;
  request: (n: number) => Promise<void>;
}): Promise<Load> {
  const latencies: number[] = [];
  const failures: string[] = [];
  let next = 0;
  const began = performance.now();
  const worker = async () => {
    while (next < o.total) {
      const n = next++;
      const from = performance.now();
      try {
        await o.request(n);
        latencies.push(performance.now() - from);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
  };
  await Promise.all(Array.from({ length: o.concurrency }, worker));
  return { latencies, failures, elapsedMs: performance.now() - began };
}
