/**
 * The socket interface over `Deno.listen`, `Deno.connect` and `Deno.listenDatagram`, which works
 * everywhere. Knows no protocol, route or limit.
 *
 * @module
 */

import { isIPv6 } from "node:net";
import { type Attempt, givenUp } from "./attempt.ts";
import { giveDatagramBuffer, takeDatagramBuffer } from "./buffers.ts";
import { enlargeForeignReceiveBuffer, resetForeignOnClose, unsentOf } from "./libc/foreign.ts";
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
} from "./mod.ts";
import { whenRoom } from "./queue.ts";

const BACKLOG = 4096;
/** Receive loops per listening UDP socket: 2 to 4 are best; a single one waits for each send. */
const RECEIVE_LOOPS = 3;
const RECEIVE_BACKOFF_MS = 10;

function endpoint(address: Deno.Addr): Endpoint {
  return "hostname" in address
    ? { host: address.hostname, port: address.port }
    : { host: "", port: 0 };
}

class DenoStream implements Stream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #conn: Deno.Conn;
  #closed = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.local = endpoint(conn.localAddr);
    this.remote = endpoint(conn.remoteAddr);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#conn.read(buffer);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  setNoDelay(): void {
    if (!("setNoDelay" in this.#conn)) return;
    try {
      (this.#conn as Deno.TcpConn).setNoDelay();
    } catch {
      // The socket broke in between; the read or write that follows reports it.
    }
  }

  unsent(): number | undefined {
    // Data written to a Unix socket is at its peer immediately.
    if (this.#closed || this.remote.host === "") return 0;
    return unsentOf(this.local, this.remote);
  }

  abandon(): boolean {
    if (!this.#closed && resetForeignOnClose(this.local, this.remote) === undefined) return false;
    this.close();
    return true;
  }

  close(): void {
    this.#closed = true;
    try {
      this.#conn.close();
    } catch {
      // A second close throws BadResource, but closing twice is allowed here.
    }
  }
}

class DenoListener implements StreamListener {
  readonly local: Endpoint;
  readonly #listener: Deno.TcpListener;

  constructor(at: Endpoint, shared: boolean) {
    const { host: hostname, port } = at;
    this.#listener = Deno.listen({ hostname, port, tcpBacklog: BACKLOG, reusePort: shared });
    this.local = endpoint(this.#listener.addr);
  }

  async accept(): Promise<Stream> {
    return new DenoStream(await this.#listener.accept());
  }

  close(): void {
    try {
      this.#listener.close();
    } catch {
      // Closed already.
    }
  }
}

class DenoDatagramSocket implements DatagramSocket {
  readonly local: Endpoint;
  readonly #socket: Deno.DatagramConn;

  constructor(at: Endpoint, shared: boolean) {
    const { host: hostname, port } = at;
    this.#socket = Deno.listenDatagram({
      transport: "udp",
      hostname,
      port,
      reuseAddress: shared,
    });
    this.local = endpoint(this.#socket.addr);
    enlargeForeignReceiveBuffer(this.local);
  }

  async receive(options: ReceiveOptions): Promise<void> {
    const loops = Array.from({ length: RECEIVE_LOOPS }, () => this.#receiveLoop(options));
    await Promise.all(loops);
  }

  async #receiveLoop(options: ReceiveOptions): Promise<void> {
    const buffer = takeDatagramBuffer();
    for (;;) {
      try {
        // A UDP socket's peers are NetAddr, which has the shape of DatagramAddress.
        const [bytes, from] = await this.#socket.receive(buffer);
        const needed = options.onDatagram(bytes, from as Deno.NetAddr & DatagramAddress);
        if (needed !== undefined) await needed;
      } catch (error) {
        const failure = classify(error);
        if (failure === "closed") break;
        // On some systems ICMP errors of earlier sends surface here. The socket is still usable.
        if (failure !== "refused" && failure !== "reset") options.onError(error);
        await new Promise((resolve) => setTimeout(resolve, RECEIVE_BACKOFF_MS));
      }
    }
    giveDatagramBuffer(buffer);
  }

  keep(from: DatagramAddress): DatagramAddress {
    return from;
  }

  send(bytes: Uint8Array, to: DatagramAddress): Promise<number> {
    return this.#socket.send(bytes, to);
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // Closed already.
    }
  }
}

/** An unconnected socket that accepts datagrams only from its target, since Deno has no connected ones. */
class DenoTargetSocket implements TargetSocket {
  readonly #socket: Deno.DatagramConn;
  readonly #target: Deno.NetAddr;

  constructor(target: Endpoint, options: TargetOptions) {
    const hostname = isIPv6(target.host) ? "::" : "0.0.0.0";
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    this.#target = { transport: "udp", hostname: target.host, port: target.port };
    this.#receiveLoop(options);
  }

  async #receiveLoop(options: TargetOptions): Promise<void> {
    const { hostname, port } = this.#target;
    const buffer = takeDatagramBuffer();
    for (;;) {
      try {
        const [bytes, from] = await this.#socket.receive(buffer) as [Uint8Array, Deno.NetAddr];
        if (from.port !== port || from.hostname !== hostname) options.onStranger();
        else await options.onReply(bytes);
      } catch (error) {
        if (classify(error) === "closed") break;
        // The socket is still usable, unless its owner closes it.
        options.onError(error);
        await new Promise((resolve) => setTimeout(resolve, RECEIVE_BACKOFF_MS));
      }
    }
    giveDatagramBuffer(buffer);
  }

  send(bytes: Uint8Array): Promise<number> {
    return this.#socket.send(bytes, this.#target);
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // Closed already.
    }
  }
}

/** Codes of plain `Error`s for which Deno has no class of its own. */
const BY_CODE: Readonly<Record<string, IoFailure>> = {
  EMFILE: "no_descriptors",
  ENFILE: "no_descriptors",
  ENOBUFS: "not_sent",
  ENOMEM: "not_sent",
  EINVAL: "not_sent",
  EAGAIN: "not_sent",
  EPERM: "denied",
  EMSGSIZE: "not_sent",
  EHOSTUNREACH: "host_unreachable",
  EHOSTDOWN: "host_unreachable",
  ENETUNREACH: "unreachable",
  ENOENT: "refused",
  ETIMEDOUT: "timed_out",
};

function classify(error: unknown): IoFailure {
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  if (error instanceof Deno.errors.NotFound) return "refused";
  if (error instanceof Deno.errors.TimedOut) return "timed_out";
  if (error instanceof Deno.errors.ConnectionReset) return "reset";
  if (error instanceof Deno.errors.BrokenPipe) return "reset";
  if (error instanceof Deno.errors.ConnectionAborted) return "reset";
  // A client that reset its connection before it was accepted has no address any more.
  if (error instanceof Deno.errors.NotConnected) return "reset";
  if (error instanceof Deno.errors.NetworkUnreachable) return "unreachable";
  if (error instanceof Deno.errors.AddrNotAvailable) return "unreachable";
  if (error instanceof Deno.errors.AddrInUse) return "in_use";
  if (error instanceof Deno.errors.PermissionDenied) return "denied";
  if (error instanceof Deno.errors.NotCapable) return "denied";
  if (error instanceof Deno.errors.WouldBlock) return "not_sent";
  if (error instanceof Deno.errors.BadResource) return "closed";
  if (error instanceof Deno.errors.Interrupted) return "closed";
  if (error instanceof DOMException && error.name === "AbortError") return "timed_out";
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return BY_CODE[error.code] ?? "other";
  }
  return "other";
}

async function connect(to: StreamAddress, attempt: Attempt): Promise<Stream> {
  if (attempt.givenUp) throw givenUp();
  if (to.kind === "unix") {
    const once = () => Deno.connect({ transport: "unix", path: to.path });
    return new DenoStream(await whenRoom(once, isQueueFull, attempt));
  }
  const controller = new AbortController();
  attempt.onGiveUp = () => controller.abort();
  try {
    const { signal } = controller;
    return new DenoStream(await Deno.connect({ hostname: to.host, port: to.port, signal }));
  } finally {
    attempt.onGiveUp = undefined;
  }
}

function isQueueFull(error: unknown): boolean {
  return error instanceof Deno.errors.WouldBlock ||
    error instanceof Error && "code" in error && error.code === "EAGAIN";
}

/** Deno's own sockets. */
export const denoIo: Io = {
  name: "deno",
  listen: (at, shared) => new DenoListener(at, shared),
  bind: (at, shared) => new DenoDatagramSocket(at, shared),
  dial: (target, options) => new DenoTargetSocket(target, options),
  connect,
  classify,
};
