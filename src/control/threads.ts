/**
 * Chooses sockets and threads as a configuration asks. Only a new process can change them.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Config } from "../config/schema.ts";
import { ConfigError, ShuntError } from "../errors.ts";
import { missingForLibc } from "../io/libc/symbols.ts";
import type { Io } from "../io/mod.ts";

const logger = getLogger(["shunt", "proxy"]);

/** The sockets and threads that carry the data. */
export interface Threads {
  readonly io: Io["name"];
  /** The number of threads. */
  readonly workers: number;
}

/**
 * Chooses sockets and threads.
 *
 * @throws {ShuntError} with code `io_unavailable` if the configuration asks for libc sockets and there are none
 */
export function chooseThreads(config: Config): Threads {
  return { io: chooseIo(config), workers: chooseWorkers(config) };
}

/**
 * Refuses a new configuration that asks for other sockets, or another number of threads.
 *
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
  // One core is for the control plane.
  return Math.max(1, navigator.hardwareConcurrency - 1);
}
