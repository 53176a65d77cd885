/**
 * The first bytes of a session: read once, looked at by detection, delivered to the target
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
 * What is read into a small buffer: one page of it. A client that sends more makes none of the small
 * buffers, which sessions keep, resident as a whole.
 */
const FIRST_BYTES = 4096;

/** Room before the client's bytes, for what shunt says itself: a PROXY header has 107 at most. */
const LEAD_BYTES = 128;

/** Why {@linkcode Head.more} came back. */
export type Arrival = "bytes" | "end" | "deadline" | "full" | "no_memory";

/** Holds what a client sent before its target was known, in the buffer that the relay goes on with. */
export class Head extends Holder {
  buffer: Uint8Array = takeSmallBuffer();
  /** Number of bytes of the client's that are held. */
  length = 0;
  /** Whether the client has ended its sending direction. */
  ended = false;
  /** A read that was under way when the deadline came; it fills the buffer from {@linkcode end} on. */
  pending: Promise<number | null> | undefined;
  /** What the pending read has brought by now; unset while it waits. */
  #late: number | null | undefined;
  #failure: unknown;
  /** Where the client's bytes begin in the buffer. They stay in place, as a read may be under way behind them. */
  #start = LEAD_BYTES;
  /** Bytes before them that are shunt's own. */
  #lead = 0;
  readonly #client: Stream;
  readonly #limit: number;
  readonly #budget: Budget;
  readonly #onShed: () => void;
  /** Whether no more than {@linkcode FIRST_BYTES} of the buffer are used. */
  #isFirst = true;
  /** Whether it had to give its memory to others. */
  #isShed = false;

  /**
   * @param client The client's connection
   * @param limit Bytes that may be held
   * @param budget What all heads together may hold
   * @param onShed Ends the session, whose memory others need more
   */
  constructor(client: Stream, limit: number, budget: Budget, onShed: () => void = () => {}) {
    super();
    this.#onShed = onShed;
    this.#client = client;
    this.#limit = limit;
    this.#budget = budget;
  }

  /** The bytes held, and before them what shunt says itself. */
  get bytes(): Uint8Array {
    return this.buffer.subarray(this.#start - this.#lead, this.end);
  }

  /** Where the bytes held end in the buffer. */
  get end(): number {
    return this.#start + this.length;
  }

  /**
   * Waits for more bytes.
   *
   * @param session Whose deadline to use
   * @param at Time of the deadline, in milliseconds since the process began
   * @returns What came
   * @throws {Error} when the client's connection broke
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
   * Takes bytes that are there already, where that can be told without a wait.
   *
   * @returns What came, or `undefined` where it takes {@linkcode more}
   * @throws {Error} when the client's connection broke
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
      // At once: of those that want more in the same instant no more than needed are to end.
      this.release();
      return "no_memory";
    }
    this.length += got;
    this.#budget.note(this, this.length);
    return "bytes";
  }

  /** Where the next bytes go: never empty, for reading nothing looks like the end. */
  #room(): Uint8Array {
    if (this.end === (this.#isFirst ? FIRST_BYTES : this.buffer.length)) this.#grow();
    const last = this.#start + this.#limit;
    return this.buffer.subarray(this.end, this.#isFirst ? Math.min(last, FIRST_BYTES) : last);
  }

  /** Twice as large, so that many clients that send a little more than others take little more. */
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

  /**
   * Drops bytes from the front: what the target is not to get. A read may be under way.
   *
   * @param count How many
   */
  skip(count: number): void {
    this.#start += count;
    this.length -= count;
    this.#budget.give(count);
    this.#budget.note(this, this.length);
  }

  /**
   * Puts bytes of shunt's own before those held, which leave with them. A read may be under way.
   *
   * @param bytes What the target hears first: 128 bytes at most, and as many as were skipped
   */
  prepend(bytes: Uint8Array): void {
    this.#lead += bytes.length;
    this.buffer.set(bytes, this.#start - this.#lead);
  }

  /**
   * Reports what there is for a relay that ends the pending read: what that has brought by then counts.
   *
   * @returns All bytes, and whether the client has ended
   * @throws {Error} when the pending read has failed
   */
  gather(): { readonly bytes: Uint8Array; readonly ended: boolean } {
    // A read that detection has taken up again after its deadline is in `length` already.
    if (this.pending === undefined) return { bytes: this.bytes, ended: this.ended };
    if (this.#failure !== undefined) throw this.#failure;
    const end = this.end + (this.#late ?? 0);
    const bytes = this.buffer.subarray(this.#start - this.#lead, end);
    return { bytes, ended: this.ended || this.#late === null };
  }

  /** Ends the holding: the buffer now belongs to the relay. */
  release(): void {
    this.#budget.give(this.length);
    this.length = 0;
    this.#budget.note(this, 0);
  }

  /** Gives its memory up to others, and ends its session. */
  override shed(): void {
    this.#isShed = true;
    this.release();
    this.#onShed();
  }

  /**
   * Ends the holding if there will be no relay, or once that has delivered it: gives the buffer back as
   * soon as it is unused. The head itself may live as long as its session.
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
