/** Stands in a job's payload for one that lies in Storage. */
export interface PayloadRef {
  payload_ref: { path: string; sha256: string; bytes: number };
}

/** Whether a payload is a reference; a malformed one counts as one, and is refused when it is loaded. */
export function isPayloadRef(payload: unknown): payload is { payload_ref: unknown } {
  return (
    typeof payload === 'object' &&
    payload !== null &&
    Object.keys(payload).length === 1 &&
    Object.hasOwn(payload, 'payload_ref')
  );
}
