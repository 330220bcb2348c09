import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure, ok, type Result } from '@cogo/spec/result.ts';
import { openProxy } from './proxy.ts';

export interface WayOut {
  /** Unix socket of the proxy, to be bound into the sandbox. */
  socket: string;
  close(): Promise<void>;
}

/**
 * A proxy for one command, on a socket in a private folder. A path of a socket may have 108 bytes (unix(7)): it lies in
 * the system's tmp, not in a workspace that may lie deep.
 */
export async function openWayOut(
  hosts: readonly string[],
  onRefused: (target: string, why: string) => void,
): Promise<Result<WayOut>> {
  let dir: string | null = null;
  const clear = () => (dir ? rm(dir, { recursive: true, force: true }) : Promise.resolve());
  try {
    dir = await mkdtemp(join(tmpdir(), 'cogo-net-'));
    const socket = join(dir, 's');
    const proxy = await openProxy({ socket, hosts, onRefused });
    return ok({
      socket,
      close: async () => {
        await proxy.close();
        await clear();
      },
    });
  } catch (error) {
    await clear();
    return failure('internal', `the way to the network could not be opened: ${(error as Error).message}`);
  }
}
