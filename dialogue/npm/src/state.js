// Whether a client reconnects after a close code.

const CLIENT_FAULT_CODES = [1002, 1003, 1007, 1009];

/** @param {number} code */
export function reconnects(code) {
  return !CLIENT_FAULT_CODES.includes(code) && (code < 4500 || code > 4999);
}
