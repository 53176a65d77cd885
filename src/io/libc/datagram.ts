/**
 * UDP on libc sockets: many datagrams per call, one connected socket per flow. Knows no flow.
 *
 * @module
 */

import type {
  DatagramAddress,
  DatagramSocket,
  Endpoint,
  Pin,
  ReceiveOptions,
  SocketShare,
  TargetOptions,
  TargetSocket,
} from "../mod.ts";
import * as abi from "./abi.ts";
import { closedError, libcError } from "./errors.ts";
import type { Block } from "./memory.ts";
import { BATCH, Messages, payloadBlock, SLOT_BYTES } from "./messages.ts";
import type { Poller, PollHandler } from "./poller.ts";
import { encodeInet, hostAt, portAt, SOCKADDR_BYTES } from "./sockaddr.ts";
import {
  bindSocket,
  enlargeReceiveBuffer,
  type LibcBindOptions,
  localEndpoint,
  ONE,
  openSocket,
} from "./socket.ts";
import { steerLibc } from "./steering.ts";
import { openLibc } from "./symbols.ts";

/** Batches received from a socket per wake before other sockets have their turn. */
const BATCHES_PER_TURN = 4;
/** Datagrams received from a target per wake. */
const REPLIES_PER_TURN = 8;

/** The address of a peer, also in the kernel's form. */
class LibcAddress implements DatagramAddress {
  readonly transport = "udp";
  hostname = "";
  port = 0;
  local = "";
  name: Uint8Array = new Uint8Array();
  localBytes: Uint8Array | undefined;
}

/** The memory of a thread's datagrams, and the send queue. */
class Exchange {
  /** Datagrams from clients. */
  readonly requests: Block = payloadBlock();
  readonly received = new Messages(this.requests);
  /** Replies from targets, which are sent from this memory. */
  readonly replies: Block = payloadBlock();
  readonly answered = new Messages(this.replies);
  readonly sender = new LibcAddress();
  /** Slots of {@linkcode replies} in use until {@linkcode Exchange.recycle}. */
  usedReplies = 0;
  readonly #outgoing = new Messages(this.replies);
  readonly #single: Block = payloadBlock();
  readonly #to: LibcAddress[] = [];
  #socket: LibcDatagramSocket | undefined;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;

