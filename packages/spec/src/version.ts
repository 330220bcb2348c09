/** Version of the platform; a test holds it equal to the root package. */
export const COGO_VERSION = '0.1.0';

/** Version of the JSON envelope and of the stream's `meta` frame. */
export const ENVELOPE_VERSION = 'v1';
