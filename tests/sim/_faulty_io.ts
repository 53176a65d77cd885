/**
 * Sockets in memory that fail at random, by a seed: every call may succeed, do less than asked, wait,
 * or throw. For the simulation of errors on every step.
 *
 * @module
 */

import type { Attempt } from "../../src/io/attempt.ts";
import type {
  DatagramAddress,
  DatagramSocket,
  Endpoint,
  Io,
  IoFailure,
  ReceiveOptions,
  Stream,
  StreamAddress,
  StreamListener,
  TargetOptions,
  TargetSocket,
} from "../../src/io/mod.ts";

/** A seeded generator of numbers from 0 up to, but not, 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

class Failure extends Error {
  readonly kind: IoFailure;

  constructor(kind: IoFailure) {
    super(`simulated: ${kind}`);
    this.kind = kind;
  }
}

/** What the simulation counts of its sockets, to see that each is closed once it is given out. */
export class FaultyIo implements Io {
  readonly name = "deno";
  readonly random: () => number;
  /** Streams and datagram sockets that are open now. */
  open = 0;
  readonly listeners: FaultyListener[] = [];
  readonly sockets: FaultySocket[] = [];
  /** Set to make every call succeed or end at once. */
  calm = false;

  constructor(random: () => number) {
    this.random = random;
  }

  chance(share: number): boolean {
    return !this.calm && this.random() < share;
  }

  /** Settles later, in an order that depends on the seed. */
  pause(): Promise<void> {
    const turns = Math.floor(this.random() * 4);
    let waited = Promise.resolve();
    for (let i = 0; i < turns; i++) waited = waited.then(() => {});
    return turns === 3 ? new Promise((resolve) => setTimeout(resolve, 0)) : waited;
  }

  listen(at: Endpoint): StreamListener {
    const listener = new FaultyListener(this, at);
    this.listeners.push(listener);
    return listener;
  }

  bind(at: Endpoint): DatagramSocket {
    const socket = new FaultySocket(this, at);
    this.sockets.push(socket);
    return socket;
  }

  dial(_target: Endpoint, options: TargetOptions): TargetSocket {
    if (this.chance(0.1)) throw new Failure("no_descriptors");
    return new FaultyTargetSocket(this, options);
  }

  connect(_to: StreamAddress, attempt: Attempt): Stream | Promise<Stream> {
    if (this.chance(0.2)) return this.#connected();
    return this.#connecting(attempt);
  }

  async #connecting(attempt: Attempt): Promise<Stream> {
    await this.pause();
    if (attempt.givenUp) throw new Failure("timed_out");
    if (this.chance(0.15)) {
      // Never answered: only the deadline ends it.
      await new Promise((_resolve, reject) =>
        attempt.onGiveUp = () => reject(new Failure("timed_out"))
      );
    }
    return this.#connected();
  }

  #connected(): Stream {
    if (this.chance(0.3)) throw new Failure(this.random() < 0.5 ? "refused" : "unreachable");
    return new FaultyStream(this);
  }

  classify(error: unknown): IoFailure {
    return error instanceof Failure ? error.kind : "timed_out";
  }
}

