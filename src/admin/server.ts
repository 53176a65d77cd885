/**
 * The admin address: binds it, guards it, changes it at a reload. Knows addresses and the life of a
 * server, nothing of what is asked.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { AdminConfig } from "../config/check_admin.ts";
import { messageOf } from "../errors.ts";
import type { AdminMeasures, DisplacedCounts } from "../observe/metrics/measures.ts";
import type { Prepared } from "../prepared.ts";
import type { Api } from "./api.ts";
import { makeApi } from "./api.ts";
import type { Guard } from "./auth.ts";
import { bindAdmin, type BoundAdmin, isSameBind } from "./bind.ts";
import type { Control } from "./control.ts";
import { Displaced } from "./displaced.ts";
import { HttpServer } from "./http.ts";
import { readToken } from "./token.ts";

const logger = getLogger(["shunt", "admin"]);

/** Answered before all else: what says "no" too late has shunt restarted or taken out. */
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
 * @param config The configuration's admin part; null starts nothing, until a reload asks for it
 * @param control What runs
 * @param options Whether the address may be another shunt's still, which this one takes over from
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
  /** Of the first address; those of later ones are nobody's. */
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

  /** `IP:PORT` with the real port, `unix:PATH`, or null where the admin address is off. */
  get address(): string | null {
    return this.#running?.bound.address ?? null;
  }

  /** Clients that lost their place, by what it was for. */
  get displaced(): DisplacedCounts {
    return this.#displaced.counts;
  }

  /** Connections that there are. */
  get connections(): number {
    return this.#running?.server.size ?? 0;
  }

  /**
   * Makes another configuration ready: reads its token, binds its address where that is another.
   *
   * @param config The configuration's admin part
   * @returns What takes it or gives it up. The connections of an address that is left may finish what they
   * asked.
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
      handler: (request, source) =>
        this.#api.fetch(request, { source, guard: running.guard, address }),
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

  /** Closes the address; answers under way get a second. */
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
