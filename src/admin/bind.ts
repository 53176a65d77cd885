/**
 * Binds the admin address: a TCP address, or a Unix socket that only its owner may use. Knows nothing
 * of what is served.
 *
 * @module
 */

import type { Server } from "node:http";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { messageOf, ShuntError } from "../errors.ts";
import { formatAddress, parseSocketAddress } from "../wire/address.ts";

/** Whether somebody else may have the address: a shunt that this one takes over from. */
export type BindMode = "exclusive" | "take_over";

/** A bound admin address. */
export interface BoundAdmin {
  /** `IP:PORT` with the real port, or `unix:PATH`. */
  readonly address: string;
  /** Removes what is left of it in the file system, unless it is somebody else's by now. */
  release(): Promise<void>;
}

/**
 * Binds a server.
 *
 * @param server The server
 * @param bind `IP:PORT` or `unix:PATH`
 * @param mode Whether somebody else may have the address
 * @returns Where it is
 * @throws {ShuntError} with code `bind_failed`
 */
export async function bindAdmin(
  server: Server,
  bind: string,
  mode: BindMode,
): Promise<BoundAdmin> {
  try {
    return bind.startsWith("unix:")
      ? await bindUnix(server, bind.slice("unix:".length), mode)
      : await bindTcp(server, bind, mode);
  } catch (error) {
    throw new ShuntError(`Cannot bind the admin address ${bind}: ${explain(error)}`, {
      code: "bind_failed",
      context: { address: bind },
      cause: error,
    });
  }
}

function explain(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") {
    return "the address is in use; stop who listens there, choose another admin.bind, or turn it " +
      'off with "admin: null"';
  }
  if (code === "EADDRNOTAVAIL") return "the address is none of this host's";
  return messageOf(error);
}

interface ListenOptions {
  readonly path?: string;
  readonly host?: string;
  readonly port?: number;
  readonly reusePort?: boolean;
}

function listen(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function bindTcp(server: Server, bind: string, mode: BindMode): Promise<BoundAdmin> {
  const parsed = parseSocketAddress(bind);
  if (typeof parsed === "string") throw new TypeError(parsed);
  const { port } = parsed;
  const host = parsed.host === "localhost" ? "127.0.0.1" : parsed.host;
  // The port is shared so that another shunt can take over; without this look it would be shared
  // with anybody's, and nobody would notice.
  if (mode === "exclusive") Deno.listen({ hostname: host, port }).close();
  await listen(server, { host, port, reusePort: Deno.build.os === "linux" });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("no port was given");
  return { address: formatAddress(host, address.port), release: () => Promise.resolve() };
}

async function bindUnix(server: Server, path: string, mode: BindMode): Promise<BoundAdmin> {
  if (mode === "exclusive" && await isAnswered(path)) {
    throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
  }
  const old = await statOf(path);
  if (old !== undefined && !old.isSocket) throw new Error("there is a file that is no socket");
  // Bound where only this user gets, and moved once its mode is right: nobody slips in between, and
  // whoever connects finds the old socket or the new one.
  const privately = await Deno.makeTempDir({ dir: dirname(path), prefix: `.${basename(path)}-` });
  const bound = join(privately, "s");
  try {
    await listen(server, { path: bound });
    await Deno.chmod(bound, 0o600);
    await Deno.rename(bound, path);
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await Deno.remove(privately, { recursive: true });
  }
  const own = await Deno.lstat(path);
  return {
    address: `unix:${path}`,
    async release() {
      const now = await statOf(path);
      if (now?.ino === own.ino && now.dev === own.dev) await Deno.remove(path).catch(() => {});
    },
  };
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Tells a socket that somebody serves from what is left of one. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
