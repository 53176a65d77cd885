/**
 * Copies bytes both ways between two libc streams, without promises and with one shared buffer. Keeps
 * half-close and counts bytes; knows neither protocols nor routes.
 *
 * @module
 */

import type { StreamRelayOptions } from "../mod.ts";
import * as abi from "./abi.ts";
import { closedError, isSocketError, libcError } from "./errors.ts";
import type { LibcStream, RelayHandler } from "./stream.ts";
import { openLibc } from "./symbols.ts";

/**
 * One read takes all that a busy socket has: 512 KiB cost 0.38 CPU seconds a GB, 256 KiB 0.55. The buffer
 * is used within one call only, so one is enough.
 */
const shared = new Uint8Array(524_288);
/** Reads of one direction before others have their turn. */
const READS_PER_TURN = 8;
/**
 * Bytes of one direction before others have their turn: with 8 MiB, 32 bulk sessions held up a small one
 * for 260 ms, now for about 30.
 */
const BYTES_PER_TURN = 524_288;

/** Unwritten bytes that the directions of this thread may keep before they read less at once. */
let restLimit = 134_217_728;
/** Unwritten bytes that they keep now. */
let restBytes = 0;
/** Bytes read at once beyond half of the limit. */
const THRIFTY_READ = 65_536;
/** Bytes read at once beyond the limit: with 64 KiB, 10,000 stuck sessions kept 640 MB more. */
const FRUGAL_READ = 8_192;

/**
 * Limits the unwritten bytes that the relays of this thread keep: `limits.relay_memory`. Beyond the limit
 * each direction keeps 8 KiB at most.
 */
export function limitRests(bytes: number): void {
  restLimit = bytes;
}

/** One direction: its unwritten bytes, and how far it has ended. */
class Direction {
  readonly from: LibcStream;
  readonly to: LibcStream;
  readonly up: boolean;
  /** Bytes that were read but not written yet. */
  rest: Uint8Array | undefined;
  /** Whether the source has ended. */
  ended = false;
  /** Whether the end was passed on, or the sink takes no more. */
  done = false;
  queued = false;
  writes = 0;

  #kept = 0;

  constructor(from: LibcStream, to: LibcStream, up: boolean) {
    this.from = from;
    this.to = to;
    this.up = up;
  }

  /** Keeps a copy of unwritten bytes. */
  keep(bytes: Uint8Array): void {
    this.drop();
    this.rest = bytes.slice();
    this.#kept = bytes.length;
    restBytes += bytes.length;
  }

  /** Drops the kept bytes. */
  drop(): void {
    this.rest = undefined;
    restBytes -= this.#kept;
    this.#kept = 0;
  }
}

/** A running relay. */
class LibcRelay implements RelayHandler {
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #progress: StreamRelayOptions["progress"];
  readonly #clock: StreamRelayOptions["clock"];
  readonly #onEnd: StreamRelayOptions["onEnd"];
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  #over = false;
  /** A failure that lets the other direction go on. */
  #failure: Error | undefined;

