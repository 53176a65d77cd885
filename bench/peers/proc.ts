/**
 * Reads the CPU time and resident memory of a process and its descendants. Knows `/proc`, not the
 * processes' owners.
 *
 * @module
 */

/** Linux reports times in ticks of 10 ms (USER_HZ) on every architecture that Deno runs on. */
const TICKS_PER_SECOND = 100;
/** Fields of `/proc/PID/stat` after the name in parentheses. */
const [PARENT, USER, SYSTEM] = [1, 11, 12];

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

function stat(pid: number): readonly string[] | undefined {
  // The name may hold spaces and parentheses: the last ")" ends it.
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/**
 * Finds a process and all its living descendants.
 *
 * @param root The first process
 * @returns Their ids, the first one's first; none if it is gone
 */
export function processTree(root: number): number[] {
  if (stat(root) === undefined) return [];
  const children = new Map<number, number[]>();
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(stat(pid)?.[PARENT!]);
    children.set(parent, [...children.get(parent) ?? [], pid]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...children.get(pid) ?? []);
  return tree;
}

/**
 * Adds up the CPU time of a process and its descendants.
 *
 * @param root The first process
 * @returns User and system seconds
 */
export function cpuSeconds(root: number): number {
  let ticks = 0;
  for (const pid of processTree(root)) {
    const fields = stat(pid);
    ticks += Number(fields?.[USER!] ?? 0) + Number(fields?.[SYSTEM!] ?? 0);
  }
  return ticks / TICKS_PER_SECOND;
}

/**
 * Adds up the resident memory of a process and its descendants; what they share counts for each.
 *
 * @param root The first process
 * @returns KiB
 */
export function residentKiB(root: number): number {
  let sum = 0;
  for (const pid of processTree(root)) {
    const line = /^VmRSS:\s+(\d+) kB$/m.exec(readText(`/proc/${pid}/status`) ?? "");
    sum += Number(line?.[1] ?? 0);
  }
  return sum;
}

/** Returns how many descriptors a process may open once it has raised its limit to the hard limit. */
export function descriptorLimit(): number {
  const line = /^Max open files\s+\d+\s+(\d+)/m.exec(readText("/proc/self/limits") ?? "");
  return Number(line?.[1] ?? 1024);
}
