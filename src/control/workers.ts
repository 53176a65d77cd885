/**
 * The workers of a process: decides which addresses each binds, and replaces those that die. Knows nothing
 * about their traffic.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { getLogger } from "@logtape/logtape";
import { messageOf, ShuntError } from "../errors.ts";
import { packConfig } from "../config/packed.ts";
import type { Config } from "../config/schema.ts";
import type { InheritedSocket } from "../io/libc/inherited.ts";
import type { Io, SocketShare } from "../io/mod.ts";
import { bindKey, type BoundAddresses, type ListenerAddresses, type Look } from "../listen/bind.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import { type LiveQuery, selectLive } from "../observe/access/live.ts";
import type { DrainOptions } from "../plane/messages.ts";
import type { Planes, PreparedPlanes } from "./planes.ts";
import { inSlices } from "../slices.ts";
import type { PlaneOptions } from "../plane/plane.ts";
import type { SharedMemory } from "../plane/shared.ts";
import { type Preparing, WorkerPlane } from "./worker_plane.ts";

const logger = getLogger(["shunt", "workers"]);

/** Milliseconds before a dead worker is replaced, so that one that keeps dying costs little. */
const RESPAWN_MS = 100;
/** Attempts to prepare a configuration in the first worker, which may die from it or have died just before. */
const FIRST_TRIES = 3;

/** Reports whether a question has no answer because the worker that was asked has ended. */
function isDeath(error: unknown): boolean {
  return error instanceof ShuntError && error.code === "worker_died";
}

/** What workers need. */
export interface WorkersOptions extends Omit<PlaneOptions, "io" | "shared"> {
  readonly io: Io["name"];
  readonly memory: SharedMemory;
  /** Sockets that a service manager has bound. */
  readonly inherited: readonly InheritedSocket[];
  /** Called with the number of a worker that died. */
  readonly onDeath: (worker: number) => void;
}

/** What the workers run, or will run. */
interface Running {
  readonly config: Config;
  readonly memory: SharedMemory;
  readonly addresses: ListenerAddresses;
}

/** All workers. */
export class Workers implements Planes {
  readonly #options: WorkersOptions;
  readonly #planes: WorkerPlane[] = [];
  #running: Running;
  /** The last configuration that each worker got. */
  readonly #assigned = new WeakMap<WorkerPlane, Running>();
  readonly #ending = new AbortController();

  private constructor(config: Config, options: WorkersOptions) {
    this.#running = { config, memory: options.memory, addresses: {} };
    this.#options = options;
  }

  /** The addresses of the first worker, which the others share. */
  get addresses(): ListenerAddresses {
    return this.#running.addresses;
  }

  /**
   * Starts workers and waits until all have bound their addresses.
   *
   * @throws {ShuntError} with code `bind_failed`; nothing is left bound
   */
  static async start(config: Config, options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(config, options);
    try {
      // The first finds the numbers of ports that are 0, the others bind the same.
      await workers.#spawn(0, options.look).start();
      workers.#running = { ...workers.#running, addresses: workers.#planes[0]!.addresses };
      const others = Array.from(
        { length: options.memory.workers - 1 },
        (_, i) => workers.#spawn(i + 1),
      );
      await Promise.all(others.map((worker) => worker.start()));
    } catch (error) {
      await workers.close();
      throw error;
    }
    return workers;
  }

