/**
 * Keeps the health of all targets: makes active checks when they are due, judges what traffic reports, and
 * logs changes. There is one per process, in the control plane.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { NameResolver } from "../../resolve/dns.ts";
import type { HealthBook, HealthChange, HealthReport } from "./health.ts";
import { HealthGroup } from "./group.ts";
import { type Probe, type ProbeOutcome, probeTarget } from "./probe.ts";
import type { Steps } from "../../slices.ts";
import type { Upstream } from "../../resolve/upstream.ts";
import { encodeOwnHeader } from "../../wire/proxy_protocol.ts";
import { NO_BYTES } from "../../wire/bytes.ts";

const logger = getLogger(["shunt", "health"]);

/** Checks at once over all targets: enough for 32 dead ones a second with a timeout of 2 s. */
const MAX_PROBES = 64;
/** Milliseconds over which first checks are spread. */
const SPREAD_MS = 1_000;
/** The part of an interval by which it varies at random, so that checks do not stay in step. */
const JITTER = 0.1;

/** Options of {@linkcode HealthChecks}. */
export interface HealthOptions {
  /** Resolves names. */
  readonly resolver: NameResolver;
  /** The time in milliseconds: monotonic, though a step does no harm. */
  readonly now: () => number;
  /** Returns numbers from 0 up to, but not including, 1. */
  readonly random?: () => number;
  /** Makes one check; uses sockets unless given. */
  readonly probe?: Probe;
}

/** When a target is checked. */
interface Schedule {
  readonly upstream: string;
  /** The PROXY header that its checks send first, as traffic does. */
  header: Uint8Array;
  /** When its next check begins. */
  due: number;
  /** Ends the check under way. */
  running?: AbortController;
}

/** The health of all targets. */
export class HealthChecks {
  readonly #options: HealthOptions;
  readonly #random: () => number;
  readonly #probe: Probe;
  #groups: ReadonlyMap<string, HealthGroup> = new Map();
  #schedules: ReadonlyMap<HealthBook, Schedule> = new Map();
  /** Targets whose check is due; the first has waited longest. */
  readonly #queue = new Set<HealthBook>();
  #running = 0;
  /** Reasons why checks cannot be made that have been logged. */
  readonly #logged = new Set<string>();
  #seen: number;
  /** The clock's time without its steps back. */
  #time: number;
  #closed = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    this.#probe = options.probe ?? probeTarget;
    this.#seen = this.#time = options.now();
  }

  /**
   * Watches the upstreams of a configuration, from the start and after each reload. Until the last step it
   * watches the previous ones. A target keeps its health if its name and its upstream's name stay. A target
   * that is no longer watched counts as back.
   */
  *watch(upstreams: readonly Upstream[]): Steps<void> {
    const now = this.#advance(this.#options.now());
    const groups = new Map<string, HealthGroup>();
    const schedules = new Map<HealthBook, Schedule>();
    for (const upstream of upstreams) {
      const { name } = upstream;
      const onChange = (change: HealthChange) => log(name, change);
      const group = new HealthGroup(upstream, this.#groups.get(name), { now, onChange });
      groups.set(name, group);
      for (const book of group.targets) {
        if (book.isChecked) schedules.set(book, this.#schedule(upstream, book, now));
      }
      yield;
    }
    for (const [book, { running }] of this.#schedules) {
      if (schedules.has(book)) continue;
      this.#queue.delete(book);
      running?.abort();
    }
    this.#groups = groups;
    this.#schedules = schedules;
    this.#logged.clear();
  }

  /** Starts checks that are due, and judges what traffic has reported. Called about every 100 ms. */
  tick(now: number): void {
    if (this.#closed) return;
    const time = this.#advance(now);
    for (const [name, group] of this.#groups) group.tick(time, (change) => log(name, change));
    for (const [book, { due, running }] of this.#schedules) {
      if (due <= time && running === undefined) this.#queue.add(book);
    }
    this.#start();
  }

  /** Returns the health of a target, or `undefined` if the target does not exist. */
  state(upstream: string, target: string): HealthReport | undefined {
    return this.#groups.get(upstream)?.byName.get(target)?.report();
  }

  /** Cancels the checks that run, and starts no more. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#queue.clear();
    for (const { running } of this.#schedules.values()) running?.abort();
  }

  #advance(now: number): number {
    this.#time += Math.max(0, now - this.#seen);
    this.#seen = now;
    return this.#time;
  }

  #schedule({ name, config }: Upstream, book: HealthBook, now: number): Schedule {
    const { interval } = book.config;
    const { send_proxy_protocol: version } = config;
    const header = version === "off" ? NO_BYTES : encodeOwnHeader(version);
    const known = this.#schedules.get(book);
    if (known === undefined) {
      const due = now + this.#random() * Math.min(interval, SPREAD_MS);
      return { upstream: name, header, due };
    }
    known.header = header;
    // A shorter interval counts from now on, not only once the longer one is over.
    known.due = Math.min(known.due, now + this.#jitter(interval));
    return known;
  }

  #jitter(interval: number): number {
    return interval * (1 - JITTER + 2 * JITTER * this.#random());
  }

  #start(): void {
    for (const book of this.#queue) {
      if (this.#running >= MAX_PROBES) return;
      this.#queue.delete(book);
      const schedule = this.#schedules.get(book);
      if (schedule !== undefined) void this.#check(book, schedule);
    }
  }

  async #check(book: HealthBook, schedule: Schedule): Promise<void> {
    const { address } = book.target;
    if (address.kind === "builtin") return;
    const { interval, probe, timeout } = book.config;
    const running = new AbortController();
    schedule.running = running;
    schedule.due = this.#time + this.#jitter(interval);
    this.#running++;
    const { resolver } = this.#options;
    const outcome = await this.#probe(address, {
      probe,
      timeout,
      resolver,
      header: schedule.header,
      signal: running.signal,
    });
    this.#running--;
    delete schedule.running;
    if (this.#closed) return;
    if (!running.signal.aborted) this.#take(outcome, book, schedule.upstream);
    this.#start();
  }

  #take(outcome: ProbeOutcome, book: HealthBook, upstream: string): void {
    const now = this.#advance(this.#options.now());
    let change: HealthChange | undefined;
    switch (outcome.kind) {
      case "ok":
        change = book.passed(now);
        break;
      case "failed":
        change = book.failed(outcome.why, now);
        break;
      case "hindered":
        this.#logHindered(outcome, book, upstream);
        break;
    }
    if (change !== undefined) log(upstream, change);
  }

  #logHindered(
    { by, why }: Extract<ProbeOutcome, { readonly kind: "hindered" }>,
    book: HealthBook,
    upstream: string,
  ): void {
    if (this.#logged.has(by)) return;
    this.#logged.add(by);
    const detail = { upstream, target: book.target.name, because: why };
    switch (by) {
      case "permission":
        return logger.error(
          "Checks are not permitted, so they do not count; allow them with --allow-net",
          detail,
        );
      case "descriptors":
        return logger.warn("Checks cannot be made: no descriptor is left", detail);
      case "load":
        return logger.warn("Checks are late, so they do not count", detail);
    }
  }
}

function log(upstream: string, change: HealthChange): void {
  const { why: because } = change;
  const where = { upstream, target: change.target.name };
  switch (change.kind) {
    case "down":
      return logger.warn("Target is down", { ...where, because });
    case "ejected":
      return logger.warn("Target is ejected", { ...where, because, for_ms: change.forMs });
    case "back":
      return logger.info("Target is back", {
        ...where,
        because,
        out_ms: Math.round(change.outMs),
      });
  }
}
