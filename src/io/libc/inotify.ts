/**
 * File events by inotify(7). Knows paths and kinds of events, never what is in a file.
 *
 * `Deno.watchFs` opens every file that it reports. Opening a pipe without a writer waits for ever; then no
 * event arrives any more, and ending the watch hangs too. This module opens nothing and never waits.
 *
 * @module
 */

import * as abi from "./abi.ts";
import { libcError } from "./errors.ts";
import { openLibc } from "./symbols.ts";

/** The kind of an event in Deno's words, and `missed` if the kernel dropped events. */
export type FileEventKind = "modify" | "access" | "create" | "remove" | "rename" | "missed";

/**
 * Takes an event.
 *
 * @param kind `modify` for a write or a change of attributes, `access` for a close after writing
 * @param path The file that changed; the watched path itself if events were missed
 */
export type OnFileEvent = (kind: FileEventKind, path: string) => void;

const KINDS: readonly (readonly [mask: number, kind: FileEventKind])[] = [
  [abi.IN_MODIFY | abi.IN_ATTRIB, "modify"],
  [abi.IN_CLOSE_WRITE, "access"],
  [abi.IN_CREATE, "create"],
  [abi.IN_DELETE | abi.IN_DELETE_SELF, "remove"],
  [abi.IN_MOVED_FROM | abi.IN_MOVED_TO | abi.IN_MOVE_SELF, "rename"],
];
const MASK = KINDS.reduce((all, [mask]) => all | mask, 0);
/** `struct inotify_event` before its name: a descriptor, a mask, a cookie, the name's length. */
const EVENT_BYTES = 16;
/** One read returns about a thousand events. */
const BUFFER_BYTES = 65_536;
/** Reads per call. If a folder fills faster, events are lost, which is reported. */
const MAX_READS = 4;

/** `struct inotify_event`. */
export interface KernelEvent {
  /** The kernel's descriptor of the watched path. */
  readonly watch: number;
  readonly mask: number;
  /** The name within a watched folder; empty for the watched path itself. */
  readonly name: string;
}

const decoder = new TextDecoder();

/**
 * Parses events that the kernel has written.
 *
 * @param bytes One event after the other
 * @returns The events; a truncated one is left out
 */
export function* readEvents(bytes: Uint8Array): Generator<KernelEvent, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + EVENT_BYTES <= bytes.length;) {
    const start = at + EVENT_BYTES;
    const end = start + view.getUint32(at + 12, true);
    if (end > bytes.length) return;
    const padded = bytes.subarray(start, end);
    const zero = padded.indexOf(0);
    yield {
      watch: view.getInt32(at, true),
      mask: view.getUint32(at + 4, true),
      name: decoder.decode(zero === -1 ? padded : padded.subarray(0, zero)),
    };
    at = end;
  }
}

interface Subscription {
  readonly path: string;
  readonly onEvent: OnFileEvent;
}

/** Watches paths. The owner has to call {@linkcode Inotify.read}; nothing here waits. */
export class Inotify implements Disposable {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  /** By the kernel's descriptor. An inode has only one, whatever the path. */
  readonly #watches = new Map<number, Set<Subscription>>();

  /**
   * @throws {LibcError} if the kernel allows no more instances
   */
  constructor() {
    const { libc, errno } = openLibc();
    this.#fd = libc.inotify_init1(abi.IN_FLAGS);
    if (this.#fd < 0) throw libcError("inotify_init1", errno[0]!);
  }

  /**
   * Watches a file or a folder, but not the content of its folders.
   *
   * @param path Where it is
   * @param onEvent Takes its events
   * @returns Ends the watch; may be called again
   * @throws {Deno.errors.NotFound} if the path does not exist
   * @throws {LibcError} if it may not be watched, or the kernel's limit is reached
   */
  watch(path: string, onEvent: OnFileEvent): () => void {
    const { libc, errno } = openLibc();
    const watch = libc.inotify_add_watch(this.#fd, new TextEncoder().encode(`${path}\0`), MASK);
    if (watch < 0) {
      const code = errno[0]!;
      if (code === abi.ENOENT || code === abi.ENOTDIR) throw new Deno.errors.NotFound(path);
      throw libcError("inotify_add_watch", code);
    }
    const subscription = { path, onEvent };
    const known = this.#watches.get(watch);
    if (known === undefined) this.#watches.set(watch, new Set([subscription]));
    else known.add(subscription);
    return () => {
      const subscriptions = this.#watches.get(watch);
      if (!subscriptions?.delete(subscription) || subscriptions.size > 0) return;
      this.#watches.delete(watch);
      // Fails if the file is gone, as the kernel has ended the watch then.
      libc.inotify_rm_watch(this.#fd, watch);
    };
  }

  /** Passes on all events so far; never waits. */
  read(): void {
    const { libc } = openLibc();
    for (let reads = 0; reads < MAX_READS; reads++) {
      const length = libc.read(this.#fd, this.#buffer, BUFFER_BYTES);
      if (length <= 0) return;
      this.#passOn(length);
    }
  }

  #passOn(length: number): void {
    for (const { watch, mask, name } of readEvents(this.#buffer.subarray(0, length))) {
      if ((mask & abi.IN_Q_OVERFLOW) !== 0) this.#passOnMissed();
      const kind = KINDS.find(([bits]) => (mask & bits) !== 0)?.[1];
      const subscriptions = this.#watches.get(watch);
      if (kind === undefined || subscriptions === undefined) continue;
      for (const { path, onEvent } of [...subscriptions]) {
        onEvent(kind, name === "" ? path : `${path === "/" ? "" : path}/${name}`);
      }
    }
  }

  #passOnMissed(): void {
    for (const subscriptions of [...this.#watches.values()]) {
      for (const { path, onEvent } of [...subscriptions]) onEvent("missed", path);
    }
  }

  /** Ends all watches. */
  [Symbol.dispose](): void {
    this.#watches.clear();
    openLibc().libc.close(this.#fd);
  }
}
