import { resolve } from 'node:path';
import { gatewayStore, type ArtifactStore } from '@cogo/client/artifact_store.ts';
import { dataApiRpc, type Rpc } from '@cogo/client/rpc.ts';
import { findDataDir, readKeys, readStackFile } from '@cogo/client/stack_file.ts';
import { ok, type Result } from '@cogo/spec/result.ts';
import { findConfigFile, loadConfigFile } from './config_file.ts';
import type { Connection, Flags, Surroundings } from './config.ts';
import { enrolmentPath, readEnrolment } from './enrolment.ts';
import type { Io } from './io.ts';

/** Reads what lies around a worker: its enrolment, and the stack of its data folder. */
export function lookAround(flags: Flags, io: Io): Result<Surroundings> {
  const named = flags.data ?? io.env['COGO_DATA'] ?? null;
  const dataDir = named === null ? findDataDir(io.cwd) : resolve(io.cwd, named);
  const own = readEnrolment(enrolmentPath(dataDir, io.env));
  if (!own.ok) return own;
  const general = own.value || named !== null ? own : readEnrolment(enrolmentPath(null, io.env));
  if (!general.ok) return general;
  const found = findConfigFile(flags.config, io.cwd, io.env);
  if (!found.ok) return found;
  const file = found.value === null ? ok(null) : loadConfigFile(found.value);
  if (!file.ok) return file;
  const stack = readStackFile(dataDir);
  const keys = readKeys(dataDir);
  return ok({
    env: io.env,
    cwd: io.cwd,
    dataDir,
    enrolment: general.value,
    file: file.value,
    stack:
      stack.ok && keys.ok
        ? {
            gateway: stack.value.urls.gateway,
            publishableKey: keys.value.publishable_key,
            secretKey: keys.value.secret_key,
          }
        : null,
  });
}

export function connect({ url, apikey, token }: Connection): Rpc {
  return dataApiRpc({ url, apikey, ...(token === null ? {} : { cogoToken: token }) });
}

/** The bucket of artifacts at the same gateway, with the same credentials. */
export function storeOf({ url, apikey, token }: Connection): ArtifactStore {
  return gatewayStore({ url, apikey, ...(token === null ? {} : { cogoToken: token }) });
}
