/**
 * Collects log lines and writes many at once. A write of its own costs a line 50 µs and more, as much as a
 * whole session. Knows neither what a line says nor where it goes.
 *
 * @module
 */

import { within } from "../../within.ts";

/** Milliseconds that a line may wait. */
const FLUSH_MS = 50;
/** Characters that are written without waiting further. */
const FLUSH_LENGTH = 65_536;
/** Milliseconds that the last lines may take. */
const LAST_WRITE_MS = 1000;
/** Milliseconds between two reports of dropped lines. */
const REPORT_MS = 10_000;
/** Characters that may wait for a slow reader. Further lines are dropped and counted. */
const MAX_WAITING = 8_388_608;

const LINE_FEED = 10;

/** Writes some bytes, at least one, and returns how many. */
export type WriteSome = (bytes: Uint8Array) => Promise<number>;

/** What a sink calls. */
export interface SinkOptions {
  /** Called if a write fails and the one before did not. */
  readonly onFailure?: (error: unknown) => void;
  /** Called after a write if lines were dropped since the last report, at most every 10 s. */
  readonly onDropped?: (lines: number) => void;
}

/** Where lines go. */
interface Destination {
  readonly write: WriteSome;
  /** Whether its last line is incomplete, because a write failed. */
  torn: boolean;
}

/** Takes lines, within bounds. */
export class LineSink implements AsyncDisposable {
  /** Lines that were dropped because the reader was too slow or writing failed. */
  dropped = 0;
  readonly #options: SinkOptions;
  readonly #encoder = new TextEncoder();
  #destination: Destination;
  #waiting = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;
  #failing = false;
  /** How many of the dropped lines were reported. */
  #reported = 0;
  #reportedAt = -Infinity;

  /**
   * @param write Where lines go
   * @param options What to call
   */
  constructor(write: WriteSome, options: SinkOptions = {}) {
    this.#destination = { write, torn: false };
    this.#options = options;
  }

  /**
   * Takes a line.
   *
   * @param line The line, with its line feed
   */
  add(line: string): void {
    if (this.#waiting.length + line.length > MAX_WAITING) {
      this.dropped += countLines(line);
      return;
    }
    this.#waiting += line;
    if (this.#writing !== undefined) return;
    if (this.#waiting.length >= FLUSH_LENGTH) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /**
   * Sends lines to another place, including those that wait.
   *
   * @param write The new place
   * @returns Settles once nothing is written to the old place
   */
  async redirect(write: WriteSome): Promise<void> {
    this.#destination = { write, torn: false };
    this.#failing = false;
    await this.#writing;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting === "" || this.#writing !== undefined) return;
    const text = this.#waiting;
    this.#waiting = "";
    this.#writing = this.#write(text, this.#destination).finally(() => {
      this.#writing = undefined;
      this.#flush();
    });
  }

  async #write(text: string, to: Destination): Promise<void> {
    // Text after an incomplete line must not look like its end.
    const bytes = this.#encoder.encode(to.torn ? `\n${text}` : text);
    const begin = to.torn ? 1 : 0;
    let written = 0;
    try {
      while (written < bytes.length) {
        const some = await to.write(bytes.subarray(written));
        if (some === 0) throw new Error("Nothing could be written");
        written += some;
      }
      to.torn = false;
      if (to === this.#destination) this.#failing = false;
      this.#reportDropped();
    } catch (error) {
      if (written > 0) to.torn = bytes[written - 1] !== LINE_FEED;
      for (let i = Math.max(written, begin); i < bytes.length; i++) {
        if (bytes[i] === LINE_FEED) this.dropped++;
      }
      if (to !== this.#destination || this.#failing) return;
      this.#failing = true;
      this.#options.onFailure?.(error);
    }
  }

  #reportDropped(): void {
    const lines = this.unreported;
    if (lines === 0 || performance.now() - this.#reportedAt < REPORT_MS) return;
    this.#reportedAt = performance.now();
    this.#reported = this.dropped;
    this.#options.onDropped?.(lines);
  }

  /** Dropped lines that were not reported. */
  get unreported(): number {
    return this.dropped - this.#reported;
  }

  /** Writes the waiting lines. A reader that does not take them within a second loses them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await within(LAST_WRITE_MS, this.#drain());
  }

  async #drain(): Promise<void> {
    this.#flush();
    while (this.#writing !== undefined) await this.#writing;
  }
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}
