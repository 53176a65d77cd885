/**
 * The admin API as a function from request to answer: routes, refusals, headers. Knows no socket and no
 * operation.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type Context, Hono } from "hono";
import { stackOf } from "../errors.ts";
import { authorize, type Guard } from "./auth.ts";
import type { Control } from "./control.ts";
import { Refusal } from "./errors.ts";
import type { Call } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";

const logger = getLogger(["shunt", "admin"]);

/** Headers of every answer: it must not be cached, sniffed, framed, or load anything from elsewhere. */
const HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "no-referrer",
  "Server": "shunt",
  "X-Content-Type-Options": "nosniff",
};

/** Characters of a request's path that are repeated in answers and the log; a path may have 16 KiB. */
const MAX_PATH = 255;

/** The context of a request. */
export interface ApiEnv {
  /** The client's address. */
  readonly source: string;
  /** The protection of the admin address. */
  readonly guard: Guard;
  /** The admin address, with the real number of a port that was 0. */
  readonly address: string;
}

/** The admin API: answers a request in its context. Never rejects. */
export type Api = (request: Request, env: ApiEnv) => Promise<Response>;

type AppContext = Context<{ Bindings: ApiEnv }>;

/** Makes the API of a running shunt. */
export function makeApi(control: Control): Api {
  const app = new Hono<{ Bindings: ApiEnv }>();
  app.use(async (c, next) => {
    const { env, req } = c;
    authorize(
      { method: req.method, path: req.path, header: (name) => req.header(name) },
      env.guard,
    );
    await next();
    if (req.method === "GET" || req.method === "HEAD") return;
    const { status } = c.res;
    const path = shown(req.path);
    logger.info("Change asked for", { method: req.method, path, status, source: env.source });
  });
  for (const { method, path, run } of OPERATIONS) {
    app.on(method, toPattern(path), (c) => run(callOf(c, control)));
  }
  for (const path of new Set(OPERATIONS.map(({ path }) => path))) {
    app.all(toPattern(path), (c) => {
      const methods = OPERATIONS.filter((other) => other.path === path).map((o) => o.method);
      const allowed = methods.flatMap((m) => m === "GET" ? ["GET", "HEAD"] : [m]).join(", ");
      const message = `${c.req.method} does nothing here; use ${allowed}`;
      const body = new Refusal(405, "method_not_allowed", message).body;
      return c.json(body, 405, { Allow: allowed });
    });
  }
  app.notFound((c) => {
    const message = `There is nothing at ${
      JSON.stringify(shown(c.req.path))
    }; "/" lists what there is`;
    return c.json(new Refusal(404, "not_found", message).body, 404);
  });
  app.onError((error, c) => {
    if (error instanceof Refusal) return refuse(error, c);
    logger.error("Internal error", { path: shown(c.req.path), error: stackOf(error) });
    return refuse(new Refusal(500, "internal", "Internal error; the log has more"), c);
  });
  return async (request, env) => {
    const response = await app.fetch(request, env);
    for (const [name, value] of Object.entries(HEADERS)) {
      // The page has its own policy.
      if (!response.headers.has(name)) response.headers.set(name, value);
    }
    return response;
  };
}

/** Cuts a path to the part that answers and the log repeat. */
function shown(path: string): string {
  return path.length <= MAX_PATH ? path : `${path.slice(0, MAX_PATH)}…`;
}

/** Writes a path with parameters in hono's syntax. A target may contain slashes. */
function toPattern(path: string): string {
  return path.replace("{target}", ":target{.+}").replaceAll(/\{(\w+)\}(?=\/|$)/g, ":$1");
}

function refuse(refusal: Refusal, c: AppContext): Response {
  if (refusal.status === 401) c.header("WWW-Authenticate", 'Bearer realm="shunt"');
  return c.json(refusal.body, refusal.status);
}

function callOf(c: AppContext, control: Control): Call {
  return {
    control,
    address: c.env.address,
    header: (name) => c.req.header(name),
    param: (name) => c.req.param(name) ?? "",
    query: c.req.query(),
    async json() {
      try {
        return JSON.parse(await c.req.text()) as unknown;
      } catch {
        throw new Refusal(400, "bad_json", 'The body is not JSON; send such as {"state": "drain"}');
      }
    },
  };
}
