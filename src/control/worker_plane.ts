/**
 * One worker, as the control plane uses it: starts it, asks it, and notices when it dies.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { workerModule } from "../build.ts";
import type { PackedConfig } from "../config/packed.ts";
import { ShuntError } from "../errors.ts";
import { openLibc } from "../io/libc/symbols.ts";
import type { ListenerAddresses } from "../listen/bind.ts";
import { type Answers, answerTo, Asker } from "../plane/ask.ts";
import type {
  Assignment,
  ControlQuestions,
  DrainOptions,
  FromWorker,
  Start,
  ToWorker,
  WorkerQuestions,
} from "../plane/messages.ts";
import type { EndTakers } from "../plane/plane.ts";
import type { Batch } from "../plane/record_queue.ts";
import type { Prepared } from "../prepared.ts";
import type { NameResolver } from "../resolve/dns.ts";

const logger = getLogger(["shunt", "workers"]);

/** One bit each, for as many descriptors as Linux's usual hard limit allows a process. */
const MAX_DESCRIPTORS = 1_048_576;

/** What a worker's owner provides, and its callbacks. */
export interface WorkerOwner extends EndTakers {
  readonly resolver: NameResolver;
  /** Called once if the worker dies on its own. */
  readonly onDeath: (error: string) => void;
}

/** A configuration that a worker prepares. It may also be aborted before it is ready. */
export interface Preparing extends Prepared<Promise<void>> {
  /**
   * The addresses that the worker will have bound. Resolves once it is ready, rejects with a ShuntError with
   * code `bind_failed`, or `worker_died`.
   */
  readonly addresses: Promise<ListenerAddresses>;
}

/** A worker. */
export class WorkerPlane {
  /** Its bound addresses, once {@linkcode WorkerPlane.start} has settled. */
  addresses: ListenerAddresses = {};
  readonly #worker: Worker;
  readonly #start: Start;
  readonly #owner: WorkerOwner;
  readonly #asker = new Asker<WorkerQuestions>((question) => this.#send(question));
  readonly #answers: Answers<ControlQuestions> = {
    resolve: async (name) => (await this.#owner.resolver.resolve(name)).list,
    take: (batch) => this.#take(batch),
  };
  #wakeFd: number | undefined;
  #drained: Promise<number> | undefined;
  #over = false;
  #ready = false;

  constructor(start: Omit<Start, "descriptors">, owner: WorkerOwner) {
    this.#owner = owner;
    this.#start = { ...start, descriptors: new SharedArrayBuffer(MAX_DESCRIPTORS / 8) };
    this.#worker = new Worker(workerModule("./plane/worker.ts"), {
      type: "module",
      name: `shunt worker ${start.worker}`,
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#onMessage(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(event.message);
    };
  }

  /**
   * Makes the worker bind its addresses and begin to serve.
   *
   * @throws {ShuntError} with code `bind_failed` and the like if it cannot
   */
  async start(): Promise<void> {
    try {
      const { addresses, wakeFd } = await this.#asker.ask("start", this.#start);
      this.addresses = addresses;
      this.#wakeFd = wakeFd;
      this.#ready = true;
    } catch (error) {
      this.#end("it has ended");
      throw error;
    }
  }

  /** Makes the worker bind the new addresses of a configuration. If it dies, the commit does not fail. */
  prepare(assignment: Assignment<PackedConfig>): Preparing {
    return {
      addresses: this.#asker.ask("prepare", assignment),
      commit: () => this.ask("commit", undefined, undefined),
      abort: () => this.ask("abort", undefined, undefined),
    };
  }

  /**
   * Lets the worker finish and end.
   *
   * @returns How many sessions and flows had to be closed
   */
  drain(options: DrainOptions): Promise<number> {
    return this.#drained ??= this.#endAfter(this.ask("drain", options, 0));
  }

  /** Ends the worker at once. */
  async close(): Promise<void> {
    await this.#endAfter(this.ask("close", undefined, 0));
  }

  /**
   * Asks the worker.
   *
   * @param name Which question
   * @param about What it is about
   * @param ifEnded The answer if it has ended, or ends meanwhile
   */
  async ask<K extends keyof WorkerQuestions>(
    name: K,
    about: WorkerQuestions[K]["about"],
    ifEnded: WorkerQuestions[K]["answer"],
  ): Promise<WorkerQuestions[K]["answer"]> {
    try {
      return await this.#asker.ask(name, about);
    } catch (error) {
      if (this.#over) return ifEnded;
      throw error;
    }
  }

  async #endAfter(drained: Promise<number>): Promise<number> {
    const rest = await drained;
    this.#end("it has ended");
    return rest;
  }

  #send(message: ToWorker): void {
    if (this.#over) return;
    this.#worker.postMessage(message);
    // A worker that blocks in epoll_wait gets messages only once this descriptor becomes readable.
    if (this.#wakeFd !== undefined) openLibc().libc.write(this.#wakeFd, WAKE, 8);
  }

  #onMessage(message: FromWorker): void {
    switch (message.type) {
      case "ask":
        void answerTo(message, this.#answers).then((answer) => this.#send(answer));
        return;
      case "answer":
      case "failed":
        return this.#asker.receive(message);
      case "left_out":
        return this.#owner.onLeftOut(message.lines);
      case "log":
        getLogger([...message.category])[message.level](message.message, message.properties);
        return;
    }
  }

  #take({ records, lines, lost }: Batch): void {
    try {
      for (const record of records) this.#owner.onEnd?.(record);
    } catch (error) {
      logger.error("A listener for ended sessions failed", { error: String(error) });
    }
    if (lines !== "") this.#owner.onAccess?.(lines);
    if (lost > 0) logger.warn("Access lines were lost: the log is too slow", { lines: lost });
  }

  #end(why: string): void {
    if (this.#over) return;
    this.#over = true;
    // Needed even if the worker has closed itself.
    this.#worker.terminate();
    this.#closeDescriptors();
    this.#asker.end(new ShuntError(`Worker died: ${why}`, { code: "worker_died" }));
  }

  #die(error: string): void {
    if (this.#over) return;
    this.#end(error);
    // If it has not started, start() rejects.
    if (this.#ready) this.#owner.onDeath(error);
  }

  /** Closes the descriptors of a libc worker: they belong to the process, so the thread's end leaves them open. */
  #closeDescriptors(): void {
    if (this.#start.io !== "libc") return;
    const { libc } = openLibc();
    const words = new Int32Array(this.#start.descriptors);
    for (let i = 0; i < words.length; i++) {
      for (let bit = 0; words[i] !== 0 && bit < 32; bit++) {
        if ((words[i]! & 1 << bit) === 0) continue;
        libc.close(i * 32 + bit);
        words[i]! &= ~(1 << bit);
      }
    }
  }
}

const WAKE = new Uint8Array(new BigUint64Array([1n]).buffer);
