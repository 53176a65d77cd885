/**
 * Notifies the service manager of shunt's state: the protocol of sd_notify(3). Knows its socket and its
 * lines, never what makes the proxy ready.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { messageOf } from "../errors.ts";
import { AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_DGRAM, SOCK_FLAGS } from "../io/libc/abi.ts";
import { isSocketError, libcError } from "../io/libc/errors.ts";
import { encodeUnix } from "../io/libc/sockaddr.ts";
import { missingForLibc, openLibc } from "../io/libc/symbols.ts";
import { within } from "../within.ts";

const logger = getLogger(["shunt", "notify"]);

/** Milliseconds between attempts while the manager's queue is full. */
const RETRY_MS = 50;
/** Attempts before a line is given up, after 5 s in all: a manager that is restarted takes less. */
const MAX_ATTEMPTS = 100;
/** Milliseconds that closing waits for lines under way: exiting must not hang on the manager. */
const CLOSE_MS = 1000;
const CLOCK_MONOTONIC = 1;

/** Sends to the manager's socket. */
export interface Sender {
  /** Sends a datagram. Returns a promise if that takes time. */
  send(bytes: Uint8Array): Promise<unknown> | undefined;
  close(): void;
}

/**
 * Opens the notifier of the service manager. Disposing of it waits for lines that are under way.
 *
 * @param env Reads a variable of the environment; for tests
 */
export function openNotifier(env: (name: string) => string | undefined = readEnv): Notifier {
  const name = env("NOTIFY_SOCKET");
  if (name === undefined || name === "") return new Notifier(undefined, undefined);
  try {
    return new Notifier(openSender(name), watchdogMs(env));
  } catch (error) {
    warn(error);
    return new Notifier(undefined, undefined);
  }
}

/** Reads the environment if that is allowed; otherwise Deno would ask at the terminal. */
function readEnv(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

/** Returns half the time after which the manager kills, as sd_watchdog_enabled(3) recommends. */
function watchdogMs(env: (name: string) => string | undefined): number | undefined {
  const pid = env("WATCHDOG_PID");
  if (pid !== undefined && pid !== String(Deno.pid)) return undefined;
  const usec = env("WATCHDOG_USEC");
  if (usec === undefined || !/^[0-9]{1,15}$/.test(usec)) return undefined;
  return Math.floor(Number(usec) / 2000) || undefined;
}

function warn(error: unknown): void {
  logger.warn("Cannot notify the service manager", { error: messageOf(error) });
}

function openSender(name: string): Sender {
  if (!/^[/@]./.test(name)) {
    throw new Error(`NOTIFY_SOCKET "${name}" is neither a path nor an abstract name`);
  }
  // An abstract name is one that begins with a zero byte, unix(7).
  const path = name.startsWith("@") ? `\0${name.slice(1)}` : name;
  // libc comes first, because Deno also needs permission to read, write and connect to the path.
  return missingForLibc() === undefined ? new LibcSender(path) : denoSender(path);
}

function denoSender(path: string): Sender {
  // Deno's datagram sockets need a name; an abstract one leaves no file behind.
  const socket = Deno.listenDatagram({
    transport: "unixpacket",
    path: `\0shunt-notify-${crypto.randomUUID()}`,
  });
  return {
    send: (bytes) => socket.send(bytes, { transport: "unixpacket", path }),
    close: () => socket.close(),
  };
}

class LibcSender implements Sender {
  readonly #to: Uint8Array<ArrayBuffer>;
  readonly #fd: number;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(path: string) {
    const name = encodeUnix(path);
    // An abstract name ends at the length, and zeros belong to it.
    this.#to = path.startsWith("\0") ? name.slice(0, -1) : name;
    const { libc, errno } = openLibc();
    this.#fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_FLAGS, 0);
    if (this.#fd < 0) throw libcError("socket", errno[0]!);
  }

  send(bytes: Uint8Array): Promise<void> | undefined {
    return this.#trySend(bytes) ? undefined : this.#retry(bytes);
  }

  async #retry(bytes: Uint8Array): Promise<void> {
    for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, RETRY_MS);
      });
      clearTimeout(timer);
      // Once it is closed, the descriptor's number may belong to another.
      if (this.#closed || this.#trySend(bytes)) return;
    }
    throw new Error("its socket accepts nothing");
  }

  #trySend(bytes: Uint8Array): boolean {
    const { libc, errno } = openLibc();
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const to = this.#to;
    if (libc.sendto(this.#fd, bytes as BufferSource, bytes.length, flags, to, to.length) >= 0) {
      return true;
    }
    const code = errno[0]!;
    if (isSocketError(code)) throw libcError("sendto", code);
    return false;
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
    openLibc().libc.close(this.#fd);
  }
}

