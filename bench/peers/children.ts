/**
 * Keeps every process that the bench starts, so that none outlives it. Knows nothing of what they do.
 *
 * @module
 */

import { processTree } from "./proc.ts";

/** How long a process may take to end before it is killed. */
const GRACE = 2000;

/** A process that the bench started. */
export interface Child {
  /** Its process id. */
  readonly pid: number;
  /** Its handle. */
  readonly process: Deno.ChildProcess;
  /** Set once it has ended. */
  ended: Deno.CommandStatus | undefined;
}

/** Options of {@linkcode start}. */
export interface StartOptions {
  /** Where its output goes; unset, standard output is piped and errors are shown. */
  readonly output?: string;
  /** Working directory. */
  readonly cwd?: string;
}

const alive = new Set<Child>();
let ending = false;

/**
 * Starts a process with as many descriptors as the system allows.
 *
 * @param command Program and arguments
 * @param options Where its output goes
 * @returns The child
 * @throws {Error} Once everything is being ended
 */
export function start(command: readonly string[], options: StartOptions = {}): Child {
  if (ending) throw new Error(`Cannot start ${command[0]}: the bench ends`);
  const to = options.output === undefined ? "" : ' >>"$BENCH_OUTPUT" 2>&1';
  const process = new Deno.Command("/bin/sh", {
    args: ["-c", `ulimit -n $(ulimit -Hn); exec "$0" "$@"${to}`, ...command],
    env: { BENCH_OUTPUT: options.output ?? "", NO_COLOR: "1" },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: options.output === undefined ? "piped" : "null",
    stdout: options.output === undefined ? "piped" : "null",
    stderr: "inherit",
  }).spawn();
  const child: Child = { pid: process.pid, process, ended: undefined };
  alive.add(child);
  process.status.then((status) => {
    child.ended = status;
    alive.delete(child);
  });
  return child;
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It has already ended.
  }
}

/**
 * Ends a process and all that it has started.
 *
 * @param child The process
 */
export async function stop(child: Child): Promise<void> {
  const tree = processTree(child.pid);
  if (child.ended === undefined) signal(child.pid, "SIGTERM");
  const timer = setTimeout(() => tree.forEach((pid) => signal(pid, "SIGKILL")), GRACE);
  await child.process.status;
  clearTimeout(timer);
  // A process whose parent was killed first. Its id cannot have been reused yet.
  const start = performance.now();
  while (tree.some(runs) && performance.now() - start < GRACE) await delay(10);
  tree.filter(runs).forEach((pid) => signal(pid, "SIGKILL"));
}

function runs(pid: number): boolean {
  return processTree(pid).length > 0;
}

/** Ends every process that was started, and prevents further starts. */
export async function stopAll(): Promise<void> {
  ending = true;
  await Promise.all([...alive].map(stop));
}

/**
 * Waits.
 *
 * @param ms How long
 * @param signal Ends the wait early
 * @returns When it is over
 */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
