/**
 * How many descriptors this process may have, and how many of them may be sessions' and flows'.
 *
 * @module
 */

import { missingForLibc, openLibc } from "./libc/symbols.ts";

/** Of getrlimit(2), on every architecture that libc sockets run on. */
const RLIMIT_NOFILE = 7;

/** What is kept for listeners, logs, names, checks and the admin address: a tenth, 64 at least. */
const RESERVE = { share: 0.1, least: 64 } as const;

/** For systems that do not tell: as good as none. */
const UNLIMITED = 1_000_000_000;

/**
 * Reports how many descriptors sessions and flows may have together, so that enough is left for the rest.
 *
 * @returns Their number; as good as unlimited where the system does not tell
 */
export function socketAllowance(): number {
  const limit = descriptorLimit() ?? UNLIMITED;
  return Math.max(2, Math.floor(limit - Math.max(RESERVE.least, limit * RESERVE.share)));
}

/**
 * Reports how many descriptors the process may have.
 *
 * @returns Their number, or `undefined` where the system does not tell
 */
export function descriptorLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits")) ??
      [];
    if (soft !== undefined) return Number(soft);
  } catch {
    // Deno gives /proc to who has --allow-all only.
  }
  if (missingForLibc() === undefined) {
    const soft = new BigUint64Array(2);
    if (openLibc().libc.getrlimit(RLIMIT_NOFILE, new Uint8Array(soft.buffer)) === 0) {
      return Number(soft[0]);
    }
  }
  // Not Linux, or not permitted: then only the system's own refusal tells.
  return undefined;
}
