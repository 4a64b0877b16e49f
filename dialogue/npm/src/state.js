// Whether a client reconnects after a close code.

const CLIENT_FAULT_CODES = [1002, 1003, 1007, 1009]; // the same fault would only happen again

/**
 * Whether a client reconnects after a close with this code. A connection that ends without a close frame has 1006.
 *
 * @param {number} code
 */
export function reconnects(code) {
  return !CLIENT_FAULT_CODES.includes(code) && (code < 4500 || code > 4999);
}
