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
import type { BoundAddresses, Look } from "../listen/bind.ts";
import type { LiveRecord } from "../observe/access/record.ts";
import type { LeftOut } from "../observe/access/sampler.ts";
import type { LiveQuery } from "../observe/access/live.ts";
import type { Batch } from "./record_queue.ts";
import type { SharedMemory } from "./shared.ts";

/** How a plane is to end. */
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

/** The first message to a worker: what to run. */
export interface StartMessage extends Assignment {
  readonly type: "start";
  readonly worker: number;
  readonly io: "deno" | "libc";
  /** Whether others bind the same addresses. */
  readonly reusePort: boolean;
  /** Whether records of ended sessions and flows are wanted. */
  readonly records: boolean;
  /** Whether access lines are wanted, where the configuration asks for them. */
  readonly lines: boolean;
  /** Sockets that a service manager has bound for this worker. */
  readonly inherited: readonly InheritedSocket[];
  /** A bit for each descriptor that the worker has open, so that none is left when it dies. */
  readonly descriptors: SharedArrayBuffer;
}

/** The answer to a question of a worker's. */
export interface ResolvedMessage {
  readonly type: "resolved";
  readonly name: string;
  /** Unset if resolving failed. */
  readonly list?: readonly string[];
  /** Why it failed. */
  readonly error?: string;
}

/** What a worker is told. */
export type ToWorker =
  | StartMessage
  | ResolvedMessage
  | { readonly type: "ended_taken" }
  | ({ readonly type: "prepare" } & Assignment<PackedConfig>)
  | { readonly type: "commit" }
  | { readonly type: "abort" }
  | { readonly type: "live"; readonly question: number; readonly query: LiveQuery }
  | { readonly type: "hold"; readonly on: boolean }
  /** Of worker 0 alone: its sockets speak for all that share their addresses. */
  | { readonly type: "steer"; readonly share: SocketShare | undefined }
  | ({ readonly type: "drain" } & DrainOptions)
  | { readonly type: "close" };

/** A log line of a worker's. */
export interface LogMessage {
  readonly type: "log";
  readonly category: readonly string[];
  readonly level: LogLevel;
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** What a worker tells. */
export type FromWorker =
  | {
    readonly type: "ready";
    readonly addresses: Readonly<Record<string, BoundAddresses>>;
    /** The eventfd that ends a wait of the worker's, where it blocks in one. */
    readonly wakeFd: number | undefined;
  }
  /** It cannot start, or cannot bind what a new configuration asks for. */
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "resolve"; readonly name: string }
  | {
    readonly type: "prepared";
    readonly addresses: Readonly<Record<string, BoundAddresses>>;
  }
  | { readonly type: "committed" }
  | {
    readonly type: "live";
    readonly question: number;
    readonly records: readonly LiveRecord[];
  }
  | { readonly type: "held" }
  | { readonly type: "steered"; readonly failure: string | undefined }
  | ({ readonly type: "ended" } & Batch)
  | { readonly type: "left_out"; readonly lines: LeftOut }
  | LogMessage
  | { readonly type: "drained"; readonly rest: number };
