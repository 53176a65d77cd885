/**
 * The admin address: binds it, protects it, changes it at a reload. Knows addresses and the life of a
 * server, nothing about the requests' meaning.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { AdminConfig } from "../config/check_admin.ts";
import { messageOf } from "../errors.ts";
import type { AdminMeasures, DisplacedCounts } from "../observe/metrics/measures.ts";
import type { Prepared } from "../prepared.ts";
import { type Api, makeApi } from "./api.ts";
import type { Guard } from "./auth.ts";
import { bindAdmin, type BoundAdmin, isSameBind } from "./bind.ts";
import type { Control } from "./control.ts";
import { Displaced } from "./displaced.ts";
import { HttpServer } from "./http.ts";
import { readToken } from "./token.ts";

const logger = getLogger(["shunt", "admin"]);

/** Answered before all others: a late "no" gets shunt restarted or taken out of service. */
const URGENT_PATHS: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/** One bound address with its server. */
interface Running {
  readonly config: AdminConfig;
  readonly bound: BoundAdmin;
  readonly server: HttpServer;
  guard: Guard;
}

/**
 * Starts the admin address.
 *
 * @param config The configuration's admin part; null starts nothing until a reload sets it
 * @param control The running shunt
 * @param options Whether another shunt may still have the address, which this one takes over from
 * @returns The admin address
 * @throws {ShuntError} with code `bad_token_file` or `bind_failed`
 */
export async function startAdmin(
  config: AdminConfig | null,
  control: Control,
  { takeOver = false }: { readonly takeOver?: boolean } = {},
): Promise<Admin> {
  const admin = new Admin(control, takeOver);
  (await admin.prepare(config)).commit();
  return admin;
}

/** A running admin address; {@linkcode startAdmin} starts one. */
export class Admin implements AsyncDisposable, AdminMeasures {
  readonly #api: Api;
  /** Holds for the first address only; no other shunt has later ones. */
  #takeOver: boolean;
  #running: Running | undefined;
  readonly #closing = new Set<Promise<void>>();
  readonly #displaced = new Displaced();

  /**
   * @param control What runs
   * @param takeOver Whether its first address may be another shunt's still
   */
  constructor(control: Control, takeOver: boolean) {
    this.#api = makeApi(control);
    this.#takeOver = takeOver;
  }

  /** `IP:PORT` with the real port, `unix:PATH`, or null if the admin address is off. */
  get address(): string | null {
    return this.#running?.bound.address ?? null;
  }

  /** Clients that lost their place, by what it was for. */
  get displaced(): DisplacedCounts {
    return this.#displaced.counts;
  }

  /** Number of connections. */
  get connections(): number {
    return this.#running?.server.size ?? 0;
  }

  /**
   * Prepares a new configuration: reads its token, and binds its address if it has changed.
   *
   * @param config The configuration's admin part
   * @returns The prepared change. Connections of an address that is given up may finish their requests
   * @throws {ShuntError} with code `bad_token_file` or `bind_failed`; nothing has changed
   */
  async prepare(config: AdminConfig | null): Promise<Prepared<void, Promise<void>>> {
    const before = this.#running;
    const token = await readToken(config?.token_file);
    if (config !== null && before !== undefined && isSameBind(config.bind, before.config.bind)) {
      return {
        commit: () => before.guard = { bind: config.bind, token },
        abort: () => Promise.resolve(),
      };
    }
    const next = config === null ? undefined : await this.#start(config, token);
    return {
      commit: () => {
        this.#running = next;
        if (before !== undefined) this.#leave(before);
      },
      abort: () => next === undefined ? Promise.resolve() : stop(next),
    };
  }

  async #start(config: AdminConfig, token: string | undefined): Promise<Running> {
    const bound = await bindAdmin(config.bind, {
      takeOver: this.#takeOver,
      own: this.#running?.bound.address,
    });
    this.#takeOver = false;
    const { address } = bound;
    const server = new HttpServer(bound.listener, {
      handler: (request, source) => this.#api(request, { source, guard: running.guard, address }),
      isUrgent: (path) => URGENT_PATHS.has(path),
      onDisplaced: (what) => this.#displaced.add(what),
      onError: (error) =>
        logger.error("Cannot accept at the admin address", { address, error: messageOf(error) }),
    });
    const running: Running = { config, bound, server, guard: { bind: config.bind, token } };
    return running;
  }

  #leave(running: Running): void {
    const done = stop(running).finally(() => this.#closing.delete(done));
    this.#closing.add(done);
  }

  /** Closes the address. Pending answers get a second. */
  async close(): Promise<void> {
    if (this.#running !== undefined) this.#leave(this.#running);
    this.#running = undefined;
    await Promise.all(this.#closing);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function stop({ server, bound }: Running): Promise<void> {
  await bound.release();
  await server.close();
}