const STARTS = ["GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "SSH-2.0-x\r\n", "\x05\x01\x00", "?"];

/** A stream whose other side sends a little, waits, ends or breaks. */
export class FaultyStream implements Stream {
  readonly local = { host: "127.0.0.1", port: 1 };
  readonly remote: Endpoint;
  readonly #io: FaultyIo;
  readonly #start: string;
  #sent = 0;
  #closed = false;
  #onClose: (() => void)[] = [];

  constructor(io: FaultyIo) {
    this.#io = io;
    io.open++;
    this.remote = { host: `127.0.0.${1 + Math.floor(io.random() * 8)}`, port: 4000 };
    this.#start = STARTS[Math.floor(io.random() * STARTS.length)]!;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    await this.#io.pause();
    if (this.#closed) throw new Failure("closed");
    if (this.#io.chance(0.1)) throw new Failure("reset");
    if (this.#io.chance(0.1)) await new Promise<void>((resolve) => this.#onClose.push(resolve));
    if (this.#closed) throw new Failure("closed");
    return this.#readNow(buffer);
  }

  tryRead(buffer: Uint8Array): number | null | undefined {
    if (this.#closed) throw new Failure("closed");
    if (this.#io.chance(0.5)) return undefined;
    if (this.#io.chance(0.1)) throw new Failure("reset");
    return this.#readNow(buffer);
  }

  #readNow(buffer: Uint8Array): number | null {
    const rest = this.#start.length - this.#sent;
    if (rest === 0 || this.#io.chance(0.1)) return null;
    const count = Math.min(buffer.length, 1 + Math.floor(this.#io.random() * rest));
    for (let i = 0; i < count; i++) buffer[i] = this.#start.charCodeAt(this.#sent++);
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#io.pause();
    if (this.#closed) throw new Failure("closed");
    if (this.#io.chance(0.1)) throw new Failure("reset");
    return Math.max(1, Math.floor(this.#io.random() * bytes.length));
  }

  async closeWrite(): Promise<void> {
    await this.#io.pause();
    if (this.#closed || this.#io.chance(0.1)) throw new Failure("reset");
  }

  setNoDelay(): void {}

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#io.open--;
    for (const resolve of this.#onClose.splice(0)) resolve();
  }
}

/** A listener to which the simulation hands connections. */
export class FaultyListener implements StreamListener {
  readonly local: Endpoint;
  readonly #io: FaultyIo;
  readonly #queue: Stream[] = [];
  #waiting: { resolve: (stream: Stream) => void; reject: (error: Error) => void } | undefined;
  #closed = false;

  constructor(io: FaultyIo, at: Endpoint) {
    this.#io = io;
    this.local = { host: at.host, port: at.port || 1 };
  }

  /** A client connects. */
  knock(): void {
    const stream = new FaultyStream(this.#io);
    if (this.#waiting === undefined) this.#queue.push(stream);
    else this.#waiting.resolve(stream);
    this.#waiting = undefined;
  }

  accept(): Promise<Stream> {
    if (this.#closed) return Promise.reject(new Failure("closed"));
    if (this.#io.chance(0.01)) return Promise.reject(new Failure("reset"));
    const queued = this.#queue.shift();
    if (queued !== undefined) return Promise.resolve(queued);
    return new Promise((resolve, reject) => this.#waiting = { resolve, reject });
  }

  close(): void {
    this.#closed = true;
    for (const stream of this.#queue.splice(0)) stream.close();
    this.#waiting?.reject(new Failure("closed"));
  }
}

/** A datagram socket that receives what the simulation passes in, and now and then fails to send. */
export class FaultySocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #io: FaultyIo;
  readonly #buffer = new Uint8Array(65_536);
  #options: ReceiveOptions | undefined;
  #onClose: (() => void) | undefined;
  #closed = false;

  constructor(io: FaultyIo, at: Endpoint) {
    this.#io = io;
    io.open++;
    this.local = { host: at.host, port: at.port || 1 };
  }

  /** A datagram comes in; the buffer is used again for the next one. */
  async hear(bytes: Uint8Array, from: DatagramAddress): Promise<void> {
    if (this.#closed) return;
    if (this.#io.chance(0.01)) this.#options?.onError(new Failure("other"));
    this.#buffer.set(bytes);
    await this.#options?.onDatagram(this.#buffer.subarray(0, bytes.length), from);
    this.#buffer.fill(255, 0, bytes.length);
  }

  receive(options: ReceiveOptions): Promise<void> {
    this.#options = options;
    return new Promise((resolve) => this.#onClose = resolve);
  }

  keep(from: DatagramAddress): DatagramAddress {
    return { ...from };
  }

  async send(bytes: Uint8Array, _to: DatagramAddress): Promise<number> {
    await this.#io.pause();
    if (this.#closed) throw new Failure("closed");
    if (this.#io.chance(0.05)) throw new Failure("unreachable");
    return bytes.length;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#io.open--;
    this.#onClose?.();
  }
}

/** A flow's socket whose target answers now and then, as do strangers, or breaks. */
class FaultyTargetSocket implements TargetSocket {
  readonly #io: FaultyIo;
  readonly #options: TargetOptions;
  #closed = false;

  constructor(io: FaultyIo, options: TargetOptions) {
    this.#io = io;
    this.#options = options;
    io.open++;
  }

  async send(bytes: Uint8Array): Promise<number> {
    await this.#io.pause();
    if (this.#closed) throw new Failure("closed");
    if (this.#io.chance(0.05)) throw new Failure("unreachable");
    if (this.#io.chance(0.05)) this.#options.onError(new Failure("refused"));
    else if (this.#io.random() < 0.1) this.#options.onStranger();
    else if (this.#io.random() < 0.6) await this.#options.onReply(bytes.slice(0, 3));
    return bytes.length;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#io.open--;
  }
}
