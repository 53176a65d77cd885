/**
 * The first bytes of a session: they are read once, detection judges them, and the target gets them
 * unchanged. Knows neither protocols nor targets.
 *
 * @module
 */

import {
  BUFFER_BYTES,
  giveBuffer,
  giveGrownBuffer,
  takeGrownBuffer,
  takeSmallBuffer,
} from "../../io/buffers.ts";
import type { Stream } from "../../io/mod.ts";
import { type Budget, Holder } from "../limits/budget.ts";
import { DEADLINE, type Session, untilDeadline } from "./session.ts";
import { NO_BYTES } from "../../wire/bytes.ts";

/**
 * Bytes that are read into a small buffer: one page of it. So a client that sends more does not make the small
 * buffers, which sessions keep, resident as a whole.
 */
const FIRST_BYTES = 4096;

/** Room before the client's bytes for what shunt says itself: a PROXY header has 107 bytes at most. */
const LEAD_BYTES = 128;

/** The result of {@linkcode Head.more}. */
export type Arrival = "bytes" | "end" | "deadline" | "full" | "no_memory";

/** Holds what a client sent before its target was known, in the buffer that the relay continues with. */
export class Head extends Holder {
  buffer: Uint8Array = takeSmallBuffer();
  /** Number of held bytes of the client. */
  length = 0;
  /** Whether the client has ended its sending direction. */
  ended = false;
  /** A read that was under way at the deadline; it fills the buffer from {@linkcode end} on. */
  pending: Promise<number | null> | undefined;
  /** The result of the pending read; unset while it waits. */
  #late: number | null | undefined;
  #failure: unknown;
  /** Start of the client's bytes in the buffer. They stay in place, because a read may be under way behind them. */
  #start = LEAD_BYTES;
  /** Bytes of shunt's own before them. */
  #lead = 0;
  readonly #client: Stream;
  readonly #limit: number;
  readonly #budget: Budget;
  readonly #onShed: () => void;
  /** Whether no more than {@linkcode FIRST_BYTES} of the buffer are used. */
  #isFirst = true;
  /** Whether it had to give its memory up to others. */
  #isShed = false;

  /**
   * @param client The client's connection
   * @param limit Bytes that may be held
   * @param budget The bytes that all heads together may hold
   * @param onShed Ends the session if others need its memory more
   */
  constructor(client: Stream, limit: number, budget: Budget, onShed: () => void = () => {}) {
    super();
    this.#onShed = onShed;
    this.#client = client;
    this.#limit = limit;
    this.#budget = budget;
  }

  /** The held bytes, and before them what shunt says itself. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(this.#start - this.#lead, this.end);
  }

  /** The end of the held bytes in the buffer. */
  get end(): number {
    return this.#start + this.length;
  }

  /**
   * Waits for more bytes.
   *
   * @param session The session, whose deadline is used
   * @param at Time of the deadline, in milliseconds since the start of the process
   * @throws {Error} if the client's connection broke
   */
  async more(session: Session, at: number): Promise<Arrival> {
    if (this.length >= this.#limit) return "full";
    this.pending ??= this.#client.read(this.#room());
    const got = await untilDeadline(session, this.pending, at);
    if (got === DEADLINE) {
      this.pending.then((count) => this.#late = count, (error: unknown) => this.#failure = error);
      return "deadline";
    }
    this.pending = undefined;
    // An earlier deadline may have noted it, and it must not count for the next read.
    this.#late = undefined;
    return this.#take(got);
  }

  /**
   * Takes bytes that are there already, if the socket can report that without a wait.
   *
   * @returns What came, or `undefined` if {@linkcode more} has to wait
   * @throws {Error} if the client's connection broke
   */
  moreNow(): Arrival | undefined {
    if (this.pending !== undefined || this.length >= this.#limit) return undefined;
    const got = this.#client.tryRead?.(this.#room());
    return got === undefined ? undefined : this.#take(got);
  }

  #take(got: number | null): Arrival {
    if (got === null) {
      this.ended = true;
      return "end";
    }
    if (this.#isShed || !this.#budget.claim(got, this)) {
      // At once, so that of several that want more in the same instant no more than necessary end.
      this.release();
      return "no_memory";
    }
    this.length += got;
    this.#budget.note(this, this.length);
    return "bytes";
  }

  /** Returns room for the next bytes. It is never empty, because a read into nothing looks like the end. */
  #room(): Uint8Array {
    if (this.end === (this.#isFirst ? FIRST_BYTES : this.buffer.length)) this.#grow();
    const last = this.#start + this.#limit;
    return this.buffer.subarray(this.end, this.#isFirst ? Math.min(last, FIRST_BYTES) : last);
  }

  /** Grows to twice the size, so that clients that send a little more take little more memory. */
  #grow(): void {
    this.#isFirst = false;
    const most = LEAD_BYTES + this.#limit;
    if (this.#start > LEAD_BYTES) {
      this.buffer.copyWithin(LEAD_BYTES, this.#start, this.end);
      this.#start = LEAD_BYTES;
    } else if (this.end === this.buffer.length || most > this.buffer.length) {
      const larger = takeGrownBuffer(Math.min(most, this.buffer.length * 2 + LEAD_BYTES));
      larger.set(this.buffer.subarray(0, this.end));
      this.#giveBack();
      this.buffer = larger;
    }
  }

  #giveBack(): void {
    const { length } = this.buffer;
    if (length === BUFFER_BYTES[0]) giveBuffer(0, this.buffer);
    else if (length > BUFFER_BYTES[0]) giveGrownBuffer(this.buffer);
  }

  /** Drops bytes from the front that the target must not get. A read may be under way. */
  skip(count: number): void {
    this.#start += count;
    this.length -= count;
    this.#budget.give(count);
    this.#budget.note(this, this.length);
  }

  /**
   * Puts bytes of shunt's own before the held ones, to be sent together. A read may be under way.
   *
   * @param bytes What the target hears first: at most 128 bytes and as many as were skipped
   */
  prepend(bytes: Uint8Array): void {
    this.#lead += bytes.length;
    this.buffer.set(bytes, this.#start - this.#lead);
  }

  /**
   * Returns all bytes for a relay that replaces the pending read, with what that has read so far, and whether
   * the client has ended.
   *
   * @throws {Error} if the pending read has failed
   */
  gather(): { readonly bytes: Uint8Array; readonly ended: boolean } {
    // A read that detection has taken up again after its deadline is in `length` already.
    if (this.pending === undefined) return { bytes: this.bytes, ended: this.ended };
    if (this.#failure !== undefined) throw this.#failure;
    const end = this.end + (this.#late ?? 0);
    const bytes = this.buffer.subarray(this.#start - this.#lead, end);
    return { bytes, ended: this.ended || this.#late === null };
  }

  /** Stops holding bytes: the buffer now belongs to the relay. */
  release(): void {
    this.#budget.give(this.length);
    this.length = 0;
    this.#budget.note(this, 0);
  }

  /** Gives its memory up, and ends its session. */
  override shed(): void {
    this.#isShed = true;
    this.release();
    this.#onShed();
  }

  /**
   * Stops holding bytes if there will be no relay, or once the relay has delivered them: gives the buffer back
   * as soon as it is unused. The head itself may live as long as its session.
   */
  discard(): void {
    this.release();
    const give = () => {
      this.#giveBack();
      this.buffer = NO_BYTES;
    };
    if (this.pending === undefined) give();
    else this.pending.then(give, give);
  }
}
