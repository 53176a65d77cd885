/**
 * Listening TCP sockets on libc, edge-triggered and non-blocking. Knows nothing about what happens to a
 * connection.
 *
 * @module
 */

import type { Endpoint, SocketShare, Stream, StreamListener } from "../mod.ts";
import * as abi from "./abi.ts";
import { closedError, libcError } from "./errors.ts";
import type { Poller, PollHandler } from "./poller.ts";
import { decodeSockaddr, SOCKADDR_BYTES } from "./sockaddr.ts";
import {
  address,
  addressLength,
  addressLengthBytes,
  bindSocket,
  type LibcBindOptions,
  localEndpoint,
  ONE,
  openSocket,
} from "./socket.ts";
import { steerLibc } from "./steering.ts";
import { LibcStream } from "./stream.ts";
import { openLibc } from "./symbols.ts";

const BACKLOG = 4096;
/** Connections accepted per wake before other sockets have their turn. */
const ACCEPT_BATCH = 64;

interface Waiting {
  readonly resolve: (stream: Stream) => void;
  readonly reject: (error: Error) => void;
}

function bindStream(at: Endpoint, shared: boolean): number {
  const { libc } = openLibc();
  const fd = openSocket(at.host.includes(":") ? abi.AF_INET6 : abi.AF_INET, abi.SOCK_STREAM);
  // Makes an address free as soon as its listener is closed.
  libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, ONE, 4);
  bindSocket(fd, at, shared);
  return fd;
}

/** A listening socket. */
export class LibcListener implements StreamListener, PollHandler {
  readonly local: Endpoint;
  readonly #poller: Poller;
  readonly #fd: number;
  readonly #inherited: boolean;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  #waiting: Waiting | undefined;
  #ready = true;
  #accepted = 0;
  #closed = false;

  /**
   * @param poller The thread's loop
   * @param at The address to bind
   * @param options Whether others bind the same address, or the descriptor that is already bound to it
   * @throws {LibcError} if the address cannot be bound
   */
  constructor(poller: Poller, at: Endpoint, options: LibcBindOptions) {
    this.#poller = poller;
    this.#inherited = options.inherited !== undefined;
    this.#fd = options.inherited ?? bindStream(at, options.shared);
    if (this.#libc.listen(this.#fd, BACKLOG) < 0) {
      const errno = this.#errno[0]!;
      this.#libc.close(this.#fd);
      throw libcError("listen", errno);
    }
    this.local = localEndpoint(this.#fd);
    // Edge-triggered, since level-triggered would spin while no descriptor is left.
    poller.add(this.#fd, abi.EPOLLIN | abi.EPOLLET, this);
  }

  onEvents(): void {
    this.#ready = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#poller.turn();
    if (waiting !== undefined) this.#accept(waiting);
  }

  tryAccept(): Stream | undefined {
    if (this.#closed || !this.#ready || this.#accepted >= ACCEPT_BATCH) return undefined;
    this.#accepted++;
    const fd = this.#acceptOne();
    if (fd >= 0) return this.#streamOf(fd);
    if (-fd !== abi.EAGAIN) throw libcError("accept4", -fd);
    this.#ready = false;
    this.#accepted = 0;
    return undefined;
  }

  accept(): Promise<Stream> {
    return new Promise((resolve, reject) => this.#accept({ resolve, reject }));
  }

  #accept(waiting: Waiting): void {
    if (this.#closed) return waiting.reject(closedError());
    if (!this.#ready) {
      this.#waiting = waiting;
      return;
    }
    if (++this.#accepted > ACCEPT_BATCH) {
      this.#accepted = 0;
      this.#poller.again(() => {
        this.#poller.turn();
        this.#accept(waiting);
      });
      return;
    }
    const fd = this.#acceptOne();
    if (fd >= 0) {
      try {
        waiting.resolve(this.#streamOf(fd));
      } catch (error) {
        waiting.reject(error as Error);
      }
      return;
    }
    if (-fd !== abi.EAGAIN) return waiting.reject(libcError("accept4", -fd));
    this.#ready = false;
    this.#accepted = 0;
    this.#waiting = waiting;
  }

  steer(share: SocketShare | undefined): void {
    steerLibc(this.#fd, share, false);
  }

  #streamOf(fd: number): LibcStream {
    const remote = decodeSockaddr(address);
    return new LibcStream(this.#poller, fd, { remote, connecting: false });
  }

  /** Returns a descriptor, with the peer's address in `address`, or the negative errno. */
  #acceptOne(): number {
    addressLength[0] = SOCKADDR_BYTES;
    const fd = this.#libc.accept4(this.#fd, address, addressLengthBytes, abi.SOCK_FLAGS);
    return fd >= 0 ? fd : -this.#errno[0]!;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#inherited) this.#poller.closeShared(this.#fd);
    else this.#poller.close(this.#fd);
    this.#waiting?.reject(closedError());
    this.#waiting = undefined;
  }
}
