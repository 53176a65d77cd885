/**
 * The workers of a process: which addresses each binds, and a new one for one that died. Knows nothing
 * of what they carry.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { getLogger } from "@logtape/logtape";
import type { Config } from "../config/schema.ts";
import type { Io } from "../io/mod.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import type { AccessRecord } from "../observe/access.ts";
import type { NameResolver } from "../resolve/dns.ts";
import { RemotePlane } from "./remote.ts";
import type { SharedMemory, SharedView } from "./shared.ts";

const logger = getLogger(["shunt", "workers"]);

/** Milliseconds before a worker that died is replaced, so that one that cannot live costs little. */
const RESPAWN_MS = 100;

/** What workers are given. */
export interface WorkersOptions {
  readonly io: Io["name"];
  readonly workers: number;
  readonly memory: SharedMemory;
  readonly shared: SharedView;
  readonly resolver: NameResolver;
  readonly onEnd: ((record: AccessRecord) => void) | undefined;
  readonly onAccess: ((lines: string) => void) | undefined;
}

/** All workers. */
export class Workers {
  /** What the first worker is bound to, and so all are. */
  addresses: Readonly<Record<string, BoundAddresses>> = {};
  readonly #config: Config;
  readonly #options: WorkersOptions;
  readonly #planes: RemotePlane[] = [];
  readonly #respawns = new Set<ReturnType<typeof setTimeout>>();
  #ending = false;

  private constructor(config: Config, options: WorkersOptions) {
    this.#config = config;
    this.#options = options;
  }

  /**
   * Starts workers and waits until all have bound their addresses.
   *
   * @param config A checked configuration
   * @param options How many, with which sockets
   * @throws {ShuntError} with code `bind_failed`; nothing is left bound
   */
  static async start(config: Config, options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(config, options);
    try {
      // The first finds the numbers of ports that are 0, the others bind the same.
      await workers.#spawn(0).start();
      workers.addresses = workers.#planes[0]!.addresses;
      const others = Array.from({ length: options.workers - 1 }, (_, i) => workers.#spawn(i + 1));
      await Promise.all(others.map((worker) => worker.start()));
    } catch (error) {
      await workers.close();
      throw error;
    }
    return workers;
  }

  /**
   * Lets all workers finish and end.
   *
   * @param timeoutMs Milliseconds after which the rest is closed
   * @returns How many sessions and flows had to be closed
   */
  async drain(timeoutMs: number): Promise<number> {
    this.#stopRespawning();
    const rests = await Promise.all(this.#planes.map((plane) => plane.drain(timeoutMs)));
    return rests.reduce((sum, rest) => sum + rest, 0);
  }

  /** Ends all workers at once. */
  async close(): Promise<void> {
    this.#stopRespawning();
    await Promise.all(this.#planes.map((plane) => plane.close()));
  }

  #stopRespawning(): void {
    this.#ending = true;
    for (const timer of this.#respawns) clearTimeout(timer);
    this.#respawns.clear();
  }

  #spawn(worker: number): RemotePlane {
    const { io, memory, resolver, onEnd, onAccess } = this.#options;
    const plane = new RemotePlane({
      config: this.#configFor(worker),
      worker,
      memory,
      io,
      records: onEnd !== undefined,
      lines: onAccess !== undefined,
    }, { resolver, onEnd, onAccess, onDeath: (error) => this.#replace(worker, error) });
    this.#planes[worker] = plane;
    return plane;
  }

  /** The addresses and transports that a worker is to bind. */
  #configFor(worker: number): Config {
    const { io } = this.#options;
    const listeners = Object.entries(this.#config.listeners).map(([name, listener]) => {
      const known = this.addresses[name];
      const tcp = known?.tcp ?? [];
      const bind = known === undefined ? listener.bind : tcp.length > 0 ? tcp : known.udp;
      // Deno's UDP sockets cannot share an address.
      const transports = worker > 0 && io === "deno"
        ? listener.transports.filter((transport) => transport === "tcp")
        : listener.transports;
      return [name, { ...listener, bind, transports }];
    });
    return { ...this.#config, listeners: Object.fromEntries(listeners) };
  }

  #replace(worker: number, error: string): void {
    this.#options.shared.clear(worker);
    if (this.#ending || Object.keys(this.addresses).length === 0) return;
    logger.error("A worker died and is replaced", { worker, error });
    const timer = setTimeout(async () => {
      this.#respawns.delete(timer);
      try {
        await this.#spawn(worker).start();
      } catch (failure) {
        this.#replace(worker, messageOf(failure));
      }
    }, RESPAWN_MS);
    this.#respawns.add(timer);
  }
}