  async prepare(
    config: Config,
    memory: SharedMemory,
    own: BoundAddresses,
  ): Promise<PreparedPlanes> {
    const preparing = new Map<WorkerPlane, Preparing>();
    let isOver = false;
    const abort = () => {
      isOver = true;
      for (const one of preparing.values()) one.abort();
    };
    const prepare = async (plane: WorkerPlane, assigned: Config, look: Look) => {
      const packed = await inSlices(packConfig(assigned), () => isOver);
      const one = plane.prepare({ config: packed, memory, look });
      preparing.set(plane, one);
      return await one.addresses;
    };
    /** The others need its addresses, so its replacement is waited for. */
    const prepareFirst = async () => {
      for (let tries = 1;; tries++) {
        try {
          return await prepare(this.#planes[0]!, config, { exclusive: true, own });
        } catch (error) {
          if (!isDeath(error) || tries === FIRST_TRIES) throw error;
          await delay(RESPAWN_MS);
        }
      }
    };
    try {
      const addresses = await prepareFirst();
      const next = { config, memory, addresses };
      // There is a second round only if a worker was replaced meanwhile.
      while (this.#planes.some((plane) => !preparing.has(plane))) {
        await Promise.all(this.#planes.map(async (plane, worker) => {
          if (preparing.has(plane)) return;
          await prepare(plane, this.#configFor(worker, next), {}).catch((error: unknown) => {
            // Its replacement begins with the configuration that runs by then.
            if (!isDeath(error)) throw error;
          });
        }));
      }
      return {
        commit: async () => {
          this.#running = next;
          for (const plane of preparing.keys()) this.#assigned.set(plane, next);
          await Promise.all([...preparing.values()].map((one) => one.commit()));
        },
        abort,
      };
    } catch (error) {
      abort();
      throw error;
    }
  }

  async live(query: LiveQuery): Promise<readonly LiveRecord[]> {
    const lists = await Promise.all(this.#planes.map((plane) => plane.ask("live", query, [])));
    return selectLive(lists.flat(), query);
  }

  async steer(share: SocketShare | undefined): Promise<string | undefined> {
    // Under another rule, datagrams of flows would go to other workers.
    if (this.#planes.length > 1) {
      await Promise.all(
        this.#planes.map((plane) => plane.ask("hold", share !== undefined, undefined)),
      );
    }
    return await this.#planes[0]?.ask("steer", share, "the worker has ended");
  }

  async drain(options: DrainOptions): Promise<number> {
    this.#ending.abort();
    const rests = await Promise.all(this.#planes.map((plane) => plane.drain(options)));
    return rests.reduce((sum, rest) => sum + rest, 0);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#planes.map((plane) => plane.close()));
  }

  #spawn(worker: number, look: Look = {}): WorkerPlane {
    const { io, reusePort, inherited, onEnd, onAccess } = this.#options;
    const plane = new WorkerPlane({
      config: this.#configFor(worker, this.#running),
      memory: this.#running.memory,
      look,
      worker,
      io,
      reusePort,
      // UDP sockets go to one worker: otherwise any worker could get a client's datagrams.
      inherited: inherited.filter(({ transport }) => worker === 0 || transport === "tcp"),
      records: onEnd !== undefined,
      lines: onAccess !== undefined,
    }, { ...this.#options, onDeath: (error) => this.#replace(worker, error) });
    this.#planes[worker] = plane;
    this.#assigned.set(plane, this.#running);
    return plane;
  }

  /** Returns a configuration with the addresses and transports that a worker has to bind. */
  #configFor(worker: number, { config, addresses }: Running): Config {
    const listeners = Object.entries(config.listeners).map(([name, listener]) => {
      const known = addresses[name];
      const tcp = known?.tcp ?? [];
      const bind = known === undefined ? listener.bind : tcp.length > 0 ? tcp : known.udp;
      const transports = worker > 0 && !this.#sharesUdp(bind)
        ? listener.transports.filter((transport) => transport === "tcp")
        : listener.transports;
      return [name, { ...listener, bind, transports }];
    });
    return { ...config, listeners: Object.fromEntries(listeners) };
  }

  /** Reports whether workers share UDP addresses: Deno's sockets and those of a service manager cannot. */
  #sharesUdp(bind: readonly string[]): boolean {
    const { io, inherited } = this.#options;
    const foreign = inherited.filter(({ transport }) => transport === "udp");
    const keys = new Set(foreign.map(({ local }) => bindKey(local)));
    return io === "libc" && !bind.some((text) => keys.has(text));
  }

  #replace(worker: number, error: string): void {
    this.#options.onDeath(worker);
    const { signal } = this.#ending;
    if (signal.aborted || Object.keys(this.addresses).length === 0) return;
    logger.error("A worker died and is replaced", { worker, error });
    delay(RESPAWN_MS, undefined, { signal }).then(
      () => this.#respawn(worker).catch((failure) => this.#replace(worker, messageOf(failure))),
      () => {},
    );
  }

  async #respawn(worker: number): Promise<void> {
    for (;;) {
      const plane = this.#spawn(worker);
      await plane.start();
      if (this.#assigned.get(plane) === this.#running || this.#ending.signal.aborted) return;
      // A reload was committed without it while it started.
      await plane.close();
    }
  }
}
