/**
 * How much memory this process may have: what the machine has, or less if a control group says so.
 *
 * @module
 */

import { readSystemFile } from "./system_file.ts";

/** How this process's control groups are found: of version 2, and of version 1's memory controller. */
const GROUPS = {
  unified: { root: "/sys/fs/cgroup", file: "memory.max" },
  memory: { root: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes" },
} as const;

/** Groups above one's own that are looked at: more are nowhere nested. */
const MAX_DEPTH = 32;

/** Reads a file of the kernel's; `undefined` if there is none. */
export type ReadSystemFile = (path: string) => string | undefined;

/**
 * Finds out how much memory this process may have.
 *
 * @param read Reads the kernel's files
 * @returns Bytes: the least of the machine's memory and the limits of the control groups (version 2
 * and 1) that the process is in; `undefined` if the system does not say
 */
export function machineMemory(read: ReadSystemFile = readSystemFile): number | undefined {
  const [, kibibytes] = /^MemTotal:\s+(\d+) kB/m.exec(read("/proc/meminfo") ?? "") ?? [];
  const total = kibibytes === undefined ? totalByDeno() : Number(kibibytes) * 1024;
  const least = Math.min(total ?? Infinity, ...groupLimits(read));
  return least === Infinity ? undefined : least;
}

/** The limits of the groups that the process is in, and of those that hold these. */
function groupLimits(read: ReadSystemFile): number[] {
  const limits: number[] = [];
  for (const line of (read("/proc/self/cgroup") ?? "").split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (controllers === "") limits.push(...limitsAbove(path, { ...GROUPS.unified, read }));
    else if (controllers.split(",").includes("memory")) {
      limits.push(...limitsAbove(path, { ...GROUPS.memory, read }));
    }
  }
  return limits;
}

/** Within a container the path is the host's, and the container's own group is at the root. */
function limitsAbove(
  path: string,
  { root, file, read }: {
    readonly root: string;
    readonly file: string;
    readonly read: ReadSystemFile;
  },
): number[] {
  const names = path.split("/").filter((name) => name !== "").slice(0, MAX_DEPTH);
  return Array.from({ length: names.length + 1 }, (_, depth) => {
    const text = read([root, ...names.slice(0, depth), file].join("/"));
    // "max" is no limit; so is version 1's nearly 2^63, which no machine's memory exceeds.
    const limit = /^\d+$/.test(text?.trim() ?? "") ? Number(text) : Infinity;
    return limit > 0 ? limit : Infinity;
  });
}

/** If there is no /proc. */
function totalByDeno(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  return state === "granted" ? Deno.systemMemoryInfo().total : undefined;
}