  /** Queues a datagram; {@linkcode Exchange.flush} sends it from the memory where it lies. */
  queue(socket: LibcDatagramSocket, bytes: Uint8Array, to: LibcAddress): void {
    if (bytes.length > SLOT_BYTES) throw libcError("sendmmsg", abi.EMSGSIZE);
    if (this.#socket !== socket || this.#to.length === BATCH) this.flush();
    this.#socket = socket;
    const index = this.#to.push(to) - 1;
    this.#outgoing.address(index, to.name, to.localBytes);
    const { buffer, byteOffset, length } = bytes;
    if (buffer === this.replies.bytes.buffer) {
      this.#outgoing.point(index, this.replies, byteOffset, length);
    } else if (buffer === this.requests.bytes.buffer) {
      this.#outgoing.point(index, this.requests, byteOffset, length);
    } else {
      this.#single.bytes.set(bytes, index * SLOT_BYTES);
      this.#outgoing.point(index, this.#single, index * SLOT_BYTES, length);
    }
  }

  /** Sends all queued datagrams. */
  flush(): void {
    const socket = this.#socket;
    const count = this.#to.length;
    if (socket !== undefined && !socket.closed) {
      for (let sent = 0; sent < count;) {
        const pointer = this.#outgoing.pointer(sent);
        const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
        const done = this.#libc.sendmmsg(socket.fd, pointer, count - sent, flags);
        if (done > 0) {
          sent += done;
          continue;
        }
        // Only the first of the remaining ones has failed; the others may succeed.
        socket.undeliverable(this.#to[sent]!, libcError("sendmmsg", this.#errno[0]!));
        sent++;
      }
    }
    this.#to.length = 0;
    this.#socket = undefined;
  }

  /** Sends all queued datagrams, which frees every slot of {@linkcode replies}. */
  recycle(): void {
    this.flush();
    this.usedReplies = 0;
  }
}

const exchanges = new WeakMap<Poller, Exchange>();

function exchangeOf(poller: Poller): Exchange {
  let exchange = exchanges.get(poller);
  if (exchange === undefined) {
    const made = new Exchange();
    poller.afterRound(() => made.recycle());
    exchanges.set(poller, exchange = made);
  }
  return exchange;
}

function familyOf({ host }: Endpoint): number {
  return host.includes(":") ? abi.AF_INET6 : abi.AF_INET;
}

/** A socket that clients send to. */
class LibcDatagramSocket implements DatagramSocket, PollHandler {
  readonly local: Endpoint;
  readonly fd: number;
  closed = false;
  readonly #poller: Poller;
  readonly #exchange: Exchange;
  /** Whether it is bound to a wildcard: the kernel reports each datagram's destination address. */
  readonly #anyAddress: boolean;
  readonly #inherited: boolean;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  #options: ReceiveOptions | undefined;
  #onClose: (() => void) | undefined;

  constructor(poller: Poller, at: Endpoint, options: LibcBindOptions) {
    this.#poller = poller;
    this.#exchange = exchangeOf(poller);
    this.#anyAddress = at.host === "0.0.0.0" || at.host === "::";
    this.#inherited = options.inherited !== undefined;
    this.fd = options.inherited ?? openSocket(familyOf(at), abi.SOCK_DGRAM);
    this.#prepare(this.fd, at);
    if (options.inherited === undefined) this.#bind(this.fd, at, options.shared);
    this.local = localEndpoint(this.fd);
  }

  #prepare(fd: number, { host }: Endpoint): void {
    enlargeReceiveBuffer(fd);
    if (!this.#anyAddress) return;
    const [level, option] = host.includes(":")
      ? [abi.IPPROTO_IPV6, abi.IPV6_RECVPKTINFO]
      : [abi.IPPROTO_IP, abi.IP_PKTINFO];
    this.#libc.setsockopt(fd, level, option, ONE, 4);
  }

  #bind(fd: number, at: Endpoint, shared: boolean): void {
    // Deno's sockets share an address by this option.
    if (shared) this.#libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, ONE, 4);
    bindSocket(fd, at, shared);
  }

  receive(options: ReceiveOptions): Promise<void> {
    this.#options = options;
    this.#poller.add(this.fd, abi.EPOLLIN, this);
    return new Promise((resolve) => this.#onClose = resolve);
  }

  onEvents(): void {
    this.#receive(this.fd);
  }

  /** Receives datagrams; returns whether there may be more. */
  #receive(fd: number): boolean {
    const options = this.#options;
    if (options === undefined) return false;
    const { received, requests } = this.#exchange;
    for (let round = 0; round < BATCHES_PER_TURN && !this.closed; round++) {
      received.expect(BATCH, true, this.#anyAddress);
      const pointer = received.pointer(0);
      const count = this.#libc.recvmmsg(fd, pointer, BATCH, abi.MSG_DONTWAIT, null);
      if (count < 0) {
        const errno = this.#errno[0]!;
        if (errno !== abi.EAGAIN) options.onError(libcError("recvmmsg", errno));
        return false;
      }
      for (let i = 0; i < count; i++) {
        const start = i * SLOT_BYTES;
        const bytes = requests.bytes.subarray(start, start + received.received(i));
        try {
          options.onDatagram(bytes, this.#senderOf(i));
        } catch (error) {
          // A bug must cost one datagram, not the listener.
          this.#poller.bug(error);
        }
      }
      // Answers that lie in the requests' memory must leave before it is overwritten.
      this.#exchange.flush();
      if (count < BATCH) return false;
    }
    return !this.closed;
  }

  #senderOf(index: number): LibcAddress {
    const { received, sender } = this.#exchange;
    const at = received.nameAt(index);
    sender.hostname = hostAt(received.names, at);
    sender.port = portAt(received.names, at);
    sender.name = received.names.subarray(at, at + SOCKADDR_BYTES);
    if (this.#anyAddress) {
      const local = received.localAt(index);
      sender.local = local?.text ?? "";
      sender.localBytes = local?.bytes;
    } else {
      sender.local = "";
      sender.localBytes = undefined;
    }
    return sender;
  }

  keep(from: DatagramAddress): DatagramAddress {
    if (!(from instanceof LibcAddress)) return from;
    const kept = new LibcAddress();
    kept.hostname = from.hostname;
    kept.port = from.port;
    kept.local = from.local;
    kept.name = from.name.slice(0, from.hostname.includes(":") ? SOCKADDR_BYTES : 16);
    kept.localBytes = from.localBytes?.slice();
    return kept;
  }

  send(bytes: Uint8Array, to: DatagramAddress): undefined {
    if (this.closed) throw closedError();
    if (to instanceof LibcAddress) this.#exchange.queue(this, bytes, to);
  }

  steer(share: SocketShare | undefined): void {
    steerLibc(this.fd, share, true);
  }

  /** Opens a socket of the same address, connected to the peer; the kernel prefers it. */
  pin(peer: DatagramAddress): Pin {
    if (!(peer instanceof LibcAddress)) throw new TypeError("The address was not kept");
    const { port } = this.local;
    const at = { host: peer.local === "" ? this.local.host : peer.local, port };
    const fd = openSocket(familyOf(at), abi.SOCK_DGRAM);
    this.#prepare(fd, at);
    // Not SO_REUSEPORT: the socket would join those that share the address and shift their places for
    // steering.
    this.#libc.setsockopt(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, ONE, 4);
    bindSocket(fd, at, false);
    if (this.#libc.connect(fd, peer.name, peer.name.length) < 0) {
      const errno = this.#errno[0]!;
      this.#libc.close(fd);
      throw libcError("connect", errno);
    }
    const close = () => this.#poller.close(fd);
    this.#poller.add(fd, abi.EPOLLIN, { onEvents: () => this.#receive(fd), close });
    const itself = encodeInet(at.host, port);
    return {
      close,
      leave: () => {
        // Connected elsewhere, the socket gets nothing new and keeps what it has.
        this.#libc.connect(fd, itself, itself.length);
        while (this.#receive(fd));
        close();
      },
    };
  }

  undeliverable(to: LibcAddress, error: Error): void {
    this.#options?.onUndeliverable(to, error);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.#inherited) this.#poller.closeShared(this.fd);
    else this.#poller.close(this.fd);
    this.#onClose?.();
  }
}

/** One flow's connected socket. The kernel drops datagrams from strangers and reports a dead target. */
class LibcTargetSocket implements TargetSocket, PollHandler {
  readonly #poller: Poller;
  readonly #exchange: Exchange;
  readonly #onReply: TargetOptions["onReply"];
  readonly #onError: TargetOptions["onError"];
  readonly #fd: number;
  readonly #libc = openLibc().libc;
  readonly #errno = openLibc().errno;
  #closed = false;

  constructor(poller: Poller, target: Endpoint, options: TargetOptions) {
    this.#poller = poller;
    this.#exchange = exchangeOf(poller);
    this.#onReply = options.onReply;
    this.#onError = options.onError;
    const six = target.host.includes(":");
    this.#fd = openSocket(six ? abi.AF_INET6 : abi.AF_INET, abi.SOCK_DGRAM);
    enlargeReceiveBuffer(this.#fd);
    const name = encodeInet(target.host, target.port);
    if (this.#libc.connect(this.#fd, name, name.length) < 0) {
      const errno = this.#errno[0]!;
      this.#libc.close(this.#fd);
      throw libcError("connect", errno);
    }
    poller.add(this.#fd, abi.EPOLLIN, this);
  }

  send(bytes: Uint8Array): undefined {
    if (this.#closed) throw closedError();
    const flags = abi.MSG_DONTWAIT | abi.MSG_NOSIGNAL;
    if (this.#libc.send(this.#fd, bytes, bytes.length, flags) >= 0) return;
    throw libcError("send", this.#errno[0]!);
  }

  onEvents(): void {
    const { answered, replies } = this.#exchange;
    if (this.#exchange.usedReplies === BATCH) this.#exchange.recycle();
    const first = this.#exchange.usedReplies;
    const room = Math.min(REPLIES_PER_TURN, BATCH - first);
    const count = this.#libc.recvmmsg(
      this.#fd,
      answered.pointer(first),
      room,
      abi.MSG_DONTWAIT,
      null,
    );
    if (count < 0) {
      const errno = this.#errno[0]!;
      if (errno !== abi.EAGAIN) this.#onError(libcError("recvmmsg", errno));
      return;
    }
    this.#exchange.usedReplies += count;
    for (let i = first; i < first + count; i++) {
      const start = i * SLOT_BYTES;
      this.#onReply(replies.bytes.subarray(start, start + answered.received(i)));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#poller.close(this.#fd);
  }
}

/**
 * Binds a datagram socket that clients send to.
 *
 * @param poller The thread's loop
 * @param at The address to bind
 * @param options Whether others bind the same address, or the descriptor that is already bound to it
 * @returns The socket
 * @throws {LibcError} if the address cannot be bound
 */
export function bindLibc(
  poller: Poller,
  at: Endpoint,
  options: LibcBindOptions,
): DatagramSocket {
  return new LibcDatagramSocket(poller, at, options);
}

/**
 * Opens a socket for one flow.
 *
 * @param poller The thread's loop
 * @param target The target's IP literal and port
 * @param options What to do with replies
 * @returns The connected socket
 * @throws {LibcError} if no socket can be opened or the target cannot be reached
 */
export function dialLibc(poller: Poller, target: Endpoint, options: TargetOptions): TargetSocket {
  return new LibcTargetSocket(poller, target, options);
}
