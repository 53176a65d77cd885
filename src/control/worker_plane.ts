/**
 * One worker as the control plane sees it: starts it, talks to it, and notices when it dies.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { BUILD } from "../build.ts";
import type { PackedConfig } from "../config/packed.ts";
import { messageOf, ShuntError } from "../errors.ts";
import { openLibc } from "../io/libc/symbols.ts";
import type { SocketShare } from "../io/mod.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import type { AccessRecord, LiveRecord } from "../observe/access/record.ts";
import type { LeftOut } from "../observe/access/sampler.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { NameResolver } from "../resolve/dns.ts";
import type { Assignment, FromWorker, StartMessage, ToWorker } from "../plane/messages.ts";
import type { DrainOptions } from "../plane/messages.ts";

const logger = getLogger(["shunt", "workers"]);

/**
 * Finds the module of a worker. In a build the one file is the worker's too.
 *
 * @param path Where it is, seen from here
 * @returns Its URL
 */
export function workerModule(path: string): string {
  return new URL(BUILD === undefined ? path : "", import.meta.url).href;
}

/** One bit each: as many descriptors as a process may have by the usual hard limit of Linux. */
const MAX_DESCRIPTORS = 1_048_576;

/** What a worker's owner provides and is told. */
export interface RemoteOptions {
  readonly resolver: NameResolver;
  readonly onEnd: ((record: AccessRecord) => void) | undefined;
  /** Takes access lines, many at once. */
  readonly onAccess: ((lines: string) => void) | undefined;
  /** Is told of access lines that were left out. */
  readonly onLeftOut: (lines: LeftOut) => void;
  /** Is told once when the worker has died on its own. */
  readonly onDeath: (error: string) => void;
}

type Addresses = Readonly<Record<string, BoundAddresses>>;

/** A worker. */
export class RemotePlane {
  /** What it is bound to, once {@linkcode RemotePlane.start} has settled. */
  addresses: Addresses = {};
  readonly #worker: Worker;
  readonly #options: RemoteOptions;
  readonly #descriptors = new SharedArrayBuffer(MAX_DESCRIPTORS / 8);
  readonly #libc: boolean;
  #wakeFd: number | undefined;
  readonly #started = Promise.withResolvers<void>();
  #preparing: PromiseWithResolvers<Addresses> | undefined;
  #committing: PromiseWithResolvers<void> | undefined;
  #holding: PromiseWithResolvers<void> | undefined;
  #steering: PromiseWithResolvers<string | undefined> | undefined;
  /** Configurations to prepare that it has not answered for. */
  #unanswered = 0;
  readonly #questions = new Map<number, (records: readonly LiveRecord[]) => void>();
  #asked = 0;
  readonly #ended = Promise.withResolvers<number>();
  #over = false;
  #ready = false;

