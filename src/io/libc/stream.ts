/**
 * TCP and Unix streams on libc sockets, edge-triggered and non-blocking. Knows no session; the relay
 * takes two of them over (relay.ts).
 *
 * @module
 */

import { type Attempt, givenUp } from "../attempt.ts";
import type { Endpoint, SocketShare, Stream, StreamAddress, StreamListener } from "../mod.ts";
import * as abi from "./abi.ts";
import { closedError, isSocketError, libcError } from "./errors.ts";
import type { Poller, PollHandler } from "./poller.ts";
import { decodeSockaddr, encodeInet, encodeUnix, SOCKADDR_BYTES } from "./sockaddr.ts";
import { steerLibc } from "./steering.ts";
import { openLibc } from "./symbols.ts";

const BACKLOG = 4096;
/** Connections that one wake accepts before the others have their turn. */
const ACCEPT_BATCH = 64;
const READ_EVENTS = abi.EPOLLIN | abi.EPOLLPRI | abi.EPOLLRDHUP | abi.EPOLLET;
const ENDING_EVENTS = abi.EPOLLRDHUP | abi.EPOLLPRI | abi.EPOLLERR | abi.EPOLLHUP;
const ALL_EVENTS = READ_EVENTS | abi.EPOLLOUT;

const ONE = new Uint8Array(new Int32Array([1]).buffer);
/** `struct linger`: on, and for no time, which makes closing a reset. */
const LINGER_NONE = new Uint8Array(new Int32Array([1, 0]).buffer);
const address = new Uint8Array(128);
const addressLength = new Int32Array(1);
const addressLengthBytes = new Uint8Array(addressLength.buffer);
const NOWHERE: Endpoint = { host: "", port: 0 };

interface Waiting<T> {
  readonly bytes: Uint8Array;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Tells a socket's own address.
 *
 * @param fd The socket
 * @returns Host and port; empty and 0 where it has none
 */
export function localEndpoint(fd: number): Endpoint {
  const { libc } = openLibc();
  addressLength[0] = SOCKADDR_BYTES;
  address.fill(0);
  return libc.getsockname(fd, address, addressLengthBytes) < 0 ? NOWHERE : decodeSockaddr(address);
}

/** A relay, as its streams know it. */
export interface RelayHandler {
  /** A stream of its has had events, or was closed. */
  onStream(stream: LibcStream): void;
}

/** One connection. */
export class LibcStream implements Stream, PollHandler {
  readonly fd: number;
  readonly poller: Poller;
  readonly remote: Endpoint;
  /** Whether a read may find something: set by edges, cleared by a read that found nothing. */
  readable = true;
  /** Whether a write may go through. */
  writable = true;
  /** Whether the other side is known to have ended, so that the last read has to be made. */
  hungUp = false;
  /** Whether it has ended in order, all it sent has come, and a read that falls short has the rest. */
  ending = false;
  /** Whether the connection broke (RST): nothing more can be written to it. */
  broken = false;
  closed = false;
  /** Gets the events instead, once it has taken over. */
  relay: RelayHandler | undefined;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  /** Whether it is told when a write may go through: what never has to wait for that is spared a wake. */
  #watchesWrites: boolean;
  #local: Endpoint | undefined;
  #reader: Waiting<number | null> | undefined;
  #writer: Waiting<number> | undefined;
  #connecting: ((error: Error | undefined) => void) | undefined;

  /**
   * @param poller The thread's loop
   * @param fd A non-blocking socket that is connected or being so
   * @param options Who is at the other end, and whether it is still to be connected
   */
  constructor(
    poller: Poller,
    fd: number,
    { remote, connecting }: { readonly remote: Endpoint; readonly connecting: boolean },
  ) {
    this.poller = poller;
    this.fd = fd;
    this.remote = remote;
    this.#watchesWrites = connecting;
    poller.add(fd, connecting ? ALL_EVENTS : READ_EVENTS, this);
  }

