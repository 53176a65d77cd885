/**
 * How many descriptors this process may have, and how many of them sessions and flows may use.
 *
 * @module
 */

import { missingForLibc, openLibc } from "./libc/symbols.ts";

/** From getrlimit(2), on every architecture that libc sockets run on. */
const RLIMIT_NOFILE = 7;

/** Reserved for listeners, logs, DNS, health checks and the admin address: a tenth, at least 64. */
const RESERVE = { share: 0.1, least: 64 } as const;

/** For systems that report no limit. */
const UNLIMITED = 1_000_000_000;

/**
 * Returns how many descriptors sessions and flows may have together, so that enough are left for everything
 * else. Practically unlimited if the system reports no limit.
 */
export function socketAllowance(): number {
  const limit = descriptorLimit() ?? UNLIMITED;
  return Math.max(2, Math.floor(limit - Math.max(RESERVE.least, limit * RESERVE.share)));
}

/** Returns how many descriptors the process may have, or `undefined` if the system reports no limit. */
export function descriptorLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/limits")) ??
      [];
    if (soft !== undefined) return Number(soft);
  } catch {
    // Deno opens /proc only with --allow-all.
  }
  if (missingForLibc() === undefined) {
    const soft = new BigUint64Array(2);
    if (openLibc().libc.getrlimit(RLIMIT_NOFILE, new Uint8Array(soft.buffer)) === 0) {
      return Number(soft[0]);
    }
  }
  // Not Linux, or not permitted. The limit shows only when the system refuses.
  return undefined;
}