  /**
   * @param message What the worker is to run
   * @param options What it may ask for and whom to tell
   */
  constructor(message: Omit<StartMessage, "type" | "descriptors">, options: RemoteOptions) {
    this.#options = options;
    this.#libc = message.io === "libc";
    this.#worker = new Worker(workerModule("../plane/worker.ts"), {
      type: "module",
      name: `shunt worker ${message.worker}`,
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#hear(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(event.message);
    };
    this.#worker.postMessage({ type: "start", descriptors: this.#descriptors, ...message });
  }

  /**
   * Waits until the worker has bound its addresses.
   *
   * @throws {ShuntError} with code `bind_failed` and the like, when it cannot
   */
  start(): Promise<void> {
    return this.#started.promise;
  }

  /**
   * Lets the worker bind what a new configuration asks for.
   *
   * @param assignment The configuration
   * @returns What the worker would be bound to
   * @throws {ShuntError} with code `bind_failed`, or `worker_died`
   */
  prepare(assignment: Assignment<PackedConfig>): Promise<Addresses> {
    if (this.#over) return Promise.reject(workerDied("it has ended"));
    this.#preparing = Promise.withResolvers<Addresses>();
    this.#tell({ type: "prepare", ...assignment });
    this.#unanswered++;
    return this.#preparing.promise;
  }

  /** Makes what was prepared the worker's configuration. A worker that dies meanwhile is no failure. */
  commit(): Promise<void> {
    if (this.#over) return Promise.resolve();
    this.#committing = Promise.withResolvers<void>();
    this.#tell({ type: "commit" });
    return this.#committing.promise;
  }

  /** Forgets what was prepared. */
  abort(): void {
    this.#tell({ type: "abort" });
  }

  /**
   * Lists what lives in the worker.
   *
   * @param query Which sessions or flows are wanted
   * @returns The records; none if the worker has ended
   */
  live(query: LiveQuery): Promise<readonly LiveRecord[]> {
    if (this.#over) return Promise.resolve([]);
    const question = this.#asked++;
    return new Promise((resolve) => {
      this.#questions.set(question, resolve);
      this.#tell({ type: "live", question, query });
    });
  }

  /**
   * Has each flow keep its client, whoever gets what is new.
   *
   * @param on Whether flows that begin from now on do so too
   */
  async hold(on: boolean): Promise<void> {
    if (this.#over) return;
    this.#holding = Promise.withResolvers<void>();
    this.#tell({ type: "hold", on });
    await this.#holding.promise;
  }

  /**
   * Has some of the sockets that share the worker's addresses get all that is new.
   *
   * @param share Which; `undefined` lets all have their share again
   * @returns Why not all of it could be done
   */
  steer(share: SocketShare | undefined): Promise<string | undefined> {
    if (this.#over) return Promise.resolve("the worker has ended");
    this.#steering = Promise.withResolvers<string | undefined>();
    this.#tell({ type: "steer", share });
    return this.#steering.promise;
  }

  /**
   * Lets the worker finish and end.
   *
   * @param options How long that may take, and whether another shunt takes over
   * @returns How many sessions and flows had to be closed
   */
  drain(options: DrainOptions): Promise<number> {
    this.#tell({ type: "drain", ...options });
    return this.#ended.promise;
  }

  /** Ends the worker at once. */
  async close(): Promise<void> {
    this.#tell({ type: "close" });
    await this.#ended.promise;
  }

  #tell(message: ToWorker): void {
    if (this.#over) return;
    this.#worker.postMessage(message);
    // A worker that blocks in epoll_wait hears of messages when this descriptor becomes readable.
    if (this.#wakeFd !== undefined) openLibc().libc.write(this.#wakeFd, WAKE, 8);
  }

  /** Whether an answer is that to the last {@linkcode prepare}: an earlier one may have been given up. */
  #isLast(): boolean {
    return --this.#unanswered === 0;
  }

  #hear(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.addresses = message.addresses;
        this.#wakeFd = message.wakeFd;
        this.#ready = true;
        return this.#started.resolve();
      case "failed": {
        const error = new ShuntError(message.message, { code: message.code });
        if (this.#ready) return this.#isLast() ? this.#preparing?.reject(error) : undefined;
        this.#finish(0);
        return this.#started.reject(error);
      }
      case "prepared":
        return this.#isLast() ? this.#preparing?.resolve(message.addresses) : undefined;
      case "committed":
        return this.#committing?.resolve();
      case "held":
        return this.#holding?.resolve();
      case "steered":
        return this.#steering?.resolve(message.failure);
      case "live":
        this.#questions.get(message.question)?.(message.records);
        this.#questions.delete(message.question);
        return;
      case "resolve":
        this.#resolve(message.name);
        return;
      case "ended":
        for (const record of message.records) this.#options.onEnd?.(record);
        if (message.lines !== "") this.#options.onAccess?.(message.lines);
        if (message.lost > 0) {
          logger.warn("Access lines were lost: the log is too slow", { lines: message.lost });
        }
        return this.#tell({ type: "ended_taken" });
      case "left_out":
        return this.#options.onLeftOut(message.lines);
      case "log":
        getLogger([...message.category])[message.level](message.message, message.properties);
        return;
      case "drained":
        return this.#finish(message.rest);
    }
  }

  async #resolve(name: string): Promise<void> {
    try {
      const { list } = await this.#options.resolver.resolve(name);
      this.#tell({ type: "resolved", name, list });
    } catch (error) {
      const text = messageOf(error);
      this.#tell({ type: "resolved", name, error: text });
    }
  }

  #finish(rest: number): void {
    this.#over = true;
    // A worker that closes itself still has to be let go of here.
    this.#worker.terminate();
    this.#closeDescriptors();
    this.#preparing?.reject(workerDied("it has ended"));
    this.#committing?.resolve();
    this.#steering?.resolve("the worker has ended");
    this.#holding?.resolve();
    for (const answer of this.#questions.values()) answer([]);
    this.#questions.clear();
    this.#ended.resolve(rest);
  }

  #die(error: string): void {
    if (this.#over) return;
    this.#finish(0);
    if (this.#ready) this.#options.onDeath(error);
    else this.#started.reject(workerDied(error));
  }

  /** Closes what a libc worker has left: descriptors are the process's, not the thread's. */
  #closeDescriptors(): void {
    if (!this.#libc) return;
    const { libc } = openLibc();
    const words = new Int32Array(this.#descriptors);
    for (let i = 0; i < words.length; i++) {
      for (let bit = 0; words[i] !== 0 && bit < 32; bit++) {
        if ((words[i]! & 1 << bit) === 0) continue;
        libc.close(i * 32 + bit);
        words[i]! &= ~(1 << bit);
      }
    }
  }
}

function workerDied(why: string): ShuntError {
  return new ShuntError(`Worker died: ${why}`, { code: "worker_died" });
}

const WAKE = new Uint8Array(new BigUint64Array([1n]).buffer);