  /** Notes that no write goes through until an event tells that it may. */
  block(): void {
    this.writable = false;
    if (this.#watchesWrites) return;
    this.#watchesWrites = true;
    this.poller.change(this.fd, ALL_EVENTS);
  }

  get local(): Endpoint {
    // A number that was closed may be another's by now.
    return this.#local ??= this.closed ? NOWHERE : localEndpoint(this.fd);
  }

  /**
   * Waits until a connection that was begun is made.
   *
   * @param attempt Lets the caller give up
   * @throws {LibcError} when it fails; the socket is closed then
   */
  connected(attempt: Attempt): Promise<Stream> {
    this.writable = false;
    attempt.onGiveUp = () => this.close();
    return new Promise((resolve, reject) => {
      this.#connecting = (error) => {
        this.#connecting = undefined;
        attempt.onGiveUp = undefined;
        if (error === undefined) return resolve(this);
        this.close();
        reject(attempt.givenUp ? givenUp() : error);
      };
    });
  }

  onEvents(events: number): void {
    if (this.#connecting !== undefined) {
      const failed = events & (abi.EPOLLERR | abi.EPOLLHUP) ? this.#socketError() : 0;
      this.poller.turn();
      this.#connecting(failed === 0 ? undefined : libcError("connect", failed));
      if (failed !== 0) return;
    }
    if (events & (abi.EPOLLIN | abi.EPOLLRDHUP | abi.EPOLLHUP | abi.EPOLLERR)) this.readable = true;
    if (events & (abi.EPOLLOUT | abi.EPOLLHUP | abi.EPOLLERR)) this.writable = true;
    if (events & (abi.EPOLLPRI | abi.EPOLLRDHUP | abi.EPOLLHUP | abi.EPOLLERR)) this.hungUp = true;
    // Out-of-band bytes cut a read short, and descriptors that a Unix socket passes; with an error
    // pending the next read has to be made.
    this.ending = (events & ENDING_EVENTS) === abi.EPOLLRDHUP && this.remote !== NOWHERE;
    if (events & abi.EPOLLERR) this.broken = true;
    if (this.relay !== undefined) return this.relay.onStream(this);
    this.poller.turn();
    const reader = this.#reader;
    if (reader !== undefined && this.readable) {
      this.#reader = undefined;
      this.#read(reader);
    }
    const writer = this.#writer;
    if (writer !== undefined && this.writable) {
      this.#writer = undefined;
      this.#write(writer);
    }
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => this.#read({ bytes: buffer, resolve, reject }));
  }

  tryRead(buffer: Uint8Array): number | null | undefined {
    if (this.closed) throw closedError();
    const count = this.#libc.recv(this.fd, buffer, buffer.length, abi.MSG_DONTWAIT);
    if (count > 0) return count;
    if (count === 0) return null;
    const errno = this.#errno[0]!;
    if (isSocketError(errno)) throw libcError("recv", errno);
    return undefined;
  }

  /** Ends a read that waits: it gives 0. */
  cancelRead(): void {
    if (this.#reader !== undefined) this.poller.turn();
    this.#reader?.resolve(0);
    this.#reader = undefined;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => this.#write({ bytes, resolve, reject }));
  }

  #read(reader: Waiting<number | null>): void {
    if (this.closed) return reader.reject(closedError());
    const { bytes } = reader;
    const count = this.#libc.recv(this.fd, bytes, bytes.length, abi.MSG_DONTWAIT);
    if (count > 0) return reader.resolve(count);
    if (count === 0) return reader.resolve(null);
    const errno = this.#errno[0]!;
    if (isSocketError(errno)) return reader.reject(libcError("recv", errno));
    this.#reader = reader;
    if (errno === abi.EAGAIN) this.readable = false;
    else this.poller.again(() => this.onEvents(0));
  }

  #write(writer: Waiting<number>): void {
    if (this.closed) return writer.reject(closedError());
    const { bytes } = writer;
    const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
    const count = this.#libc.send(this.fd, bytes, bytes.length, flags);
    if (count >= 0) return writer.resolve(count);
    const errno = this.#errno[0]!;
    if (isSocketError(errno)) return writer.reject(libcError("send", errno));
    this.#writer = writer;
    if (errno === abi.EAGAIN) this.block();
    else this.poller.again(() => this.onEvents(0));
  }