  constructor(client: LibcStream, server: LibcStream, options: StreamRelayOptions) {
    this.#up = new Direction(client, server, true);
    this.#down = new Direction(server, client, false);
    // Separate fields instead of the options or a function per stream, since they are most of an idle
    // session's memory.
    this.#progress = options.progress;
    this.#clock = options.clock;
    this.#onEnd = options.onEnd;
    client.relay = this;
    server.relay = this;
    this.#up.ended = options.ended;
    if (options.first.length > 0) {
      this.#up.writes = 1;
      this.#up.rest = options.first;
    }
    this.#pump(this.#up);
    // The first bytes are only borrowed, so unwritten ones are copied.
    if (this.#up.rest !== undefined) this.#up.keep(this.#up.rest);
    if (!this.#over) this.#pump(this.#down);
  }

  onStream(stream: LibcStream): void {
    if (stream === this.#up.from) this.#wake(this.#up, this.#down);
    else this.#wake(this.#down, this.#up);
  }

  /** Handles events of a stream: it may be readable, and it may be writable. */
  #wake(reads: Direction, writes: Direction): void {
    if (!this.#over) this.#pump(reads);
    if (!this.#over) this.#pump(writes);
    const { from, to, done } = this.#up;
    // Give the client up: nothing can be sent to it, and nothing more can be read from it until a stalled
    // target reads.
    if (!this.#over && from.broken && (done || !to.writable)) {
      this.#finish("client_reset", libcError("epoll_wait", abi.ECONNRESET));
    }
  }

  #finish(outcome: Parameters<StreamRelayOptions["onEnd"]>[0], error?: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#up.drop();
    this.#down.drop();
    this.#up.from.relay = undefined;
    this.#down.from.relay = undefined;
    this.#onEnd(outcome, error);
  }

  #pump(direction: Direction): void {
    const { from, to } = direction;
    if (from.closed || to.closed) {
      // The code that closes a stream has usually ended the session before.
      return this.#finish("client_reset", closedError());
    }
    let taken = 0;
    for (let i = 0; i < READS_PER_TURN && taken < BYTES_PER_TURN; i++) {
      if (direction.done) return;
      if (direction.rest !== undefined && !this.#writeRest(direction, direction.rest)) {
        if (this.#over || direction.done || !to.writable) return;
        break;
      }
      if (direction.ended) return this.#passEnd(direction);
      if (!from.readable || !to.writable) return;
      const room = restBytes < restLimit / 2
        ? shared.length
        : restBytes < restLimit
        ? THRIFTY_READ
        : FRUGAL_READ;
      const count = this.#libc.recv(from.fd, shared, room, abi.MSG_DONTWAIT);
      if (count > 0) {
        taken += count;
        // A short read has emptied the socket, unless its end comes next.
        if (count < room) {
          if (from.ending) direction.ended = true;
          else if (!from.hungUp) from.readable = false;
        }
        if (!this.#write(direction, count)) return;
      } else if (count === 0) {
        direction.ended = true;
      } else {
        const errno = this.#errno[0]!;
        if (isSocketError(errno)) return this.#readFailed(direction, libcError("recv", errno));
        if (errno !== abi.EAGAIN) break;
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

  /** Writes what was just read; keeps a copy of unwritten bytes. */
  #write(direction: Direction, count: number): boolean {
    const { to } = direction;
    // The first write may wait for more bytes (Nagle). A second one shows a dialogue.
    if (++direction.writes === 2) to.setNoDelay();
    // The last bytes wait for the end, which follows at once: one packet and one wake for both.
    const more = direction.ended ? abi.MSG_MORE : 0;
    const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL | more;
    const written = this.#libc.send(to.fd, shared, count, flags);
    if (written < 0) {
      const errno = this.#errno[0]!;
      if (isSocketError(errno)) {
        this.#writeFailed(direction, libcError("send", errno));
        return false;
      }
      direction.keep(shared.subarray(0, count));
      if (errno === abi.EAGAIN) to.block();
      return to.writable;
    }
    this.#count(direction, written);
    if (written === count) return true;
    direction.keep(shared.subarray(written, count));
    to.block();
    return false;
  }

  #writeRest(direction: Direction, rest: Uint8Array): boolean {
    const { to } = direction;
    if (!to.writable) return false;
    const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
    const written = this.#libc.send(to.fd, rest, rest.length, flags);
    if (written < 0) {
      const errno = this.#errno[0]!;
      if (isSocketError(errno)) this.#writeFailed(direction, libcError("send", errno));
      else if (errno === abi.EAGAIN) to.block();
      return false;
    }
    this.#count(direction, written);
    if (written === rest.length) {
      direction.drop();
      return true;
    }
    direction.rest = rest.subarray(written);
    to.block();
    return false;
  }

  #count(direction: Direction, written: number): void {
    this.#progress.lastActive = this.#clock.now;
    if (direction.up) this.#progress.up += written;
    else this.#progress.down += written;
  }

  #passEnd(direction: Direction): void {
    direction.done = true;
    if (this.#up.done && this.#down.done) {
      this.#finish(this.#failure === undefined ? "done" : "target_reset", this.#failure);
    } else {
      // If this fails the connection is broken, which its own read reports.
      this.#libc.shutdown(direction.to.fd, abi.SHUT_WR);
    }
  }

  #readFailed(direction: Direction, error: Error): void {
    this.#finish(direction.up ? "client_reset" : "target_reset", error);
  }

  #writeFailed(direction: Direction, error: Error): void {
    if (!direction.up) return this.#finish("client_reset", error);
    // The target takes no more, but what it has sent (for example an early answer) still goes to the
    // client.
    direction.done = true;
    direction.drop();
    if (this.#down.done) this.#finish("target_reset", error);
    else this.#failure = error;
  }
}

/**
 * Starts a relay between two streams.
 *
 * @param client The client's connection; a pending read returns 0
 * @param server The target's connection
 * @param options What to send first, and what to call
 */
export function relayLibc(
  client: LibcStream,
  server: LibcStream,
  options: StreamRelayOptions,
): void {
  client.cancelRead();
  new LibcRelay(client, server, options);
}
