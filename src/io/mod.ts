/**
 * The narrow interface through which shunt meets the kernel: accept, connect, read, write,
 * half-close, close; receive, send. Knows no protocol, route or limit.
 *
 * @module
 */

import type { Attempt } from "./attempt.ts";

/** A UDP peer, in the shape that the runtime's datagram sockets take and give. */
export interface DatagramAddress {
  readonly transport: "udp";
  /** IP literal as the socket shows it; may be IPv4-mapped on a dual-stack socket. */
  readonly hostname: string;
  readonly port: number;
  /** Which address of this host's it wrote to, where the socket is bound to all and can tell. */
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
   * Reads what is there.
   *
   * @param buffer Takes the bytes; belongs to the stream until the promise settles
   * @returns Number of bytes, at least 1, or `null` at the end of the stream
   * @throws {Error} when the connection broke or was closed; see {@linkcode Io.classify}
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Reads what is there without a promise, where the implementation can; not while a
   * {@linkcode read} waits.
   *
   * @param buffer Takes the bytes
   * @returns Number of bytes, `null` at the end of the stream, or `undefined` where there is nothing yet
   * @throws {Error} when the connection broke or was closed
   */
  tryRead?(buffer: Uint8Array): number | null | undefined;
  /**
   * Writes as much as the socket takes, waiting until it takes at least one byte.
   *
   * @param bytes The bytes; belong to the stream until the promise settles
   * @returns Number of bytes written
   * @throws {Error} when the connection broke or was closed
   */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends the sending direction (FIN); reading goes on. */
  closeWrite(): Promise<void>;
  /** Sends small writes at once from now on (TCP_NODELAY); does nothing where it has no meaning. */
  setNoDelay(): void;
  /** Closes both directions; may be called again, never throws. */
  close(): void;
  /** Closes so that the other side sees a reset (RST), where the implementation can. */
  reset?(): void;
  /**
   * Reports how much of what was written the other side has not acknowledged, if the implementation
   * can. A sent end counts as one byte until it is acknowledged.
   *
   * @returns Number of bytes, 0 once nothing can arrive any more; `undefined` if it cannot be found out
   */
  unsent?(): number | undefined;
  /**
   * Closes and drops what has not been sent yet, if the implementation can: the other side sees a
   * reset.
   *
   * @returns Whether it is closed; `false` if it takes another call, a little later
   */
  abandon?(): boolean;
}

/** Some of the sockets that share an address, in the order in which they were bound. */
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
   * @throws {Error} when the listener was closed or the process has no descriptor left
   */
  accept(): Promise<Stream>;
  /**
   * Gives a connection that is there without a promise, where the implementation can.
   *
   * @returns The connection, or `undefined` where {@linkcode accept} has to be asked
   * @throws {Error} when the process has no descriptor left
   */
  tryAccept?(): Stream | undefined;
  /** Stops listening; a pending {@linkcode accept} rejects. */
  close(): void;
  /**
   * Has some of the sockets that share the address get all new connections, where the implementation
   * can.
   *
   * @param share Which; `undefined` lets all have their share again
   * @throws {Error} if the kernel refuses
   */
  steer?(share: SocketShare | undefined): void;
}

/** What is done with the datagrams that a socket receives. */
export interface ReceiveOptions {
  /**
   * Takes a datagram; must not throw or reject.
   *
   * @param bytes The datagram, borrowed until the promise settles or, without one, until it returns
   * @param from Who sent it, borrowed as well; see {@linkcode DatagramSocket.keep}
   * @returns A promise where the bytes are still needed
   */
  readonly onDatagram: (bytes: Uint8Array, from: DatagramAddress) => Promise<unknown> | undefined;
  /** Is told of a datagram that could not be sent after {@linkcode DatagramSocket.send} returned. */
  readonly onUndeliverable: (to: DatagramAddress, error: unknown) => void;
  /** Is told of an error of receiving; the socket goes on. */
  readonly onError: (error: unknown) => void;
}

/** A socket of the same address for one peer alone. */
export interface Pin {
  /** Closes it; what has come and was not read is lost. */
  close(): void;
  /**
   * Lets others have what the peer sends from now on, gives out what has come before, and closes it. Not to
   * be called where a datagram is being taken.
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
   * @returns A promise that settles once the socket is closed and nothing is under way
   */
  receive(options: ReceiveOptions): Promise<void>;
  /**
   * Makes an address that was borrowed last.
   *
   * @param from An address that {@linkcode ReceiveOptions.onDatagram} was given
   * @returns An address to send to
   */
  keep(from: DatagramAddress): DatagramAddress;
  /**
   * Sends one datagram.
   *
   * @param bytes The datagram; belongs to the socket until the promise settles or, without one, until
   * the call that gave the bytes returns
   * @param to Whom to send it: an address that was kept
   * @returns A promise where sending takes its time
   * @throws {Error} when the socket was closed or cannot send; the promise may reject likewise
   */
  send(bytes: Uint8Array, to: DatagramAddress): Promise<unknown> | undefined;
  /** Closes the socket; may be called again, never throws. */
  close(): void;
  /** As {@linkcode StreamListener.steer}, for datagrams. */
  steer?(share: SocketShare | undefined): void;
  /**
   * Keeps hearing one peer, whoever gets what others send to the address, where the implementation
   * can.
   *
   * @param peer An address that was kept
   * @returns What ends it
   * @throws {Error} if no socket is left
   */
  pin?(peer: DatagramAddress): Pin;
}

