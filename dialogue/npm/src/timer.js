// What the client knows about timers.

/** @typedef {ReturnType<typeof setTimeout> | undefined} Timer */

export const LONGEST_TIMER_MS = 2 ** 31 - 1; // a longer timer fires at once
