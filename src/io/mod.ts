/**
 * The narrow interface through which shunt meets the kernel: accept, connect, read, write,
 * half-close, close; receive, send. Knows no protocol, route or limit.
 *
 * @module
 */

/** A UDP peer, in the shape that the runtime's datagram sockets take and give. */
export interface DatagramAddress {
  readonly transport: "udp";
  /** IP literal as the socket shows it; may be IPv4-mapped on a dual-stack socket. */
  readonly hostname: string;
  readonly port: number;
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
  /** Stops listening; a pending {@linkcode accept} rejects. */
  close(): void;
}

/** What is done with the datagrams that a socket receives. */
export interface ReceiveOptions {
  /**
   * Takes a datagram; must not throw or reject.
   *
   * @param bytes The datagram, borrowed until the promise settles or, without one, until it returns
   * @param from Who sent it
   * @returns A promise where the bytes are still needed
   */
  readonly onDatagram: (bytes: Uint8Array, from: DatagramAddress) => Promise<unknown> | undefined;
  /** Is told of an error of receiving; the socket goes on. */
  readonly onError: (error: unknown) => void;
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
   * Sends one datagram.
   *
   * @param bytes The datagram; belongs to the socket until the promise settles
   * @param to Whom to send it: an address that this socket's receiving gave
   * @throws {Error} when the socket was closed or cannot send
   */
  send(bytes: Uint8Array, to: DatagramAddress): Promise<unknown>;
  /** Closes the socket; may be called again, never throws. */
  close(): void;
}

/** What a flow does with what comes from its target. */
export interface TargetOptions {
  /** Takes a datagram of the target's, borrowed until the promise settles; must not reject. */
  readonly onReply: (bytes: Uint8Array) => Promise<unknown>;
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
   * @throws {Error} when the socket broke or was closed
   */
  send(bytes: Uint8Array): Promise<unknown>;
  /** Closes the socket; may be called again, never throws. */
  close(): void;
}

/** What a failed socket call means to shunt. */
export type IoFailure =
  | "refused"
  | "unreachable"
  | "timed_out"
  | "reset"
  | "closed"
  | "no_descriptors"
  | "other";

/** An implementation of the socket interface. */
export interface Io {
  readonly name: "deno" | "libc";
  /**
   * Binds and listens.
   *
   * @throws {Error} when the address cannot be bound
   */
  listen(at: Endpoint): StreamListener;
  /**
   * Binds a datagram socket.
   *
   * @throws {Error} when the address cannot be bound
   */
  bind(at: Endpoint): DatagramSocket;
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
   * @param signal Gives the attempt up
   * @throws {Error} when the target cannot be reached; see {@linkcode Io.classify}
   */
  connect(to: StreamAddress, signal: AbortSignal): Promise<Stream>;
  /** Tells what an error of this implementation's sockets means. */
  classify(error: unknown): IoFailure;
}
