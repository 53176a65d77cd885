/**
 * What the control plane and its workers say to each other. Knows no socket and no thread.
 *
 * @module
 */

import type { LogLevel } from "@logtape/logtape";
import type { Config } from "../config/schema.ts";
import type { BoundAddresses } from "../listen/bind.ts";
import type { Batch } from "./record_queue.ts";
import type { SharedMemory } from "./shared.ts";

/** The first message to a worker: what to run. */
export interface StartMessage {
  readonly type: "start";
  /** With the addresses and transports that this worker is to bind. */
  readonly config: Config;
  readonly worker: number;
  readonly memory: SharedMemory;
  readonly io: "deno" | "libc";
  /** Whether records of ended sessions and flows are wanted. */
  readonly records: boolean;
  /** Whether access lines are wanted. */
  readonly lines: boolean;
  /** A bit for each descriptor that the worker has open, so that none is left when it dies. */
  readonly descriptors: SharedArrayBuffer;
}

/** The answer to a question of a worker's. */
export interface ResolvedMessage {
  readonly type: "resolved";
  readonly name: string;
  /** Unset where resolving failed. */
  readonly list?: readonly string[];
  /** Why it failed. */
  readonly error?: string;
}

/** What a worker is told. */
export type ToWorker =
  | StartMessage
  | ResolvedMessage
  | { readonly type: "ended_taken" }
  | { readonly type: "drain"; readonly timeoutMs: number }
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
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "resolve"; readonly name: string }
  | ({ readonly type: "ended" } & Batch)
  | LogMessage
  | { readonly type: "drained"; readonly rest: number };
