/**
 * Collects log lines and writes many at once: a write of its own costs a line 50 µs and more, which is
 * as much as a whole session. Knows neither what a line says nor where it goes.
 *
 * @module
 */

/** Milliseconds that a line may wait. */
const FLUSH_MS = 50;
/** Characters that are written at once at the latest. */
const FLUSH_LENGTH = 65_536;
/** Milliseconds that the last lines may take. */
const LAST_WRITE_MS = 1000;
/** Characters that may wait for a slow reader; what comes above is dropped and counted. */
const MAX_WAITING = 8_388_608;

/** Takes lines, within bounds. */
export class LineSink implements AsyncDisposable {
  /** Lines that were dropped because the reader was too slow. */
  dropped = 0;
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #encoder = new TextEncoder();
  #waiting = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> | undefined;

  /** @param write Writes all of some bytes */
  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write;
  }

  /**
   * Takes a line.
   *
   * @param line The line, with its line feed
   */
  add(line: string): void {
    if (this.#waiting.length + line.length > MAX_WAITING) {
      this.dropped++;
      return;
    }
    this.#waiting += line;
    if (this.#writing !== undefined) return;
    if (this.#waiting.length >= FLUSH_LENGTH) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting === "" || this.#writing !== undefined) return;
    const bytes = this.#encoder.encode(this.#waiting);
    this.#waiting = "";
    // Where nobody reads the log any more there is nobody to tell.
    this.#writing = this.#write(bytes).catch(() => {}).finally(() => {
      this.#writing = undefined;
      this.#flush();
    });
  }

  /** Writes what waits; a reader that does not take it within a second does without. */
  async [Symbol.asyncDispose](): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_WRITE_MS));
    await Promise.race([this.#drain(), late]);
    clearTimeout(timer);
  }

  async #drain(): Promise<void> {
    this.#flush();
    while (this.#writing !== undefined) await this.#writing;
  }
}
