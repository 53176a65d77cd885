/**
 * The messages between the control plane and its workers. Knows no socket and no thread.
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
  /** Milliseconds after which the remaining sessions and flows are closed. */
  readonly timeoutMs: number;
  /** Whether another shunt has bound the same addresses and gets what is new. */
  readonly handOver: boolean;
}

/** A configuration for a worker, with the addresses and transports that this worker has to bind. */
export interface Assignment<C = Config> {
  readonly config: C;
  readonly memory: SharedMemory;
  /** What to check before new addresses are bound. */
  readonly look: Look;
}

/** What a worker runs first. */
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
  /** A bit for each descriptor that the worker has open, so that all can be closed when it dies. */
  readonly descriptors: SharedArrayBuffer;
}

/** What is known about a worker that has started. */
export interface Started {
  readonly addresses: ListenerAddresses;
  /** The eventfd that wakes the worker, if it blocks in a wait. */
  readonly wakeFd: number | undefined;
}

/** What the control plane asks a worker. */
export interface WorkerQuestions {
  /** The first question. */
  readonly start: Question<Start, Started>;
  /** Answered with the addresses that the worker would have bound. */
  readonly prepare: Question<Assignment<PackedConfig>, ListenerAddresses>;
  readonly commit: Question<undefined, void>;
  /** Also stops a preparation under way, whose question fails. */
  readonly abort: Question<undefined, void>;
  readonly live: Question<LiveQuery, readonly LiveRecord[]>;
  /** Whether each flow keeps its client while other sockets get what is new. */
  readonly hold: Question<boolean, void>;
  /** To worker 0 alone: its sockets act for all that share their addresses. The answer is what failed. */
  readonly steer: Question<SocketShare | undefined, string | undefined>;
  /** Answered with how many sessions and flows had to be closed. The worker ends after its answer. */
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

/** A log line of a worker. */
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
