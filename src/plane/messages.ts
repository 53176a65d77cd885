/**
 * What the control plane and its workers say to each other. Knows no socket and no thread.
 *
 * @module
 */

import type { LogLevel } from "@logtape/logtape";
import type { PackedConfig } from "../config/packed.ts";
import type { Config } from "../config/schema.ts";
import type { InheritedSocket } from "../io/libc/inherited.ts";
import type { SocketShare } from "../io/mod.ts";
import type { ListenerAddresses, Look } from "../listen/bind.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import type { LeftOut } from "../observe/access/sampler.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { Answer, Ask, Question } from "./ask.ts";
import type { Batch } from "./record_queue.ts";
import type { SharedMemory } from "./shared.ts";

/** How a plane ends. */
export interface DrainOptions {
  /** Milliseconds after which the rest is closed. */
  readonly timeoutMs: number;
  /** Whether another shunt has bound the same addresses and gets what is new. */
  readonly handOver: boolean;
}

/** A configuration for a worker, with the addresses and transports that this worker is to bind. */
export interface Assignment<C = Config> {
  readonly config: C;
  readonly memory: SharedMemory;
  /** What is looked at before what is new in it is bound. */
  readonly look: Look;
}

/** What a worker is to run first. */
export interface Start extends Assignment {
  readonly worker: number;
  readonly io: "deno" | "libc";
  /** Whether others bind the same addresses. */
  readonly reusePort: boolean;
  /** Whether records of ended sessions and flows are wanted. */
  readonly records: boolean;
  /** Whether access lines are wanted if the configuration asks for them. */
  readonly lines: boolean;
  /** Sockets that a service manager has bound for this worker. */
  readonly inherited: readonly InheritedSocket[];
  /** A bit for each descriptor that the worker has open, so that none is left when it dies. */
  readonly descriptors: SharedArrayBuffer;
}

/** A worker that runs. */
export interface Started {
  readonly addresses: ListenerAddresses;
  /** The eventfd that ends a wait of the worker's, if it blocks in one. */
  readonly wakeFd: number | undefined;
}

/** What a worker is asked. */
export interface WorkerQuestions {
  /** The first question. */
  readonly start: Question<Start, Started>;
  /** Answered with what the worker would be bound to. */
  readonly prepare: Question<Assignment<PackedConfig>, ListenerAddresses>;
  readonly commit: Question<undefined, void>;
  /** Also gives up what is being prepared: that question has failed. */
  readonly abort: Question<undefined, void>;
  readonly live: Question<LiveQuery, readonly LiveRecord[]>;
  /** Whether each flow keeps its client while other sockets get what is new. */
  readonly hold: Question<boolean, void>;
  /** To worker 0 alone: its sockets speak for all that share their addresses. The answer says what failed. */
  readonly steer: Question<SocketShare | undefined, string | undefined>;
  /** Answered with how many sessions and flows had to be closed. The worker ends with its answer. */
  readonly drain: Question<DrainOptions, number>;
  /** As `drain`, at once. */
  readonly close: Question<undefined, number>;
}

/** What a worker asks the control plane. */
export interface ControlQuestions {
  /** Answered with the addresses of a name. */
  readonly resolve: Question<string, readonly string[]>;
  /** Answered once the records and lines are taken. */
  readonly take: Question<Batch, void>;
}

/** A log line of a worker's. */
export interface LogMessage {
  readonly type: "log";
  readonly category: readonly string[];
  readonly level: LogLevel;
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** A message to a worker. */
export type ToWorker = Ask<WorkerQuestions> | Answer;

/** A message from a worker. */
export type FromWorker =
  | Ask<ControlQuestions>
  | Answer
  | { readonly type: "left_out"; readonly lines: LeftOut }
  | LogMessage;
