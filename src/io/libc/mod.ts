/**
 * The socket interface over libc, by FFI: Linux with glibc, in a worker that blocks in epoll_wait. Knows no
 * protocol, route or limit.
 *
 * @module
 */

import { canonicalHost } from "../../wire/address.ts";
import type { Endpoint, Io } from "../mod.ts";
import { bindLibc, dialLibc } from "./datagram.ts";
import { classifyLibc } from "./errors.ts";
import { adopt, type InheritedSocket } from "./inherited.ts";
import { LibcListener } from "./listener.ts";
import { Poller, type PollerOptions } from "./poller.ts";
import { relayLibc } from "./relay.ts";
import { connectLibc, LibcStream } from "./stream.ts";

export { missingForLibc } from "./symbols.ts";

/** libc sockets, with the loop that drives them. */
export interface LibcIo extends Io {
  /** Started by the owner of the thread. */
  readonly poller: Poller;
}

/** What libc sockets are opened with. */
export interface LibcIoOptions extends PollerOptions {
  /** Sockets that are already bound. */
  readonly inherited?: readonly InheritedSocket[];
}

/**
 * Opens libc sockets for this thread.
 *
 * @param options Where open descriptors are marked, what to call on bugs, and which sockets are already
 * bound
 * @returns The implementation; nothing happens until its poller is started
 * @throws {Error} if libc cannot be opened; see {@linkcode missingForLibc}
 */
export function openLibcIo(options: LibcIoOptions): LibcIo {
  const poller = new Poller(options);
  const inherited = (transport: "tcp" | "udp", { host, port }: Endpoint) => {
    const found = options.inherited?.find((socket) =>
      socket.transport === transport && socket.local.port === port &&
      canonicalHost(socket.local.host) === canonicalHost(host)
    );
    return found === undefined ? undefined : adopt(found.fd);
  };
  return {
    name: "libc",
    poller,
    listen: (at, shared) =>
      new LibcListener(poller, at, { shared, inherited: inherited("tcp", at) }),
    bind: (at, shared) => bindLibc(poller, at, { shared, inherited: inherited("udp", at) }),
    dial: (target, options) => dialLibc(poller, target, options),
    connect: (to, attempt) => connectLibc(poller, to, attempt),
    relay(client, server, options) {
      if (!(client instanceof LibcStream && server instanceof LibcStream)) return false;
      relayLibc(client, server, options);
      return true;
    },
    classify: classifyLibc,
  };
}
