/**
 * The narrow interface between shunt and the kernel: accept, connect, read, write, half-close, close;
 * receive, send. Knows no protocol, route or limit.
 *
 * @module
 */

import type { Attempt } from "./attempt.ts";

/** A UDP peer, in the shape that the runtime's datagram sockets use. */
export interface DatagramAddress {
  readonly transport: "udp";
  /** IP literal as the socket shows it; may be IPv4-mapped on a dual-stack socket. */
  readonly hostname: string;
  readonly port: number;
  /** The address of this host that the peer sent to, if the socket is bound to all and can report it. */
  readonly local?: string;
}

/** Where to connect to: an IP literal and port, or the path of a Unix socket. */
export type StreamAddress =
  | { readonly kind: "inet"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Host and port of one end of a stream; port 0 and an empty host for a Unix socket. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** One connection. Reads and writes may run at once, but one of each at a time. */
export interface Stream {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /**
   * Reads available bytes, waiting for at least one.
   *
   * @param buffer Takes the bytes; belongs to the stream until the promise settles
   * @returns Number of bytes, at least 1, or `null` at the end of the stream
   * @throws {Error} if the connection broke or was closed; see {@linkcode Io.classify}
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Reads available bytes without a promise, if the implementation can. Must not be called while a
   * {@linkcode read} waits.
   *
   * @param buffer Takes the bytes
   * @returns Number of bytes, `null` at the end of the stream, or `undefined` if there are none yet
   * @throws {Error} if the connection broke or was closed
   */
  tryRead?(buffer: Uint8Array): number | null | undefined;
  /**
   * Writes as much as the socket takes, waiting until it takes at least one byte.
   *
   * @param bytes The bytes; belong to the stream until the promise settles
   * @returns Number of bytes written
   * @throws {Error} if the connection broke or was closed
   */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the sending direction (FIN); reading goes on. */
  closeWrite(): Promise<void>;
  /** Sends small writes immediately from now on (TCP_NODELAY). Does nothing if it has no meaning. */
  setNoDelay(): void;
  /** Closes both directions; may be called again, never throws. */
  close(): void;
  /** Closes so that the other side sees a reset (RST), if the implementation can. */
  reset?(): void;
  /**
   * Returns how many written bytes the other side has not acknowledged, if the implementation can. A sent
   * end counts as one byte until it is acknowledged. Returns 0 once nothing can arrive any more,
   * `undefined` if unknown.
   */
  unsent?(): number | undefined;
  /**
   * Closes and drops unsent bytes, if the implementation can; the other side sees a reset. Returns `false`
   * if another call is needed a little later.
   */
  abandon?(): boolean;
}

/** Some of the sockets that share an address, in the order of binding. */
export interface SocketShare {
  readonly first: number;
  readonly count: number;
}

/** A bound and listening socket. */
export interface StreamListener {
  readonly local: Endpoint;
  /**
   * Waits for the next connection; one call at a time.
   *
   * @throws {Error} if the listener was closed or the process has no descriptor left
   */
  accept(): Promise<Stream>;
  /**
   * Returns a waiting connection without a promise, if the implementation can; `undefined` if
   * {@linkcode accept} is needed.
   *
   * @throws {Error} if the process has no descriptor left
   */
  tryAccept?(): Stream | undefined;
  /** Stops listening; a pending {@linkcode accept} rejects. */
  close(): void;
  /**
   * Directs all new connections to some of the sockets that share the address, if the implementation can.
   *
   * @param share Which; `undefined` for all of them again
   * @throws {Error} if the kernel refuses
   */
  steer?(share: SocketShare | undefined): void;
}

/** What to do with the datagrams that a socket receives. */
export interface ReceiveOptions {
  /**
   * Takes a datagram; must not throw or reject.
   *
   * @param bytes The datagram, borrowed until the promise settles or, without one, until it returns
   * @param from The sender, borrowed as well; see {@linkcode DatagramSocket.keep}
   * @returns A promise if the bytes are still needed
   */
  readonly onDatagram: (bytes: Uint8Array, from: DatagramAddress) => Promise<unknown> | undefined;
  /** Called if a datagram could not be sent after {@linkcode DatagramSocket.send} had returned. */
  readonly onUndeliverable: (to: DatagramAddress, error: unknown) => void;
  /** Called if receiving fails; the socket goes on. */
  readonly onError: (error: unknown) => void;
}

/** A socket of the same address for a single peer. */
export interface Pin {
  /** Closes it. Datagrams that were not read are lost. */
  close(): void;
  /**
   * Gives up what the peer sends from now on, passes on what has come before, and closes the socket. Must
   * not be called while a datagram is being taken.
   */
  leave(): void;
}

/** A bound datagram socket. */
export interface DatagramSocket {
  readonly local: Endpoint;
  /**
   * Receives datagrams until the socket is closed.
   *
   * @param options What to do with them
   * @returns Settles once the socket is closed and no datagram is being processed
   */
  receive(options: ReceiveOptions): Promise<void>;
  /**
   * Copies a borrowed address so that it stays valid.
   *
   * @param from An address from {@linkcode ReceiveOptions.onDatagram}
   * @returns An address to send to
   */
  keep(from: DatagramAddress): DatagramAddress;
  /**
   * Sends one datagram.
   *
   * @param bytes The datagram; belongs to the socket until the promise settles or, without one, until the
   * call that gave the bytes returns
   * @param to The receiver: an address that was kept
   * @returns A promise if sending takes time
   * @throws {Error} if the socket was closed or cannot send; the promise may reject likewise
   */
  send(bytes: Uint8Array, to: DatagramAddress): Promise<unknown> | undefined;
  /** Closes the socket; may be called again, never throws. */
  close(): void;
  /** Like {@linkcode StreamListener.steer}, for datagrams. */
  steer?(share: SocketShare | undefined): void;
  /**
   * Keeps receiving from one peer, whichever socket gets other senders' datagrams, if the implementation
   * can.
   *
   * @param peer An address that was kept
   * @returns Ends it
   * @throws {Error} if no socket is left
   */
  pin?(peer: DatagramAddress): Pin;
}

/** What a flow does with datagrams from its target. */
export interface TargetOptions {
  /** Takes a datagram from the target, borrowed until the promise settles; must not reject. */
  readonly onReply: (bytes: Uint8Array) => Promise<unknown> | undefined;
  /** Called for a datagram from any other sender. */
  readonly onStranger: () => void;
  /** Called if the socket broke, for example because the target is gone. */
  readonly onError: (error: unknown) => void;
}

/** One flow's socket to its target. */
export interface TargetSocket {
  /**
   * Sends a datagram to the target.
   *
   * @param bytes The datagram, borrowed until the promise settles
   * @returns A promise if sending takes time
   * @throws {Error} if the socket broke or was closed; the promise may reject likewise
   */
  send(bytes: Uint8Array): Promise<unknown> | undefined;
  /** Closes the socket; may be called again, never throws. */
  close(): void;
}

/** The meaning of a failed socket call. */
export type IoFailure =
  | "refused"
  /** There is no route to the network. */
  | "unreachable"
  /** There is a route, but the host does not answer. */
  | "host_unreachable"
  | "timed_out"
  | "reset"
  | "closed"
  | "no_descriptors"
  /** The address is in use. */
  | "in_use"
  /** The process lacks permission. */
  | "denied"
  /** This datagram cannot be sent, but others may be. */
  | "not_sent"
  | "other";

/** The progress of a relay, which its owner reads. */
export interface RelayProgress {
  /** Bytes delivered to the target. */
  up: number;
  /** Bytes delivered to the client. */
  down: number;
  /** Coarse time of the last bytes. */
  lastActive: number;
}

/** What a relay needs besides its streams. */
export interface StreamRelayOptions {
  /** Updated by the relay. */
  readonly progress: RelayProgress;
  /** The coarse time. */
  readonly clock: { readonly now: number };
  /** Sent to the target first; borrowed for the call only. */
  readonly first: Uint8Array;
  /** Whether the client has ended its sending direction. */
  readonly ended: boolean;
  /** Called once, when both directions have ended or one broke; the streams are still open. */
  readonly onEnd: (outcome: "done" | "client_reset" | "target_reset", error?: unknown) => void;
}

/** An implementation of the socket interface. */
export interface Io {
  readonly name: "deno" | "libc";
  /**
   * Binds and listens.
   *
   * @param at The address to bind
   * @param shared Whether other workers bind the same address
   * @throws {Error} if the address cannot be bound
   */
  listen(at: Endpoint, shared: boolean): StreamListener;
  /**
   * Binds a datagram socket.
   *
   * @param at The address to bind
   * @param shared Whether other workers bind the same address
   * @throws {Error} if the address cannot be bound
   */
  bind(at: Endpoint, shared: boolean): DatagramSocket;
  /**
   * Opens a socket for one flow and receives its target's replies.
   *
   * @param target The target's IP literal, written as sockets do, and port
   * @param options What to do with replies
   * @throws {Error} if no socket can be opened
   */
  dial(target: Endpoint, options: TargetOptions): TargetSocket;
  /**
   * Connects.
   *
   * @param to IP literal and port, or path of a Unix socket; names are resolved earlier
   * @param attempt Lets the caller give up
   * @returns The connection, without a promise if it is established immediately
   * @throws {Error} if the target cannot be reached, see {@linkcode Io.classify}; the promise may reject
   * likewise
   */
  connect(to: StreamAddress, attempt: Attempt): Stream | Promise<Stream>;
  /**
   * Copies both ways without a promise per read, if the implementation can. Half-close is kept, and a
   * direction that the target no longer takes does not stop the other.
   *
   * @param client The client's connection; a pending read returns 0 and has taken nothing
   * @param server The target's connection
   * @param options What to send first, and what to call
   * @returns Whether it has taken the streams over
   */
  relay?(client: Stream, server: Stream, options: StreamRelayOptions): boolean;
  /** Returns the meaning of an error of this implementation's sockets. */
  classify(error: unknown): IoFailure;
}
