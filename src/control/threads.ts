/**
 * The sockets and threads that a configuration asks for, which only a new process can change.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Config } from "../config/schema.ts";
import { ConfigError, ShuntError } from "../errors.ts";
import { missingForLibc } from "../io/libc/symbols.ts";
import type { Io } from "../io/mod.ts";

const logger = getLogger(["shunt", "proxy"]);

/** What carries the data. */
export interface Threads {
  /** Whose sockets. */
  readonly io: Io["name"];
  /** How many threads. */
  readonly workers: number;
}

/**
 * Reports what a configuration asks for.
 *
 * @param config The configuration
 * @throws {ShuntError} with code `io_unavailable` if libc sockets are asked for and cannot be had
 */
export function chooseThreads(config: Config): Threads {
  return { io: chooseIo(config), workers: chooseWorkers(config) };
}

/**
 * Refuses a configuration that asks for other sockets, or another number of threads.
 *
 * @param config A new configuration
 * @param running What runs
 * @throws {ConfigError} with code `restart_needed`
 */
export function refuseRestart(
  config: Config,
  running: Threads & { readonly config: Config },
): void {
  const changed = config.io !== running.config.io && chooseIo(config) !== running.io
    ? "io"
    : chooseWorkers(config) !== running.workers
    ? "workers"
    : undefined;
  if (changed === undefined) return;
  throw new ConfigError(
    `"${changed}" cannot change while shunt runs; restart it, or set "${changed}" back`,
    { code: "restart_needed", context: { path: changed } },
  );
}

function chooseIo(config: Config): Io["name"] {
  if (config.io === "deno") return "deno";
  const missing = missingForLibc();
  if (missing === undefined) return "libc";
  if (config.io === "libc") {
    throw new ShuntError(
      `Cannot use libc sockets: ${missing}; provide it, or set "io: auto" or "io: deno"`,
      { code: "io_unavailable" },
    );
  }
  logger.info("Using Deno's sockets", { instead_of: "libc", because: missing });
  return "deno";
}

function chooseWorkers({ workers }: Config): number {
  if (workers !== "auto") return workers;
  // One on one or two cores; else one for each core that the control plane leaves.
  return Math.max(1, navigator.hardwareConcurrency - 1);
}
