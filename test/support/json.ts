/** Parsed JSON that a test reads without checking each step: a wrong shape fails the test anyway. */
export type Json = ReturnType<typeof JSON.parse>
