/**
 * A connection to a target with faults: slow, narrow, breaking, silent. Knows no session.
 *
 * @module
 */

import type { FaultsConfig } from "../config/schema.ts";
import type { Lingering } from "../io/linger.ts";
import type { Endpoint, Stream } from "../io/mod.ts";
import { DelayLine } from "./delay_line.ts";
import type { FaultPlan } from "./plan.ts";

const READ_BYTES = 65_536;
/** Milliseconds that a target has, after the end of the session, to take what is still due to it. */
const LINGER_MS = 30_000;

/** What a faulty connection reports to. */
export interface FaultyOptions {
  /** Called if the session has to be reset, on both sides. */
  readonly onReset: () => void;
  /** Takes connections that were closed before the target got all its bytes. */
  readonly lingering: Lingering;
}

/** A connection whose bytes come late, in part, or never. */
export class FaultyStream implements Stream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #inner: Stream;
  readonly #config: FaultsConfig;
  readonly #options: FaultyOptions;
  /** Settles when the connection is closed. */
  readonly #over = Promise.withResolvers<void>();
  readonly #up: DelayLine;
  readonly #down: DelayLine;
  /** Bytes of the target that were not read yet. */
  #rest: Uint8Array = new Uint8Array();
  /** Bytes that have passed, both ways. */
  #passed = 0;
  #failure: unknown;
  #closed = false;
  /** Set once the end of the stream has been sent to the target. */
  #ended = false;
  readonly #pumping: Promise<void>;

  /**
   * @param inner The connection to the target
   * @param plan Its faults
   * @param options What to report to
   */
  constructor(inner: Stream, plan: FaultPlan, options: FaultyOptions) {
    this.#inner = inner;
    this.#config = plan.config;
    this.#options = options;
    this.local = inner.local;
    this.remote = inner.remote;
    this.#up = new DelayLine(plan.up);
    this.#down = new DelayLine(plan.down);
    this.#pumping = this.#pumpUp();
    this.#pumpDown();
  }

  /** Writes to the target what is due. */
  async #pumpUp(): Promise<void> {
    try {
      for (;;) {
        const bytes = await this.#up.next();
        if (bytes === undefined) return;
        if (bytes === null) return await this.#inner.closeWrite();
        for (let sent = 0; sent < bytes.length;) {
          sent += await this.#inner.write(bytes.subarray(sent));
        }
      }
    } catch (error) {
      this.#failure ??= error;
      this.#up.close();
    }
  }

  async #pumpDown(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const count = await this.#inner.read(buffer);
        if (count === null) break;
        for (let put = 0; put < count;) {
          const taken = await this.#down.put(buffer.subarray(put, count));
          if (taken === 0) return;
          put += taken;
        }
      }
      this.#down.end();
    } catch (error) {
      this.#failure ??= error;
      this.#down.close();
    }
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#rest.length === 0) {
      const bytes = await this.#down.next();
      if (this.#config.blackhole) {
        // The target's bytes are read and thrown away, its end too.
        if (bytes === undefined || bytes === null) return await this.#untilReset();
        continue;
      }
      if (bytes === undefined) throw this.#failure ?? closed();
      if (bytes === null) return null;
      this.#rest = bytes;
    }
    const count = this.#allowed(Math.min(buffer.length, this.#rest.length));
    if (count === 0) return await this.#untilReset();
    buffer.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#closed) throw closed();
    if (this.#config.blackhole) return bytes.length;
    if (this.#failure !== undefined) throw this.#failure;
    const allowed = this.#allowed(bytes.length);
    if (allowed === 0) return await this.#untilReset();
    const taken = await this.#up.put(bytes.subarray(0, allowed));
    if (taken === 0) throw this.#failure ?? closed();
    return taken;
  }

  /** Returns how many of these bytes may pass. After the last byte that may pass, the connection breaks. */
  #allowed(count: number): number {
    const most = this.#config.reset_after;
    if (most === undefined) return count;
    const allowed = Math.min(count, most - this.#passed);
    this.#passed += allowed;
    if (allowed > 0 && this.#passed >= most) this.#resetSoon();
    return allowed;
  }

  /** Resets after the bytes that may still pass have been passed on. */
  #resetSoon(): void {
    setTimeout(() => {
      if (!this.#closed) this.#options.onReset();
    }, 0);
  }

  async #untilReset(): Promise<never> {
    await this.#over.promise;
    throw closed();
  }

  closeWrite(): Promise<void> {
    this.#ended = true;
    if (!this.#config.blackhole) this.#up.end();
    return Promise.resolve();
  }

  setNoDelay(): void {
    this.#inner.setNoDelay();
  }

  /** Lets bytes that are still due to the target arrive within {@linkcode LINGER_MS}. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#over.resolve();
    this.#down.close();
    if (this.#failure !== undefined || this.#config.blackhole) return this.#drop();
    if (!this.#ended) this.#up.end();
    const { lingering } = this.#options;
    const release = lingering.hold(() => this.reset());
    const left = Math.max(0, this.#up.last - performance.now());
    const timer = setTimeout(() => this.#drop(), left + LINGER_MS);
    this.#pumping.then(() => {
      clearTimeout(timer);
      release();
      lingering.close(this.#inner, { sent: true });
    });
  }

  unsent(): number {
    return this.#up.waiting + (this.#inner.unsent?.() ?? 0);
  }

  abandon(): boolean {
    this.reset();
    return true;
  }

  reset(): void {
    this.#closed = true;
    this.#over.resolve();
    this.#down.close();
    this.#drop();
  }

  #drop(): void {
    this.#up.close();
    if (this.#inner.reset !== undefined) this.#inner.reset();
    else this.#options.lingering.drop(this.#inner);
  }
}

function closed(): Error {
  return new Error("The connection was closed");
}
