/**
 * The epoll loop of one thread: waits for sockets, calls their handlers, and gives the thread's other work
 * (promises, messages, timers) its turn in between. Knows no protocol and no session.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import {
  EFD_FLAGS,
  EINTR,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLL_DATA_OFFSET,
  EPOLL_EVENT_BYTES,
  EPOLLIN,
} from "./abi.ts";
import { libcError } from "./errors.ts";
import { openLibc } from "./symbols.ts";

const MAX_EVENTS = 512;
/**
 * Longest wait in milliseconds while nothing happens; timers of the thread may be late by as much. Messages
 * do not wait for it, since their sender writes to {@linkcode Poller.wakeFd}.
 */
const MAX_WAIT_MS = 20;

/**
 * Milliseconds of rounds without a turn of the event loop, which costs 1.8 µs, while no promise settled.
 * Timers and messages may be late by as much.
 */
const TURN_MS = 10;

/** Rounds without a wait after a wake, since a message needs a few turns of the event loop to arrive. */
const EAGER_ROUNDS = 64;

/** Handles the events of a descriptor. */
export interface PollHandler {
  onEvents(events: number): void;
  /** Closes the descriptor, and rejects what waits for it. */
  close(): void;
}

/** What a poller is given. */
export interface PollerOptions {
  /** One bit per descriptor, set while it is open. */
  readonly descriptors: Int32Array;
  /** Longest wait in milliseconds while nothing happens. */
  readonly maxWaitMs?: number;
  /** Called if a handler threw, which is a bug. */
  readonly onBug: (error: unknown) => void;
}

/** The epoll instance of a thread. */
export class Poller {
  /** An eventfd. Another thread writes 8 bytes to it to end a wait. */
  readonly wakeFd: number;
  readonly #epoll: number;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  /** By descriptor. */
  readonly #handlers: (PollHandler | undefined)[] = [];
  /** Incremented when a descriptor gets a new handler, so that events of a closed one do not reach it. */
  readonly #generations: number[] = [];
  readonly #events = new Uint8Array(MAX_EVENTS * EPOLL_EVENT_BYTES);
  readonly #eventsView = new DataView(this.#events.buffer);
  readonly #event = new Uint8Array(EPOLL_EVENT_BYTES);
  readonly #eventView = new DataView(this.#event.buffer);
  readonly #drained = new Uint8Array(8);
  /** Called once per round, after the handlers. */
  readonly #afterRound: (() => void)[] = [];
  /** Work that was put off so that others have their turn. */
  #again: (() => void)[] = [];
  readonly #descriptors: Int32Array;
  readonly #maxWait: number;
  readonly #onBug: (error: unknown) => void;
  #running = false;
  #needsTurn = true;
  #lastTurn = 0;
  #eager = EAGER_ROUNDS;

