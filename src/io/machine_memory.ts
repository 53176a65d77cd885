/**
 * How much memory this process may have: the machine's, or less if a control group says so.
 *
 * @module
 */

import { readSystemFile } from "./system_file.ts";

/** Where the limits of control groups are: version 2, and the memory controller of version 1. */
const GROUPS = {
  unified: { root: "/sys/fs/cgroup", file: "memory.max" },
  memory: { root: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes" },
} as const;

/** Depth up to which control groups are read. Deeper nesting does not occur in practice. */
const MAX_DEPTH = 32;

/** Reads a file of the kernel; `undefined` if it does not exist. */
export type ReadSystemFile = (path: string) => string | undefined;

/**
 * Returns how much memory this process may have, in bytes: the minimum of the machine's memory and the
 * limits of its control groups (versions 2 and 1); `undefined` if the system does not report it.
 *
 * @param read Reads the kernel's files
 */
export function machineMemory(read: ReadSystemFile = readSystemFile): number | undefined {
  const [, kibibytes] = /^MemTotal:\s+(\d+) kB/m.exec(read("/proc/meminfo") ?? "") ?? [];
  const total = kibibytes === undefined ? totalByDeno() : Number(kibibytes) * 1024;
  const least = Math.min(total ?? Infinity, ...groupLimits(read));
  return least === Infinity ? undefined : least;
}

/** The limits of the process's groups and their parents. */
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
    // "max" is no limit. Version 1 writes nearly 2^63 instead, more than any machine's memory.
    const limit = /^\d+$/.test(text?.trim() ?? "") ? Number(text) : Infinity;
    return limit > 0 ? limit : Infinity;
  });
}

/** Used if there is no /proc. */
function totalByDeno(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  return state === "granted" ? Deno.systemMemoryInfo().total : undefined;
}
