/**
 * Reports whether processes exist. Knows nothing about shunt.
 *
 * @module
 */

import { EPERM } from "./libc/abi.ts";
import { missingForLibc, openLibc } from "./libc/symbols.ts";

/**
 * Reports whether a process can be seen. Processes of other PID namespaces cannot; without FFI hardly any
 * can, since Deno opens /proc only with `--allow-all`.
 *
 * @param pid Its number here
 * @returns Whether it exists
 */
export async function isThere(pid: number): Promise<boolean> {
  if (missingForLibc() === undefined) {
    const { libc, errno } = openLibc();
    // Signal 0 sends nothing: kill(2) only checks.
    return libc.kill(pid, 0) === 0 || errno[0] === EPERM;
  }
  try {
    await Deno.stat(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}
