/**
 * The calls of Linux's C library for load generators and backends, so that they cost less CPU than the
 * proxies between them. Knows no protocol and no measurement.
 *
 * @module
 */

const { symbols } = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" },
  timerfd_settime: { parameters: ["i32", "i32", "buffer", "pointer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
});

/** The calls themselves; each returns -1 on failure and leaves the reason in {@linkcode errno}. */
export const libc: typeof symbols = symbols;

/** No local port is left. */
const EADDRNOTAVAIL = 99;
/** No process listens there. */
const ECONNREFUSED = 111;
/** Send without blocking and without SIGPIPE: MSG_DONTWAIT | MSG_NOSIGNAL. */
export const SEND = 0x4040;
/** Receive without blocking: MSG_DONTWAIT. */
export const RECEIVE = 0x40;
/** Receive and drop, without a copy, on TCP: MSG_DONTWAIT | MSG_TRUNC. */
export const DISCARD = 0x60;

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const AF_INET = 2;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const BACKLOG = 4096;
/** Large, so that a UDP backend loses no datagrams. */
const RECEIVE_BUFFER = 4 << 20;

const errnoWord = new Int32Array(errnoBytes());
const option = new Int32Array(1);
const optionBytes = new Uint8Array(option.buffer);

function errnoBytes(): ArrayBuffer {
  const pointer = symbols.__errno_location();
  if (pointer === null) throw new Error("Cannot find errno");
  return Deno.UnsafePointerView.getArrayBuffer(pointer, 4);
}

/**
 * Returns why the last call failed. The runtime may make calls of its own in between, so use this for
 * messages only, and not to tell "would block" from "broken": epoll and the next read show that.
 */
export function errno(): number {
  return errnoWord[0] ?? 0;
}

/**
 * Turns a failed call into an error.
 *
 * @param what The call
 * @param result What it returned
 * @returns The result
 * @throws {Error} If the call failed
 */
export function must(what: string, result: number): number {
  if (result < 0) throw new Error(`Cannot ${what}: errno ${errno()}`);
  return result;
}

/**
 * Writes a loopback address as a `sockaddr_in`.
 *
 * @param port The port
 * @returns The 16 bytes
 */
export function loopback(port: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
}

function set(fd: number, level: number, name: number, value: number): void {
  option[0] = value;
  must("set a socket option", symbols.setsockopt(fd, level, name, optionBytes, 4));
}

/**
 * Turns Nagle's algorithm off.
 *
 * @param fd A TCP socket
 */
export function noDelay(fd: number): void {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/**
 * Listens for TCP on loopback; several processes may share the port.
 *
 * @param port The port
 * @returns The descriptor
 * @throws {Error} If the port cannot be bound
 */
export function listenTcp(port: number): number {
  const fd = must("create a socket", symbols.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  // Connections inherit it; without it, an answer would wait for the next request's ACK.
  noDelay(fd);
  must(`bind TCP port ${port}`, symbols.bind(fd, loopback(port), 16));
  must("listen", symbols.listen(fd, BACKLOG));
  return fd;
}

/**
 * Accepts one connection.
 *
 * @param fd The listening socket
 * @returns The connection's descriptor, or -1 if none waits
 */
export function accept(fd: number): number {
  return symbols.accept4(fd, null, null, SOCK_NONBLOCK);
}

/**
 * Begins a TCP connection to loopback.
 *
 * @param address Where to, from {@linkcode loopback}
 * @returns The descriptor; it is writable once connected
 * @throws {Error} If the connection is refused or no descriptor is left
 */
export function connectTcp(address: Uint8Array<ArrayBuffer>): number {
  const fd = must("create a socket", symbols.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  const result = symbols.connect(fd, address, 16);
  const failed = errno() === EADDRNOTAVAIL || errno() === ECONNREFUSED;
  if (result < 0 && failed) must("connect", result);
  return fd;
}

/**
 * Binds UDP on loopback; several processes may share the port.
 *
 * @param port The port
 * @returns The descriptor
 * @throws {Error} If the port cannot be bound
 */
export function bindUdp(port: number): number {
  const fd = must("create a socket", symbols.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
  must(`bind UDP port ${port}`, symbols.bind(fd, loopback(port), 16));
  return fd;
}

/**
 * Creates a UDP socket that talks to one loopback port.
 *
 * @param address Where to, from {@linkcode loopback}
 * @returns The descriptor
 * @throws {Error} If no descriptor is left
 */
export function connectUdp(address: Uint8Array<ArrayBuffer>): number {
  const fd = must("create a socket", symbols.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
  must("connect a UDP socket", symbols.connect(fd, address, 16));
  return fd;
}
