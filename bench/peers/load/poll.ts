/**
 * Waits for many descriptors with epoll, level-triggered. Knows descriptors and the layout of
 * `epoll_event`, nothing of what is read or written.
 *
 * @module
 */

import { libc, must } from "./libc.ts";

/** Readable, or the peer has closed. */
export const IN = 1;
/** Writable. */
export const OUT = 4;
/** Failed or closed both ways; always waited for. */
export const BROKEN = 0x18;

const ADD = 1;
const DELETE = 2;
const MODIFY = 3;
const MAX_EVENTS = 512;
/** `epoll_event` is packed to 12 bytes on x86-64 only. */
const PACKED = Deno.build.arch === "x86_64";
const WORDS = PACKED ? 3 : 4;
const FD_WORD = PACKED ? 1 : 2;

/** A set of descriptors to wait for. Not safe to use while another of its waits runs. */
export class Poll {
  readonly #fd = must("create an epoll", libc.epoll_create1(0));
  readonly #words = new Int32Array(MAX_EVENTS * WORDS);
  readonly #bytes = new Uint8Array(this.#words.buffer);
  readonly #change = new Int32Array(32);
  readonly #changeBytes = new Uint8Array(this.#change.buffer);

  /**
   * Adds a descriptor.
   *
   * @param fd The descriptor
   * @param events What to wait for
   */
  add(fd: number, events: number): void {
    this.#control(ADD, fd, events);
  }

  /**
   * Waits for something else.
   *
   * @param fd A descriptor that was added
   * @param events What to wait for
   */
  modify(fd: number, events: number): void {
    this.#control(MODIFY, fd, events);
  }

  /**
   * Removes a descriptor; closing it does so too.
   *
   * @param fd A descriptor that was added
   */
  remove(fd: number): void {
    this.#control(DELETE, fd, 0);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#change[0] = events;
    this.#change[FD_WORD] = fd;
    must("change an epoll", libc.epoll_ctl(this.#fd, operation, fd, this.#changeBytes));
  }

  /**
   * Waits until something is ready.
   *
   * @param ms How long at most
   * @returns How many are ready
   */
  wait(ms: number): number {
    return Math.max(0, libc.epoll_wait(this.#fd, this.#bytes, MAX_EVENTS, ms));
  }

  /**
   * Returns a descriptor that is ready.
   *
   * @param i Its index among those of the last wait
   */
  fd(i: number): number {
    return this.#words[i * WORDS + FD_WORD] ?? -1;
  }

  /**
   * Returns what a descriptor is ready for.
   *
   * @param i Its index among those of the last wait
   * @returns {@linkcode IN}, {@linkcode OUT} and the bits of errors
   */
  events(i: number): number {
    return this.#words[i * WORDS] ?? 0;
  }

  /** Closes the epoll, not its descriptors. */
  close(): void {
    libc.close(this.#fd);
  }
}
