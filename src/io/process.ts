/**
 * Reports whether processes are there. Knows no shunt.
 *
 * @module
 */

import { EPERM } from "./libc/abi.ts";
import { missingForLibc, openLibc } from "./libc/symbols.ts";

/**
 * Reports whether a process can be seen: none of another PID namespace can, and without FFI, as Deno shows
 * /proc to nobody but `--allow-all`, hardly any.
 *
 * @param pid Its number here
 * @returns Whether it is there
 */
export async function isThere(pid: number): Promise<boolean> {
  if (missingForLibc() === undefined) {
    const { libc, errno } = openLibc();
    // Signal 0 is none: kill(2) only looks.
    return libc.kill(pid, 0) === 0 || errno[0] === EPERM;
  }
  try {
    await Deno.stat(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}
