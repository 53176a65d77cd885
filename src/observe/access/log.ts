/**
 * Writes access lines as the configuration asks: which, and in which form. Knows not where they go.
 *
 * @module
 */

import { type AccessRecord, formatAccess } from "./record.ts";
import { AccessSampler, type LeftOut } from "./sampler.ts";
import { compileTemplate } from "./template.ts";
import { formatterOf, type LogSettings } from "../log/log.ts";

/** Milliseconds between two words of what was left out. */
const TELL_MS = 1000;

/** Where the lines of one plane go. */
export interface AccessLogOptions {
  /** Planes that write: each has its share of the rate. */
  readonly workers: number;
  /** Takes a line, with its line feed. */
  readonly write: (line: string) => void;
  /** Is told, once a second at the most, how many lines were left out. */
  readonly onLeftOut: (leftOut: LeftOut) => void;
}

/** The access lines of one plane. */
export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #sampler: AccessSampler;
  #on = false;
  #format: (record: AccessRecord) => string = () => "";
  #toldAt = -Infinity;

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
   * Goes on with another configuration.
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

  /** Whether lines are wanted now. */
  get on(): boolean {
    return this.#on;
  }

  /**
   * Takes what ended.
   *
   * @param record What is known of it
   */
  take(record: AccessRecord): void {
    if (this.#on && this.#sampler.takes(record.reason)) this.#options.write(this.#format(record));
  }

  /**
   * Is told of the time.
   *
   * @param now The time in milliseconds
   */
  tick(now: number): void {
    this.#sampler.tick(now);
    if (now - this.#toldAt < TELL_MS) return;
    this.#toldAt = now;
    this.flush();
  }

  /** Reports what was left out so far. */
  flush(): void {
    const leftOut = this.#sampler.leftOut();
    if (leftOut !== undefined) this.#options.onLeftOut(leftOut);
  }
}
