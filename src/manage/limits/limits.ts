/**
 * The limits of one listener: sessions and flows, of all sources and of each, at once and per second.
 * Knows counts and sources, never a socket. Every call takes constant time.
 *
 * @module
 */

import type { ListenerLimits } from "../../config/per_source.ts";
import { LimitError } from "../../errors.ts";
import type { LifeKind } from "../../resolve/target.ts";
import { SharedCount } from "../../shared_count.ts";
import type { Pressure } from "./pressure.ts";
import { LocalSources, type SourceLedger, type SourceReason } from "./sources.ts";

/** Which limit refused a session or flow. */
export type LimitReason =
  | "limit_sessions"
  | "limit_flows"
  | "no_descriptors"
  | "no_memory"
  | SourceReason;

const MESSAGES: Readonly<Record<LimitReason, string>> = {
  limit_sessions: "The listener is at its limits.sessions",
  limit_flows: "The listener is at its limits.flows",
  limit_source: "The source is at limits.per_source sessions and flows",
  limit_rate: "The source opens sessions and flows faster than limits.new_per_source",
  no_descriptors: "The process has no descriptors left for sessions and flows; raise its limit " +
    "(ulimit -n, LimitNOFILE=)",
  no_memory: "The process is close to limits.memory, or a thread to the limit of its heap",
};

/** Makes the error for a limit that refused. */
export function limitError(reason: LimitReason): LimitError {
  return new LimitError(MESSAGES[reason], { code: reason });
}

/** Descriptors of each: a session's two connections, a flow's socket. */
export const SOCKETS: Readonly<Record<LifeKind, number>> = { session: 2, flow: 1 };

/** How many descriptors the sessions and flows of a process may take. */
export interface SocketLimit {
  readonly count: SharedCount;
  readonly most: number;
  /** How many of them flows may take; all unless given. */
  readonly flows?: { readonly count: SharedCount; readonly most: number };
}

/** What limits need. */
export interface LimitsOptions {
  /** The time in milliseconds; need not be exact. */
  readonly now: () => number;
  /** Counts the sessions and flows of all workers; unless given, those of this worker are counted. */
  readonly counts?: { readonly sessions: SharedCount; readonly flows: SharedCount };
  /** Counts the sources of all workers; unless given, those of this worker are counted. */
  readonly sources?: SourceLedger | undefined;
  /** The descriptors of all listeners; no limit unless given. */
  readonly sockets?: SocketLimit;
  /** Reports whether memory is short; it never is unless given. */
  readonly pressure?: Pick<Pressure, "refuses">;
  /** The limits of the previous configuration, whose sources are kept. */
  readonly previous?: Limits | undefined;
}

/** Reports whether a listener limits sources, so that they have to be counted. */
export function limitsSources(config: ListenerLimits): boolean {
  return config.per_source > 0 || config.new_per_source > 0;
}

/** Admission to one listener. */
export class Limits {
  readonly #config: ListenerLimits;
  readonly #sessions: SharedCount;
  readonly #flows: SharedCount;
  readonly #sources: SourceLedger | undefined;
  readonly #sockets: SocketLimit | undefined;
  readonly #pressure: Pick<Pressure, "refuses"> | undefined;

  constructor(config: ListenerLimits, options: LimitsOptions) {
    this.#config = config;
    this.#sessions = options.counts?.sessions ?? new SharedCount();
    this.#flows = options.counts?.flows ?? new SharedCount();
    this.#sockets = options.sockets;
    this.#pressure = options.pressure;
    if (limitsSources(config)) {
      const { previous } = options;
      const known = previous === undefined ? undefined : previous.#sources;
      if (known instanceof LocalSources) known.limit(config);
      this.#sources = options.sources ?? known ?? new LocalSources(config, options.now);
    }
  }

  /** Sessions now. */
  get sessions(): number {
    return this.#sessions.total;
  }

  /** Flows now. */
  get flows(): number {
    return this.#flows.total;
  }

  /** Sources that are remembered now. */
  get sources(): number {
    return this.#sources?.size ?? 0;
  }

  /**
   * Takes a place for a session or flow. Each one that is admitted has to be released once.
   *
   * @param source The client's IP literal; left out if a PROXY header will name it, see {@linkcode charge}
   * @returns Which limit refuses it, with nothing taken; `undefined` if it is admitted
   */
  admit(kind: "session", source?: string): Exclude<LimitReason, "limit_flows"> | undefined;
  admit(kind: "flow", source?: string): Exclude<LimitReason, "limit_sessions"> | undefined;
  admit(kind: LifeKind, source?: string): LimitReason | undefined {
    const { sessions, flows } = this.#config;
    if (this.#pressure?.refuses()) return "no_memory";
    if (kind === "session" && !this.#sessions.take(sessions)) return "limit_sessions";
    if (kind === "flow" && !this.#flows.take(flows)) return "limit_flows";
    if (!this.#takeSockets(kind)) {
      (kind === "session" ? this.#sessions : this.#flows).add(-1);
      return "no_descriptors";
    }
    const refused = source === undefined ? undefined : this.charge(source);
    if (refused !== undefined) this.#giveBack(kind);
    return refused;
  }

  #takeSockets(kind: LifeKind): boolean {
    if (this.#sockets === undefined) return true;
    const { count, most, flows } = this.#sockets;
    if (kind === "flow" && flows?.count.take(flows.most, SOCKETS.flow) === false) return false;
    if (count.take(most, SOCKETS[kind])) return true;
    if (kind === "flow") flows?.count.add(-SOCKETS.flow);
    return false;
  }

  #giveBack(kind: LifeKind): void {
    (kind === "session" ? this.#sessions : this.#flows).add(-1);
    this.#sockets?.count.add(-SOCKETS[kind]);
    if (kind === "flow") this.#sockets?.flows?.count.add(-SOCKETS.flow);
  }

  /**
   * Reports whether {@linkcode charge} would refuse a source now. Takes nothing. No other flow should make
   * room for one that is refused anyway.
   */
  refusesSource(source: string): boolean {
    return this.#sources?.refuses(source) ?? false;
  }

  /**
   * Counts a session that was admitted without a source.
   *
   * @returns Which of the source's limits refuses it, with nothing taken; `undefined` if none does
   */
  charge(source: string): SourceReason | undefined {
    return this.#sources?.charge(source);
  }

  /**
   * Gives the place of a session or flow back.
   *
   * @param source The source that it was charged to, if any
   */
  release(kind: LifeKind, source?: string): void {
    this.#giveBack(kind);
    if (source !== undefined) this.#sources?.release(source);
  }

  /** Forgets sources without sessions and flows whose buckets are full; may be called at every tick. */
  sweep(): void {
    this.#sources?.sweep();
  }
}