/** Notifies the service manager. Does nothing if there is none, and never throws. */
export class Notifier implements AsyncDisposable {
  /** Milliseconds between calls of {@linkcode watchdog}; unset if the manager expects none. */
  readonly watchdogMs: number | undefined;
  readonly #pending: string[] = [];
  #sender: Sender | undefined;
  #pumping = false;
  #idle = Promise.resolve();
  #warned = false;

  /**
   * @param sender Sends to the manager, if there is one
   * @param watchdogMs Milliseconds between signs of life, if it expects any
   */
  constructor(sender: Sender | undefined, watchdogMs: number | undefined) {
    this.#sender = sender;
    this.watchdogMs = watchdogMs;
  }

  /** Reports that everything is bound, or that a reload has ended. `systemctl status` shows `status` from now on. */
  ready(status?: string): void {
    this.#send(status === undefined ? "READY=1" : `READY=1\nSTATUS=${oneLine(status)}`);
  }

  /** Reports that a reload begins; {@linkcode ready} ends it, whatever its outcome. */
  reloading(): void {
    const usec = monotonicUsec();
    this.#send(usec === undefined ? "RELOADING=1" : `RELOADING=1\nMONOTONIC_USEC=${usec}`);
  }

  /** Reports that draining has begun. */
  stopping(): void {
    this.#send("STOPPING=1");
  }

  /** Changes the line that `systemctl status` shows. */
  status(text: string): void {
    this.#send(`STATUS=${oneLine(text)}`);
  }

  /** Reports that the process is alive and well. */
  watchdog(): void {
    // A late sign of life is useless, and a line that waits already shows the same.
    if (this.#pending.length === 0) this.#send("WATCHDOG=1");
  }

  #send(text: string): void {
    if (this.#sender === undefined) return;
    this.#pending.push(text);
    if (!this.#pumping) this.#idle = this.#pump(this.#sender);
  }

  /** Sends pending lines in order. The first is sent before this returns, unless it has to wait. */
  async #pump(sender: Sender): Promise<void> {
    const encoder = new TextEncoder();
    this.#pumping = true;
    while (this.#pending.length > 0 && this.#sender !== undefined) {
      try {
        const sent = sender.send(encoder.encode(this.#pending[0]));
        if (sent !== undefined) await sent;
        this.#warned = false;
      } catch (error) {
        if (!this.#warned && this.#sender !== undefined) warn(error);
        this.#warned = true;
      }
      this.#pending.shift();
    }
    this.#pumping = false;
  }

  /** Waits for lines that are under way, and closes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    const sender = this.#sender;
    if (sender === undefined) return;
    await within(CLOSE_MS, this.#idle);
    this.#sender = undefined;
    sender.close();
  }
}

/** Makes a status one line: a second line would be another assignment. */
function oneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, " ");
}

/**
 * Returns the clock that the manager compares with its own, to distinguish this reload from an earlier one.
 * Deno has no such clock: without libc, `Type=notify-reload` cannot be used, `Type=notify` can.
 */
function monotonicUsec(): bigint | undefined {
  if (missingForLibc() !== undefined) return undefined;
  const time = new BigInt64Array(2);
  const { libc } = openLibc();
  if (libc.clock_gettime(CLOCK_MONOTONIC, new Uint8Array(time.buffer)) !== 0) return undefined;
  return time[0]! * 1_000_000n + time[1]! / 1000n;
}
