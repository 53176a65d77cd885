/**
 * The entry point of a worker: runs one data plane as the control plane tells it.
 *
 * @module
 */

import { configureSync, getLogger, type LogLevel } from "@logtape/logtape";
import { type PackedConfig, unpackConfig } from "../config/packed.ts";
import { messageOf, ShuntError, stackOf } from "../errors.ts";
import { denoIo } from "../io/deno.ts";
import { type LibcIo, openLibcIo } from "../io/libc/mod.ts";
import type { Assignment, FromWorker, StartMessage, ToWorker } from "./messages.ts";
import { AccessLog } from "../observe/access/log.ts";
import { Plane, type Prepared } from "./plane.ts";
import { RecordQueue } from "./record_queue.ts";
import { RemoteResolver } from "./remote_resolver.ts";
import { inSlices } from "../slices.ts";
import { SharedView } from "./shared.ts";

/** What a worker's global scope has beside the usual. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
const logger = getLogger(["shunt", "worker"]);

function logBug(error: unknown): void {
  logger.error("Internal error", { error: stackOf(error) });
}

class DataWorker {
  readonly #plane: Plane;
  readonly #libc: LibcIo | undefined;
  readonly #resolver: RemoteResolver;
  readonly #ended: RecordQueue;
  readonly #worker: number;

  readonly #access: AccessLog;
  #prepared: Prepared | undefined;
  #preparing: Promise<void> = Promise.resolve();
  /** Configurations that it was given to prepare, and that were given up. */
  #given = 0;

  constructor(message: StartMessage) {
    const { config, worker, memory, io, records, lines, descriptors, inherited } = message;
    this.#worker = worker;
    this.#libc = io === "libc"
      ? openLibcIo({ descriptors: new Int32Array(descriptors), inherited, onBug: logBug })
      : undefined;
    this.#resolver = new RemoteResolver(
      (name) => scope.postMessage({ type: "resolve", name }),
      () => this.#plane.clock.now,
    );
    const ended = new RecordQueue((batch) => scope.postMessage({ type: "ended", ...batch }));
    this.#ended = ended;
    const access = new AccessLog(config.log, {
      workers: memory.workers,
      write: (line) => ended.addLine(line),
      onLeftOut: (lines) => scope.postMessage({ type: "left_out", lines }),
    });
    this.#access = access;
    this.#plane = new Plane(config, {
      io: this.#libc ?? denoIo,
      resolver: this.#resolver,
      shared: new SharedView(memory, worker),
      reusePort: message.reusePort,
      look: message.look,
      records: () => records || lines && access.on,
      onEnd: (record) => {
        if (lines) access.take(record);
        if (records) ended.addRecord(record);
      },
    });
    this.#plane.clock.onTick((now) => {
      ended.flush();
      access.tick(now);
    });
    this.#libc?.poller.start();
    scope.postMessage({
      type: "ready",
      addresses: this.#plane.addresses,
      wakeFd: this.#libc?.poller.wakeFd,
    });
  }

  hear(message: Exclude<ToWorker, StartMessage>): void {
    switch (message.type) {
      case "resolved":
        return this.#resolver.answer(message);
      case "ended_taken":
        return this.#ended.taken();
      case "prepare":
        return this.#prepare(message);
      case "commit":
        void this.#commit();
        return;
      case "abort":
        this.#given++;
        if (this.#prepared !== undefined) this.#plane.abort(this.#prepared);
        this.#prepared = undefined;
        return;
      case "live":
        return scope.postMessage({
          type: "live",
          question: message.question,
          records: this.#plane.live(message.query),
        });
      case "drain":
        this.#plane.drain(message).then((rest) => this.#leave(rest));
        return;
      case "hold":
        this.#plane.hold(message.on);
        return scope.postMessage({ type: "held" });
      case "steer":
        return scope.postMessage({ type: "steered", failure: this.#plane.steer(message.share) });
      case "close":
        this.#plane.close();
        // A drain under way tells itself that it has come to its end.
        this.#plane.drain({ timeoutMs: 0, handOver: false }).then((rest) => this.#leave(rest));
        return;
      default:
        message satisfies never;
        throw new TypeError("A worker was told what it does not know");
    }
  }

  /** Each is answered for, in their order; one that was given up meanwhile has failed. */
  #prepare(assignment: Assignment<PackedConfig>): void {
    const given = ++this.#given;
    this.#preparing = this.#preparing.then(() => this.#prepareInSlices(assignment, given));
  }

  async #prepareInSlices(
    { config: packed, memory, look }: Assignment<PackedConfig>,
    given: number,
  ): Promise<void> {
    const isOver = () => given !== this.#given || this.#plane.ending;
    try {
      const config = await inSlices(unpackConfig(packed), isOver);
      const shared = new SharedView(memory, this.#worker);
      this.#prepared = await inSlices(this.#plane.prepare(config, shared, look), isOver);
      scope.postMessage({ type: "prepared", addresses: this.#prepared.addresses });
    } catch (error) {
      tellFailure(error);
    }
  }

  async #commit(): Promise<void> {
    const prepared = this.#prepared;
    if (prepared !== undefined) {
      this.#prepared = undefined;
      await inSlices(this.#plane.commit(prepared));
      const { log } = prepared.config;
      this.#access.change(log);
      configureLog(log.level);
    }
    scope.postMessage({ type: "committed" });
  }

  #left = false;

  #leave(rest: number): void {
    if (this.#left) return;
    this.#left = true;
    this.#ended.flush();
    this.#access.flush();
    this.#libc?.poller.stop();
    scope.postMessage({ type: "drained", rest });
    scope.close();
  }
}

function tellFailure(error: unknown): void {
  const code = error instanceof ShuntError ? error.code : "internal_error";
  scope.postMessage({ type: "failed", code, message: messageOf(error) });
}

function configureLog(level: LogLevel): void {
  configureSync({
    reset: true,
    sinks: {
      control: ({ category, level, message, properties }) =>
        scope.postMessage({
          type: "log",
          category,
          level,
          message: message.map(String).join(""),
          properties,
        }),
    },
    loggers: [
      { category: "shunt", lowestLevel: level, sinks: ["control"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["control"] },
    ],
  });
}

let running: DataWorker | undefined;

scope.onmessage = ({ data }) => {
  if (data.type !== "start") return running?.hear(data);
  configureLog(data.config.log.level);
  globalThis.addEventListener("unhandledrejection", (event) => {
    // A bug must cost one session, not the worker.
    event.preventDefault();
    logBug(event.reason);
  });
  try {
    running = new DataWorker(data);
  } catch (error) {
    tellFailure(error);
    scope.close();
  }
};
