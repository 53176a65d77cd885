/**
 * Events of files by inotify(7). Knows paths and kinds of events, never what is in a file.
 *
 * `Deno.watchFs` opens every file that it reports. Opening a pipe waits for a writer, for ever, upon which
 * no event comes any more and ending the watch hangs too. Here nothing is opened, and nothing waits.
 *
 * @module
 */

import * as abi from "./abi.ts";
import { libcError } from "./errors.ts";
import { openLibc } from "./symbols.ts";

/** What happened: what Deno calls it, and `missed` if the kernel dropped events. */
export type FileEventKind = "modify" | "access" | "create" | "remove" | "rename" | "missed";

/**
 * Takes an event.
 *
 * @param kind `modify` for a write or a change of attributes, `access` for a close after writing
 * @param path What it happened to; the watched path itself if events were missed
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
/** One read brings some thousand events. */
const BUFFER_BYTES = 65_536;
/** Reads at once: if a folder is filled faster, events are lost, which is reported. */
const MAX_READS = 4;

/** `struct inotify_event`. */
export interface KernelEvent {
  /** The kernel's descriptor of what is watched. */
  readonly watch: number;
  readonly mask: number;
  /** Of what it happened to in a watched folder; empty for what is watched itself. */
  readonly name: string;
}

const decoder = new TextDecoder();

/**
 * Reads what the kernel has written.
 *
 * @param bytes One event after the other
 * @returns The events; one that is cut off is left out
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

/** Watches on paths. Somebody has to ask for what happened: nothing here waits. */
export class Inotify implements Disposable {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  /** By the kernel's descriptor: one inode has one, by whatever path. */
  readonly #watches = new Map<number, Set<Subscription>>();

  /** @throws {LibcError} if the kernel gives no more of them */
  constructor() {
    const { libc, errno } = openLibc();
    this.#fd = libc.inotify_init1(abi.IN_FLAGS);
    if (this.#fd < 0) throw libcError("inotify_init1", errno[0]!);
  }

  /**
   * Watches a file or a folder, without what is in its folders.
   *
   * @param path Where it is
   * @param onEvent Takes what happens there
   * @returns Ends it; may be called again
   * @throws {Deno.errors.NotFound} if nothing is there
   * @throws {LibcError} if it may not be watched, or the kernel watches too much
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
      // The kernel has ended it if the file is gone.
      libc.inotify_rm_watch(this.#fd, watch);
    };
  }

  /** Gives out what has happened; never waits. */
  read(): void {
    const { libc } = openLibc();
    for (let reads = 0; reads < MAX_READS; reads++) {
      const length = libc.read(this.#fd, this.#buffer, BUFFER_BYTES);
      if (length <= 0) return;
      this.#give(length);
    }
  }

  #give(length: number): void {
    for (const { watch, mask, name } of readEvents(this.#buffer.subarray(0, length))) {
      if ((mask & abi.IN_Q_OVERFLOW) !== 0) this.#giveMissed();
      const kind = KINDS.find(([bits]) => (mask & bits) !== 0)?.[1];
      const subscriptions = this.#watches.get(watch);
      if (kind === undefined || subscriptions === undefined) continue;
      for (const { path, onEvent } of [...subscriptions]) {
        onEvent(kind, name === "" ? path : `${path === "/" ? "" : path}/${name}`);
      }
    }
  }

  #giveMissed(): void {
    for (const subscriptions of [...this.#watches.values()]) {
      for (const { path, onEvent } of [...subscriptions]) onEvent("missed", path);
    }
  }

  /** Ends all. */
  [Symbol.dispose](): void {
    this.#watches.clear();
    openLibc().libc.close(this.#fd);
  }
}