/** What a flow does with what comes from its target. */
export interface TargetOptions {
  /** Takes a datagram of the target's, borrowed until the promise settles; must not reject. */
  readonly onReply: (bytes: Uint8Array) => Promise<unknown> | undefined;
  /** Is told of a datagram that someone else sent. */
  readonly onStranger: () => void;
  /** Is told that the socket broke: the target is gone, say. */
  readonly onError: (error: unknown) => void;
}

/** One flow's way to its target. */
export interface TargetSocket {
  /**
   * Sends a datagram to the target.
   *
   * @param bytes The datagram, borrowed until the promise settles
   * @returns A promise where sending takes its time
   * @throws {Error} when the socket broke or was closed; the promise may reject likewise
   */
  send(bytes: Uint8Array): Promise<unknown> | undefined;
  /** Closes the socket; may be called again, never throws. */
  close(): void;
}

/** What a failed socket call means to shunt. */
export type IoFailure =
  | "refused"
  /** There is no way to the network that it lies in. */
  | "unreachable"
  /** There is one, and the host does not answer there. */
  | "host_unreachable"
  | "timed_out"
  | "reset"
  | "closed"
  | "no_descriptors"
  /** The address is taken. */
  | "in_use"
  /** The process may not do this. */
  | "denied"
  /** This datagram cannot be sent, others may. */
  | "not_sent"
  | "other";

/** How far a relay has come; its owner reads it. */
export interface RelayProgress {
  /** Bytes delivered to the target. */
  up: number;
  /** Bytes delivered to the client. */
  down: number;
  /** Coarse time at which bytes moved last. */
  lastActive: number;
}

/** What a relay needs beside its streams. */
export interface StreamRelayOptions {
  /** Is kept up to date. */
  readonly progress: RelayProgress;
  /** The coarse time. */
  readonly clock: { readonly now: number };
  /** Goes to the target first; borrowed for the call only. */
  readonly first: Uint8Array;
  /** Whether the client has ended its sending direction. */
  readonly ended: boolean;
  /** Is called once, when both directions have ended or one broke; the streams are still open. */
  readonly onEnd: (outcome: "done" | "client_reset" | "target_reset", error?: unknown) => void;
}

/** An implementation of the socket interface. */
export interface Io {
  readonly name: "deno" | "libc";
  /**
   * Binds and listens.
   *
   * @param at What to bind to
   * @param shared Whether other workers bind the same address
   * @throws {Error} when the address cannot be bound
   */
  listen(at: Endpoint, shared: boolean): StreamListener;
  /**
   * Binds a datagram socket.
   *
   * @param at What to bind to
   * @param shared Whether other workers bind the same address
   * @throws {Error} when the address cannot be bound
   */
  bind(at: Endpoint, shared: boolean): DatagramSocket;
  /**
   * Opens a socket for one flow and receives what its target answers.
   *
   * @param target The target's IP literal, as sockets spell it, and port
   * @param options What to do with answers
   * @throws {Error} when no socket can be opened
   */
  dial(target: Endpoint, options: TargetOptions): TargetSocket;
  /**
   * Connects.
   *
   * @param to IP literal and port, or path of a Unix socket: names are resolved before
   * @param attempt Lets the caller give up
   * @returns The connection, at once where it stands at once
   * @throws {Error} when the target cannot be reached, see {@linkcode Io.classify}; the promise may
   * reject likewise
   */
  connect(to: StreamAddress, attempt: Attempt): Stream | Promise<Stream>;
  /**
   * Copies both ways without a promise a read, where the implementation can: half-close is kept, and
   * a direction that the target no longer takes does not stop the other.
   *
   * @param client The client's connection; a read under way gives 0, having taken nothing
   * @param server The target's connection
   * @param options What goes first, and whom to tell
   * @returns Whether it has taken the streams over
   */
  relay?(client: Stream, server: Stream, options: StreamRelayOptions): boolean;
  /** Reports what an error of this implementation's sockets means. */
  classify(error: unknown): IoFailure;
}
