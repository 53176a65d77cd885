/**
 * Copies bytes both ways between two libc streams, without a promise and with one shared buffer.
 * Keeps half-close and counts; knows neither protocols nor routes.
 *
 * @module
 */

import type { RelayOptions } from "../mod.ts";
import * as abi from "./abi.ts";
import { closedError, libcError } from "./errors.ts";
import type { LibcStream } from "./stream.ts";
import { openLibc } from "./symbols.ts";

/** 1 MiB: one read takes what a busy socket has. It is used within one call only, so one is enough. */
const shared = new Uint8Array(1_048_576);
/** Reads of one direction before the others have their turn. */
const READS_PER_TURN = 8;

/** One direction: what it could not write yet, and how far it has ended. */
class Direction {
  readonly from: LibcStream;
  readonly to: LibcStream;
  readonly up: boolean;
  /** What was read and is still to be written. */
  rest: Uint8Array | undefined;
  /** Whether the source has ended. */
  ended = false;
  /** Whether the end was passed on, or the sink takes no more. */
  done = false;
  queued = false;
  writes = 0;

  constructor(from: LibcStream, to: LibcStream, up: boolean) {
    this.from = from;
    this.to = to;
    this.up = up;
  }
}

/** A running relay. */
class LibcRelay {
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #options: RelayOptions;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  #over = false;
  /** A failure that lets the other direction go on. */
  #failure: Error | undefined;

  constructor(client: LibcStream, server: LibcStream, options: RelayOptions) {
    this.#up = new Direction(client, server, true);
    this.#down = new Direction(server, client, false);
    this.#options = options;
    const onClient = () => this.#wake(this.#up, this.#down);
    const onServer = () => this.#wake(this.#down, this.#up);
    client.onRelay = onClient;
    server.onRelay = onServer;
    this.#up.ended = options.ended;
    if (options.first.length > 0) {
      this.#up.writes = 1;
      this.#up.rest = options.first;
    }
    this.#pump(this.#up);
    // What did not go through was only lent.
    if (this.#up.rest !== undefined) this.#up.rest = this.#up.rest.slice();
    if (!this.#over) this.#pump(this.#down);
  }

  /** A stream had events: it may be read from, and it may be written to. */
  #wake(reads: Direction, writes: Direction): void {
    if (!this.#over) this.#pump(reads);
    if (!this.#over) this.#pump(writes);
  }

  #finish(outcome: Parameters<RelayOptions["onEnd"]>[0], error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#up.from.onRelay = undefined;
    this.#down.from.onRelay = undefined;
    this.#options.onEnd(outcome, error);
  }

  #pump(direction: Direction): void {
    const { from, to } = direction;
    if (from.closed || to.closed) {
      // Whoever closes a stream has mostly ended the session before.
      return this.#finish("client_reset", closedError());
    }
    for (let i = 0; i < READS_PER_TURN; i++) {
      if (direction.done) return;
      if (direction.rest !== undefined && !this.#writeRest(direction, direction.rest)) return;
      if (direction.ended) return this.#passEnd(direction);
      if (!from.readable || !to.writable) return;
      const count = this.#libc.recv(from.fd, shared, shared.length, abi.MSG_DONTWAIT);
      if (count > 0) {
        // A short read has emptied the socket, unless its end is what comes next.
        if (count < shared.length && !from.hungUp) from.readable = false;
        this.#options.progress.lastActive = this.#options.now();
        if (!this.#write(direction, count)) return;
      } else if (count === 0) {
        direction.ended = true;
      } else {
        const errno = this.#errno[0]!;
        if (errno !== abi.EAGAIN) return this.#readFailed(direction, libcError("recv", errno));
        from.readable = false;
        return;
      }
    }
    if (direction.queued) return;
    direction.queued = true;
    from.poller.again(() => {
      direction.queued = false;
      if (!this.#over) this.#pump(direction);
    });
  }

  /** Writes what was just read; keeps a copy of what does not go through. */
  #write(direction: Direction, count: number): boolean {
    const { to } = direction;
    // The first write may wait for company (Nagle); a second one shows a dialogue.
    if (++direction.writes === 2) to.setNoDelay();
    const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
    const written = this.#libc.send(to.fd, shared, count, flags);
    if (written < 0) {
      const errno = this.#errno[0]!;
      if (errno !== abi.EAGAIN) {
        this.#writeFailed(direction, libcError("send", errno));
        return false;
      }
      direction.rest = shared.slice(0, count);
      to.writable = false;
      return false;
    }
    this.#count(direction, written);
    if (written === count) return true;
    direction.rest = shared.slice(written, count);
    to.writable = false;
    return false;
  }

  #writeRest(direction: Direction, rest: Uint8Array): boolean {
    const { to } = direction;
    if (!to.writable) return false;
    const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
    const written = this.#libc.send(to.fd, rest, rest.length, flags);
    if (written < 0) {
      const errno = this.#errno[0]!;
      if (errno === abi.EAGAIN) to.writable = false;
      else this.#writeFailed(direction, libcError("send", errno));
      return false;
    }
    this.#count(direction, written);
    this.#options.progress.lastActive = this.#options.now();
    direction.rest = written === rest.length ? undefined : rest.subarray(written);
    if (direction.rest !== undefined) to.writable = false;
    return direction.rest === undefined;
  }

  #count(direction: Direction, written: number): void {
    if (direction.up) this.#options.progress.up += written;
    else this.#options.progress.down += written;
  }

  #passEnd(direction: Direction): void {
    direction.done = true;
    if (this.#up.done && this.#down.done) {
      this.#finish(this.#failure === undefined ? "done" : "target_reset", this.#failure);
    } else {
      // Where this fails the connection is broken, which its own read reports.
      this.#libc.shutdown(direction.to.fd, abi.SHUT_WR);
    }
  }

  #readFailed(direction: Direction, error: Error): void {
    this.#finish(direction.up ? "client_reset" : "target_reset", error);
  }

  #writeFailed(direction: Direction, error: Error): void {
    if (!direction.up) return this.#finish("client_reset", error);
    // The target takes no more, but what it has sent (an early answer, say) still goes down.
    direction.done = true;
    direction.rest = undefined;
    if (this.#down.done) this.#finish("target_reset", error);
    else this.#failure = error;
  }
}

/**
 * Starts a relay between two streams.
 *
 * @param client The client's connection; a read under way gives 0
 * @param server The target's connection
 * @param options What goes first, and whom to tell
 */
export function relayLibc(client: LibcStream, server: LibcStream, options: RelayOptions): void {
  client.cancelRead();
  new LibcRelay(client, server, options);
}
