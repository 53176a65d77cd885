/**
 * The entry point of a worker: runs one data plane, and answers the control plane's questions.
 *
 * @module
 */

import { configureSync, getLogger, type LogLevel } from "@logtape/logtape";
import { type PackedConfig, unpackConfig } from "../config/packed.ts";
import { stackOf } from "../errors.ts";
import { denoIo } from "../io/deno.ts";
import { type LibcIo, openLibcIo } from "../io/libc/mod.ts";
import type { ListenerAddresses } from "../listen/bind.ts";
import type { Prepared } from "../prepared.ts";
import { inSlices } from "../slices.ts";
import { type Answers, answerTo, type Ask, Asker } from "./ask.ts";
import { AskingResolver } from "./asking_resolver.ts";
import type {
  Assignment,
  ControlQuestions,
  DrainOptions,
  FromWorker,
  Start,
  Started,
  ToWorker,
  WorkerQuestions,
} from "./messages.ts";
import { Plane } from "./plane.ts";
import { RecordQueue } from "./record_queue.ts";
import { SharedView } from "./shared.ts";

/** What a worker's global scope has besides the usual. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
const control = new Asker<ControlQuestions>((question) => scope.postMessage(question));
const logger = getLogger(["shunt", "worker"]);

function logBug(error: unknown): void {
  logger.error("Internal error", { error: stackOf(error) });
}

type DataAnswers = Omit<Answers<WorkerQuestions>, "start">;

class DataWorker implements DataAnswers {
  hasEnded = false;
  readonly #plane: Plane;
  readonly #libc: LibcIo | undefined;
  readonly #records = new RecordQueue((batch) => control.ask("take", batch));
  readonly #worker: number;
  #prepared: Prepared<Promise<void>> | undefined;
  /** Settles once no configuration is being prepared. */
  #preparing: Promise<unknown> = Promise.resolve();
  /** Grows with each `prepare` and `abort`: a preparation with an older number is given up. */
  #turn = 0;

  readonly live: DataAnswers["live"] = (query) => this.#plane.live(query);
  readonly hold: DataAnswers["hold"] = (on) => this.#plane.hold(on);
  readonly steer: DataAnswers["steer"] = (share) => this.#plane.steer(share);

  constructor(start: Start) {
    const { config, worker, memory, io, records, lines, descriptors, inherited } = start;
    this.#worker = worker;
    this.#libc = io === "libc"
      ? openLibcIo({ descriptors: new Int32Array(descriptors), inherited, onBug: logBug })
      : undefined;
    const queue = this.#records;
    this.#plane = new Plane(config, {
      io: this.#libc ?? denoIo,
      resolver: new AskingResolver(
        (name) => control.ask("resolve", name),
        () => this.#plane.clock.now,
      ),
      shared: new SharedView(memory, worker),
      reusePort: start.reusePort,
      look: start.look,
      onEnd: records ? (record) => queue.addRecord(record) : undefined,
      onAccess: lines ? (line) => queue.addLine(line) : undefined,
      onLeftOut: (lines) => scope.postMessage({ type: "left_out", lines }),
    });
    this.#plane.clock.onTick(() => queue.flush());
    this.#libc?.poller.start();
  }

  get started(): Started {
    return { addresses: this.#plane.addresses, wakeFd: this.#libc?.poller.wakeFd };
  }

  /** Prepares one configuration after the other. A preparation fails if it is aborted meanwhile. */
  prepare(assignment: Assignment<PackedConfig>): Promise<ListenerAddresses> {
    const turn = ++this.#turn;
    const addresses = this.#preparing.then(() => this.#prepareInSlices(assignment, turn));
    this.#preparing = addresses.catch(() => {});
    return addresses;
  }

  async #prepareInSlices(
    { config: packed, memory, look }: Assignment<PackedConfig>,
    turn: number,
  ): Promise<ListenerAddresses> {
    const isOver = () => turn !== this.#turn || this.#plane.ending;
    const config = await inSlices(unpackConfig(packed), isOver);
    const shared = new SharedView(memory, this.#worker);
    const next = await inSlices(this.#plane.prepareInSteps(config, shared, look), isOver);
    this.#prepared = {
      commit: async () => {
        await inSlices(next.commit());
        configureLog(config.log.level);
      },
      abort: () => next.abort(),
    };
    return next.addresses;
  }

  async commit(): Promise<void> {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    await prepared?.commit();
  }

  abort(): void {
    this.#turn++;
    this.#prepared?.abort();
    this.#prepared = undefined;
  }

  async drain(options: DrainOptions): Promise<number> {
    const rest = await this.#plane.drain(options);
    if (!this.hasEnded) {
      this.hasEnded = true;
      this.#records.flush();
      this.#libc?.poller.stop();
    }
    return rest;
  }

  close(): Promise<number> {
    void this.#plane.close();
    return this.drain({ timeoutMs: 0, handOver: false });
  }
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

function start(message: Start): Started {
  configureLog(message.config.log.level);
  globalThis.addEventListener("unhandledrejection", (event) => {
    // A bug must cost one session, not the worker.
    event.preventDefault();
    logBug(event.reason);
  });
  running = new DataWorker(message);
  return running.started;
}

async function reply(question: Ask<WorkerQuestions>): Promise<void> {
  if (question.name === "start") scope.postMessage(await answerTo(question, { start }));
  else if (running !== undefined) scope.postMessage(await answerTo(question, running));
  if (running === undefined || running.hasEnded) scope.close();
}

scope.onmessage = ({ data }) => {
  switch (data.type) {
    case "ask":
      void reply(data);
      return;
    case "answer":
    case "failed":
      return control.receive(data);
    default:
      data satisfies never;
      throw new TypeError("A worker got a message of an unknown type");
  }
};
