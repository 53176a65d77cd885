/**
 * The socket interface over libc, by FFI: Linux with glibc, in a worker that blocks in epoll_wait.
 * Knows no protocol, route or limit.
 *
 * @module
 */

import type { Io } from "../mod.ts";
import { bindLibc, dialLibc } from "./datagram.ts";
import { classifyLibc } from "./errors.ts";
import { Poller, type PollerOptions } from "./poller.ts";
import { relayLibc } from "./relay.ts";
import { connectLibc, LibcListener, LibcStream } from "./stream.ts";

export { missingForLibc } from "./symbols.ts";

/** libc sockets with the loop that drives them. */
export interface LibcIo extends Io {
  /** Started by whoever owns the thread. */
  readonly poller: Poller;
}

/**
 * Opens libc sockets for this thread.
 *
 * @param options Where open descriptors are marked, and whom to tell of bugs
 * @returns The implementation; nothing happens until its poller is started
 * @throws {Error} when libc cannot be opened; see {@linkcode missingForLibc}
 */
export function openLibcIo(options: PollerOptions): LibcIo {
  const poller = new Poller(options);
  return {
    name: "libc",
    poller,
    listen: (at, shared) => new LibcListener(poller, at, shared),
    bind: (at, shared) => bindLibc(poller, at, shared),
    dial: (target, options) => dialLibc(poller, target, options),
    connect: (to, signal) => connectLibc(poller, to, signal),
    relay(client, server, options) {
      if (!(client instanceof LibcStream && server instanceof LibcStream)) return false;
      relayLibc(client, server, options);
      return true;
    },
    classify: classifyLibc,
  };
}
