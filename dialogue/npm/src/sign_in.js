// Signing in: the `connect` that opens a connection, and which refusals of it are final.

export const PROTOCOL = 1;
export const CONNECT_ID = 0; // the id of the `connect` that opens a connection; other requests count from 1
export const AUTH_WITHIN_MS = 30_000;
export const FINAL_REFUSALS = ["INVALID_REQUEST", "UNAUTHENTICATED", "UNSUPPORTED_PROTOCOL"]; // the same `connect` would fail again
