/**
 * TCP and Unix streams on libc sockets, edge-triggered and non-blocking. Knows no session; the relay takes
 * two of them over (relay.ts).
 *
 * @module
 */

import { type Attempt, givenUp } from "../attempt.ts";
import type { Endpoint, Stream, StreamAddress } from "../mod.ts";
import { whenRoom } from "../queue.ts";
import * as abi from "./abi.ts";
import { closedError, isSocketError, LibcError, libcError } from "./errors.ts";
import type { Poller, PollHandler } from "./poller.ts";
import { encodeInet, encodeUnix } from "./sockaddr.ts";
import {
  address,
  addressLength,
  addressLengthBytes,
  localEndpoint,
  NOWHERE,
  ONE,
  openSocket,
  resetOnClose,
  unsentBytes,
} from "./socket.ts";
import { openLibc } from "./symbols.ts";

const READ_EVENTS = abi.EPOLLIN | abi.EPOLLPRI | abi.EPOLLRDHUP | abi.EPOLLET;
const ENDING_EVENTS = abi.EPOLLRDHUP | abi.EPOLLPRI | abi.EPOLLERR | abi.EPOLLHUP;
const ALL_EVENTS = READ_EVENTS | abi.EPOLLOUT;

interface Waiting<T> {
  readonly bytes: Uint8Array;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** The relay's interface for its streams. */
export interface RelayHandler {
  /** Called if one of its streams had events or was closed. */
  onStream(stream: LibcStream): void;
}

/** One connection. */
export class LibcStream implements Stream, PollHandler {
  readonly fd: number;
  readonly poller: Poller;
  readonly remote: Endpoint;
  /** Whether a read may return bytes: set by edges, cleared by a read that found none. */
  readable = true;
  /** Whether a write may succeed. */
  writable = true;
  /** Whether the other side is known to have ended, so that the last read has to be made. */
  hungUp = false;
  /** Whether the other side has ended in order and all bytes have come: a short read has the rest. */
  ending = false;
  /** Whether the connection broke (RST): nothing more can be written to it. */
  broken = false;
  closed = false;
  /** Gets the events instead, once it has taken over. */
  relay: RelayHandler | undefined;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  /** Whether the poller watches for writability. A stream that never waits for it is spared the wakes. */
  #watchesWrites: boolean;
  #local: Endpoint | undefined;
  #reader: Waiting<number | null> | undefined;
  #writer: Waiting<number> | undefined;
  #connecting: ((error: Error | undefined) => void) | undefined;

  /**
   * @param poller The thread's loop
   * @param fd A non-blocking socket that is connected or connecting
   * @param options The peer's address, and whether the socket is still connecting
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

  /** Notes that no write succeeds until an event says so. */
  block(): void {
    this.writable = false;
    if (this.#watchesWrites) return;
    this.#watchesWrites = true;
    this.poller.change(this.fd, ALL_EVENTS);
  }

  get local(): Endpoint {
    // A closed descriptor's number may belong to another socket by now.
    return this.#local ??= this.closed ? NOWHERE : localEndpoint(this.fd);
  }

  /**
   * Waits until the connection is established.
   *
   * @param attempt Lets the caller give up
   * @throws {LibcError} if it fails; the socket is closed then
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
    // A read may also be cut short by out-of-band bytes, and by descriptors that a Unix socket passes. With
    // an error pending the next read has to be made.
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

  /** Ends a waiting read, which returns 0. */
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
    resetOnClose(this.fd);
    this.close();
  }

  unsent(): number {
    // Data written to a Unix socket is at its peer immediately.
    if (this.closed || this.broken || this.remote === NOWHERE) return 0;
    return unsentBytes(this.fd);
  }

  abandon(): boolean {
    this.reset();
    return true;
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
 * Connects.
 *
 * @param poller The thread's loop
 * @param to IP literal and port, or path of a Unix socket
 * @param attempt Lets the caller give up
 * @returns The connection, without a promise if it is established immediately
 * @throws {LibcError} if it fails; the promise may reject likewise
 */
export function connectLibc(
  poller: Poller,
  to: StreamAddress,
  attempt: Attempt,
): Stream | Promise<Stream> {
  try {
    return connectOnce(poller, to, attempt);
  } catch (error) {
    if (to.kind !== "unix" || !isQueueFull(error)) throw error;
    return whenRoom(() => connectOnce(poller, to, attempt), isQueueFull, attempt);
  }
}

function connectOnce(
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
  // A connection within this host is established by now. A second call costs 0.3 µs and saves a round
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
  // The target can hardly have answered yet; its first bytes come with an event.
  stream.readable = false;
  return code === 0 ? stream : stream.connected(attempt);
}

function isQueueFull(error: unknown): boolean {
  return error instanceof LibcError && error.failure === "not_sent";
}