  closeWrite(): Promise<void> {
    if (this.closed) return Promise.reject(closedError());
    if (this.#libc.shutdown(this.fd, abi.SHUT_WR) === 0) return Promise.resolve();
    return Promise.reject(libcError("shutdown", this.#errno[0]!));
  }

  setNoDelay(): void {
    if (this.closed) return;
    this.#libc.setsockopt(this.fd, abi.IPPROTO_TCP, abi.TCP_NODELAY, ONE, 4);
  }

  reset(): void {
    if (this.closed) return;
    this.#libc.setsockopt(this.fd, abi.SOL_SOCKET, abi.SO_LINGER, LINGER_NONE, 8);
    this.close();
  }

  #socketError(): number {
    addressLength[0] = 4;
    this.#libc.getsockopt(this.fd, abi.SOL_SOCKET, abi.SO_ERROR, address, addressLengthBytes);
    return address[0]! | address[1]! << 8;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.poller.close(this.fd);
    this.#connecting?.(closedError());
    this.#reader?.reject(closedError());
    this.#writer?.reject(closedError());
    this.#reader = undefined;
    this.#writer = undefined;
    this.relay?.onStream(this);
  }
}

/**
 * Makes a socket with an error in place of a negative number.
 *
 * @param family `AF_INET` and the like
 * @param type `SOCK_STREAM` or `SOCK_DGRAM`
 * @returns The descriptor, non-blocking and closed on exec
 * @throws {LibcError} when none is left
 */
export function openSocket(family: number, type: number): number {
  const { libc, errno } = openLibc();
  const fd = libc.socket(family, type | abi.SOCK_FLAGS, 0);
  if (fd < 0) throw libcError("socket", errno[0]!);
  return fd;
}

/**
 * Binds a socket.
 *
 * @param fd The socket; closed where binding fails
 * @param at Where to
 * @param shared Whether other workers bind the same address
 * @throws {LibcError} when the address cannot be bound
 */
export function bindSocket(fd: number, at: Endpoint, shared: boolean): void {
  const { libc, errno } = openLibc();
  if (shared) libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, ONE, 4);
  const name = encodeInet(at.host, at.port);
  if (libc.bind(fd, name, name.length) === 0) return;
  const code = errno[0]!;
  libc.close(fd);
  throw libcError("bind", code);
}

/** How an address is bound. */
export interface LibcBindOptions {
  /** Whether others bind the same address. */
  readonly shared: boolean;
  /** A descriptor of a socket that is bound to it already. */
  readonly inherited?: number | undefined;
}

function bindStream(at: Endpoint, shared: boolean): number {
  const { libc } = openLibc();
  const fd = openSocket(at.host.includes(":") ? abi.AF_INET6 : abi.AF_INET, abi.SOCK_STREAM);
  // An address that a closed listener has left is free at once.
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
  #waiting: Omit<Waiting<Stream>, "bytes"> | undefined;
  #ready = true;
  #accepted = 0;
  #closed = false;

  /**
   * @param poller The thread's loop
   * @param at What to bind to
   * @param options Whether others bind the same address, or who has bound it already
   * @throws {LibcError} when the address cannot be bound
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
    // Edges, for a level would spin while no descriptor is left.
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

  #accept(waiting: Omit<Waiting<Stream>, "bytes">): void {
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

  /** Gives a descriptor or the negative errno; `address` has the peer's. */
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

/**
 * Connects.
 *
 * @param poller The thread's loop
 * @param to IP literal and port, or path of a Unix socket
 * @param attempt Lets the caller give up
 * @returns The connection, at once where it stands at once
 * @throws {LibcError} when it fails; the promise may reject likewise
 */
export function connectLibc(
  poller: Poller,
  to: StreamAddress,
  attempt: Attempt,
): Stream | Promise<Stream> {
  if (attempt.givenUp) throw givenUp();
  const { libc, errno } = openLibc();
  const unix = to.kind === "unix";
  const name = unix ? encodeUnix(to.path) : encodeInet(to.host, to.port);
  const fd = openSocket(name[0]!, abi.SOCK_STREAM);
  let code = libc.connect(fd, name, name.length) === 0 ? 0 : errno[0]!;
  // A connection within this host stands by now. Asking again costs 0.3 µs and spares it a round
  // through epoll.
  if (code === abi.EINPROGRESS) {
    code = libc.connect(fd, name, name.length) === 0 ? 0 : errno[0]!;
  }
  if (code !== 0 && code !== abi.EALREADY) {
    libc.close(fd);
    throw libcError("connect", code);
  }
  const remote = unix ? NOWHERE : to;
  const stream = new LibcStream(poller, fd, { remote, connecting: code !== 0 });
  // What comes from a target comes with an event: it can hardly have answered yet.
  stream.readable = false;
  return code === 0 ? stream : stream.connected(attempt);
}
