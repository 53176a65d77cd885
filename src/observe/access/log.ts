/**
 * Writes access lines as configured: which, and in which format. Does not know where they go.
 *
 * @module
 */

import { type AccessRecord, formatAccess } from "./record.ts";
import { AccessSampler, type LeftOut } from "./sampler.ts";
import { compileTemplate } from "./template.ts";
import { formatterOf, type LogSettings } from "../log/log.ts";

/** Milliseconds between two reports of lines that were left out. */
const REPORT_MS = 1000;

/** Where the lines of one plane go. */
export interface AccessLogOptions {
  /** Planes that write. Each has its share of the rate. */
  readonly workers: number;
  /** Takes a line, with its line feed. */
  readonly write: (line: string) => void;
  /** Called once a second at most, with the number of lines that were left out. */
  readonly onLeftOut: (leftOut: LeftOut) => void;
}

/** The access lines of one plane. */
export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #sampler: AccessSampler;
  #on = false;
  #format: (record: AccessRecord) => string = () => "";
  #reportedAt = -Infinity;

  /**
   * @param config The `log` part
   * @param options Where lines go
   */
  constructor(config: LogSettings, options: AccessLogOptions) {
    this.#options = options;
    this.#sampler = new AccessSampler(config.access_rate / options.workers, performance.now());
    this.change(config);
  }

  /**
   * Applies another configuration.
   *
   * @param config The `log` part
   */
  change({ access, access_rate, format, template }: LogSettings): void {
    this.#on = access;
    this.#sampler.change(access_rate / this.#options.workers);
    const formatter = formatterOf(format);
    this.#format = template === null
      ? (record) => formatAccess(record, formatter)
      : compileTemplate(template);
  }

  /** Whether lines are written now. */
  get on(): boolean {
    return this.#on;
  }

  /** Writes the line of a session or flow that has ended, unless it is left out. */
  take(record: AccessRecord): void {
    if (this.#on && this.#sampler.takes(record.reason)) this.#options.write(this.#format(record));
  }

  /** Called regularly with the time in milliseconds. */
  tick(now: number): void {
    this.#sampler.tick(now);
    if (now - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = now;
    this.flush();
  }

  /** Reports the lines that were left out so far. */
  flush(): void {
    const leftOut = this.#sampler.leftOut();
    if (leftOut !== undefined) this.#options.onLeftOut(leftOut);
  }
}
