/**
 * Binds the admin address: a TCP address, or a Unix socket that only its owner may use. Knows nothing about
 * what is served.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { messageOf, ShuntError } from "../errors.ts";
import { boundHost, formatAddress, overlaps, parseSocketAddress } from "../wire/address.ts";

/** A connection that finds the queue full is retried a second later, too late for health checks. */
const BACKLOG = 4096;

/** Who may already have bound the address. */
export interface BindOptions {
  /** Whether another shunt may have bound it, which this one takes over from. */
  readonly takeOver: boolean;
  /** `IP:PORT` or `unix:PATH` that this process has bound. */
  readonly own?: string | undefined;
}

/** A bound admin address. */
export interface BoundAdmin {
  readonly listener: Deno.Listener;
  /** `IP:PORT` with the real port, or `unix:PATH`. */
  readonly address: string;
  /** Removes its file, unless another process has replaced it. */
  release(): Promise<void>;
}

/**
 * Binds the admin address.
 *
 * @param bind `IP:PORT` or `unix:PATH`
 * @param options Who may already have bound it
 * @returns The bound address
 * @throws {ShuntError} with code `bind_failed`
 */
export async function bindAdmin(bind: string, options: BindOptions): Promise<BoundAdmin> {
  try {
    return bind.startsWith("unix:")
      ? await bindUnix(bind.slice("unix:".length), options)
      : bindTcp(bind, options);
  } catch (error) {
    throw new ShuntError(`Cannot bind the admin address ${bind}: ${explain(error)}`, {
      code: "bind_failed",
      context: { address: bind },
      cause: error,
    });
  }
}

/** Reports whether two texts, `IP:PORT` or `unix:PATH`, mean the same admin address. */
export function isSameBind(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [parseSocketAddress(one), parseSocketAddress(other)];
  return typeof a !== "string" && typeof b !== "string" && a.port === b.port &&
    boundHost(a.host) === boundHost(b.host);
}

function explain(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return "the address is in use; stop what listens there, choose another admin.bind, or turn it " +
      'off with "admin: null"';
  }
  if (error instanceof Deno.errors.AddrNotAvailable) return "the address is none of this host's";
  return messageOf(error);
}

function bindTcp(bind: string, { takeOver, own }: BindOptions): BoundAdmin {
  const parsed = parseSocketAddress(bind);
  if (typeof parsed === "string") throw new TypeError(parsed);
  const { port } = parsed;
  const hostname = boundHost(parsed.host);
  const isOwn = own !== undefined && overlaps(parsed, [own]);
  // The port is shared so that another shunt can take over. Without this check it could silently be shared
  // with any process.
  if (!takeOver && !isOwn && port !== 0) Deno.listen({ hostname, port }).close();
  const reusePort = Deno.build.os === "linux";
  const listener = Deno.listen({ hostname, port, reusePort, tcpBacklog: BACKLOG });
  return {
    listener,
    address: formatAddress(hostname, listener.addr.port),
    release: () => Promise.resolve(),
  };
}

async function bindUnix(path: string, { takeOver }: BindOptions): Promise<BoundAdmin> {
  if (!takeOver && await isAnswered(path)) throw new Deno.errors.AddrInUse();
  const old = await statOf(path);
  if (old !== undefined && !old.isSocket) throw new Error("there is a file that is no socket");
  // Bound in a folder that only this user can enter, and moved once its mode is right. So no other user can
  // connect in between, and a client finds either the old socket or the new one.
  const privately = await Deno.makeTempDir({ dir: dirname(path), prefix: `.${basename(path)}-` });
  const bound = join(privately, "s");
  let listener: Deno.UnixListener | undefined;
  try {
    listener = Deno.listen({ transport: "unix", path: bound });
    await Deno.chmod(bound, 0o600);
    const own = await Deno.lstat(bound);
    await Deno.rename(bound, path);
    return { listener, address: `unix:${path}`, release: () => removeOwn(path, own) };
  } catch (error) {
    listener?.close();
    throw error;
  } finally {
    await Deno.remove(privately, { recursive: true });
  }
}

async function removeOwn(path: string, own: Deno.FileInfo): Promise<void> {
  const now = await statOf(path).catch(() => undefined);
  if (now?.ino === own.ino && now.dev === own.dev) await Deno.remove(path).catch(() => {});
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Reports whether a process serves a socket, or it is only a leftover file. */
async function isAnswered(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    // Its queue is full.
    return error instanceof Deno.errors.WouldBlock;
  }
}