  /** @param options Where open descriptors are marked, and how long a wait may take */
  constructor(options: PollerOptions) {
    this.#descriptors = options.descriptors;
    this.#maxWait = options.maxWaitMs ?? MAX_WAIT_MS;
    this.#onBug = options.onBug;
    this.#epoll = this.#libc.epoll_create1(0o2000000);
    if (this.#epoll < 0) throw libcError("epoll_create1", this.#errno[0]!);
    this.#mark(this.#epoll, true);
    this.wakeFd = this.#libc.eventfd(0, EFD_FLAGS);
    if (this.wakeFd < 0) throw libcError("eventfd", this.#errno[0]!);
    this.add(this.wakeFd, EPOLLIN, {
      onEvents: () => {
        this.#libc.read(this.wakeFd, this.#drained, 8);
        this.#eager = EAGER_ROUNDS;
        this.#needsTurn = true;
      },
      close: () => this.close(this.wakeFd),
    });
  }

  /**
   * Watches a descriptor.
   *
   * @param fd The descriptor
   * @param events Which events; includes `EPOLLET` for edge-triggered ones
   * @param handler Called with them
   * @throws {LibcError} if the kernel refuses; the descriptor is closed then
   */
  add(fd: number, events: number, handler: PollHandler): void {
    const generation = ((this.#generations[fd] ?? 0) + 1) | 0;
    this.#generations[fd] = generation;
    this.#handlers[fd] = handler;
    if (this.#control(EPOLL_CTL_ADD, fd, events) < 0) {
      const errno = this.#errno[0]!;
      this.#handlers[fd] = undefined;
      this.#libc.close(fd);
      throw libcError("epoll_ctl", errno);
    }
    this.#mark(fd, true);
  }

  /**
   * Watches a descriptor for other events; current events are reported again.
   *
   * @param fd A watched descriptor
   * @param events Which events
   */
  change(fd: number, events: number): void {
    if (this.#control(EPOLL_CTL_MOD, fd, events) < 0) {
      throw libcError("epoll_ctl", this.#errno[0]!);
    }
  }

  #control(operation: number, fd: number, events: number): number {
    this.#eventView.setInt32(0, events, true);
    this.#eventView.setInt32(EPOLL_DATA_OFFSET, fd, true);
    this.#eventView.setInt32(EPOLL_DATA_OFFSET + 4, this.#generations[fd]!, true);
    return this.#libc.epoll_ctl(this.#epoll, operation, fd, this.#event);
  }

  /** Closes a descriptor, which ends its watch. */
  close(fd: number): void {
    this.#handlers[fd] = undefined;
    this.#mark(fd, false);
    this.#libc.close(fd);
  }

  /** Closes a descriptor whose socket has others too, which the kernel would otherwise keep watching. */
  closeShared(fd: number): void {
    this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, fd, this.#event);
    this.close(fd);
  }

  /** Marks a descriptor, so that the descriptors of a dead thread can be closed. */
  #mark(fd: number, open: boolean): void {
    const word = fd >> 5;
    if (word >= this.#descriptors.length) return;
    if (open) this.#descriptors[word]! |= 1 << (fd & 31);
    else this.#descriptors[word]! &= ~(1 << (fd & 31));
  }

  /** Does something in the next round, after the work that is already waiting. */
  again(work: () => void): void {
    this.#again.push(work);
  }

  /** Does something at the end of each round. */
  afterRound(work: () => void): void {
    this.#afterRound.push(work);
  }

  /** Requests a turn of the event loop after this round, because a promise was settled. */
  turn(): void {
    this.#needsTurn = true;
  }

  /** Starts the loop, which runs until {@linkcode Poller.stop}. */
  start(): void {
    this.#running = true;
    this.#rounds();
  }

  /** Ends the loop after this round. */
  stop(): void {
    this.#running = false;
  }

  /** Reports a bug that has cost no connection. */
  bug(error: unknown): void {
    this.#onBug(error);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#onBug(error);
    }
  }

  #rounds(): void {
    this.#lastTurn = performance.now();
    do {
      if (!this.#running) return;
      this.#round();
    } while (!this.#needsTurn && performance.now() - this.#lastTurn < TURN_MS);
    // Lets promises settle, and messages and timers run.
    setImmediate(() => this.#rounds());
  }

  #round(): void {
    const eager = this.#again.length > 0 || this.#eager > 0;
    if (this.#eager > 0) this.#eager--;
    this.#needsTurn = this.#eager > 0;
    const wait = eager ? 0 : this.#maxWait;
    const count = this.#libc.epoll_wait(this.#epoll, this.#events, MAX_EVENTS, wait);
    if (count < 0 && this.#errno[0] !== EINTR) throw libcError("epoll_wait", this.#errno[0]!);
    for (let i = 0; i < count; i++) {
      const at = i * EPOLL_EVENT_BYTES;
      const fd = this.#eventsView.getInt32(at + EPOLL_DATA_OFFSET, true);
      const generation = this.#eventsView.getInt32(at + EPOLL_DATA_OFFSET + 4, true);
      if (this.#generations[fd] !== generation) continue;
      const handler = this.#handlers[fd];
      try {
        handler?.onEvents(this.#eventsView.getInt32(at, true));
      } catch (error) {
        // A bug must cost one connection, not the thread.
        handler?.close();
        this.#onBug(error);
      }
    }
    if (this.#again.length > 0) {
      const work = this.#again;
      this.#again = [];
      for (const one of work) this.#try(one);
    }
    for (const work of this.#afterRound) this.#try(work);
    // Idle: gives the thread's other work its turn.
    if (count === 0) this.#needsTurn = true;
  }
}
