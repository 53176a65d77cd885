/**
 * Events of files, if the system has some that need no waiting: inotify, read several times a second. Knows
 * no configuration.
 *
 * @module
 */

import { Inotify, type OnFileEvent } from "../io/libc/inotify.ts";
import { missingForLibc } from "../io/libc/symbols.ts";

/** Milliseconds between two looks at what has happened. */
const LOOK_MS = 100;

/** A source of events; disposing of it ends all its watches. */
export class FileEvents implements Disposable {
  readonly #inotify = new Inotify();
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param ms Milliseconds between two looks, 100 at the most */
  constructor(ms: number) {
    this.#timer = setInterval(() => this.look(), Math.min(ms, LOOK_MS));
  }

  /** Reads the events so far. */
  look(): void {
    this.#inotify.read();
  }

  /**
   * Watches a file, or a folder without what is in its folders.
   *
   * @param path Its path
   * @param onEvent Called with each event
   * @returns Ends the watch
   * @throws {Error} if it cannot be watched
   */
  watch(path: string, onEvent: OnFileEvent): () => void {
    return this.#inotify.watch(path, onEvent);
  }

  /** Ends all. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#inotify[Symbol.dispose]();
  }
}

/**
 * Opens a source of events.
 *
 * @param ms Milliseconds between two looks, 100 at the most
 * @returns The source, or `undefined` if there is none: looking at the files is all that is left
 * @throws {Error} if the kernel gives no more of them
 */
export function openFileEvents(ms: number): FileEvents | undefined {
  return missingForLibc() === undefined ? new FileEvents(ms) : undefined;
}
