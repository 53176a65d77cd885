/**
 * Decides which requests the admin address allows: by tokens, and by rules that keep other sites' web pages
 * out. Knows requests, no route and no socket.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { isLocalBind, isLoopbackHost } from "../config/check_admin.ts";
import { parseSocketAddress } from "../wire/address.ts";
import { Refusal } from "./errors.ts";

/** The parts of a request that decide. */
export interface Credentials {
  readonly method: string;
  readonly path: string;
  header(name: string): string | undefined;
}

/** The protection of an admin address. */
export interface Guard {
  /** Where the admin address is bound. */
  readonly bind: string;
  /** The secret, if there is one. */
  readonly token: string | undefined;
}

/**
 * Allowed without a token: load balancers and service managers have none, and a browser has none before the
 * page has asked for it. The page holds no secret.
 */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  "/healthz",
  "/readyz",
  "/",
  "/page.js",
  "/page.css",
  "/icon.svg",
]);
/** Methods that change nothing. */
const READING: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Checks whether a request is allowed.
 *
 * An address that other machines reach needs the token for everything. A local one may be read without. A
 * change needs the token if there is one. Otherwise it must not come from another site's page: it has to
 * come from a program, or carry JSON or a header of its own. A browser sends those to another site only
 * after asking it first, which is never granted here.
 *
 * @param request The request
 * @param guard The protection of the address
 * @throws {Refusal} if it is not allowed
 */
export function authorize(request: Credentials, { bind, token }: Guard): void {
  const local = isLocalBind(bind);
  if (local && !bind.startsWith("unix:")) checkHost(request.header("host"), bind);
  if (OPEN_PATHS.has(request.path)) return;
  const changes = !READING.has(request.method);
  if (token !== undefined) {
    if (!local || changes) checkToken(request.header("authorization"), token);
  } else if (!local) {
    throw new Refusal(401, "unauthorized", 'This address needs a token: set "admin.token_file"');
  } else if (changes) {
    checkSite(request);
  }
}

/** Refuses other names: a page whose name was made to point at 127.0.0.1 has its own name in Host. */
function checkHost(host: string | undefined, bind: string): void {
  // HTTP/1.0 probes have no Host, and no browser omits it.
  if (host === undefined || host === bind) return;
  const name = parseSocketAddress(/:\d+$/.test(host) ? host : `${host}:0`);
  if (typeof name !== "string" && isLoopbackHost(name.host.toLowerCase())) return;
  throw new Refusal(
    403,
    "bad_host",
    `Host ${JSON.stringify(host)} is not this address's; use "localhost" or ${bind}`,
  );
}

function checkToken(authorization: string | undefined, token: string): void {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  if (given === undefined) {
    throw new Refusal(
      401,
      "unauthorized",
      'This needs the token of "admin.token_file": send "Authorization: Bearer TOKEN"',
    );
  }
  // Digests have the same length, so the time reveals neither the token nor its length.
  if (!timingSafeEqual(digest(given), digest(token))) {
    throw new Refusal(401, "unauthorized", 'The token is not the one of "admin.token_file"');
  }
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function checkSite(request: Credentials): void {
  const origin = request.header("origin");
  if (origin !== undefined && !isOwnOrigin(origin, request.header("host"))) {
    throw new Refusal(
      403,
      "cross_site",
      `A page of ${JSON.stringify(origin)} may not change anything here`,
    );
  }
  if (!isBrowser(request)) return;
  const type = mediaType(request.header("content-type"));
  if (type === "application/json" || request.header("x-shunt") === "1") return;
  throw new Refusal(
    403,
    "cross_site",
    'A change by a browser needs the header "X-Shunt: 1" or "Content-Type: application/json", which ' +
      "a page of another site cannot send",
  );
}

/**
 * Reports whether a browser sent the request: all of them send their name, and the request's origin unless
 * that is hidden.
 */
function isBrowser(request: Credentials): boolean {
  return /^mozilla\//i.test(request.header("user-agent") ?? "") ||
    ["origin", "referer", "sec-fetch-site", "cookie"].some((name) =>
      request.header(name) !== undefined
    );
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return host !== undefined && URL.canParse(origin) &&
    new URL(origin).origin === `http://${host.toLowerCase()}`.replace(/:80$/, "");
}

/** Returns the media type of a Content-Type in lower case; empty if there is none. */
function mediaType(value: string | undefined): string {
  return (value ?? "").split(";", 1)[0]!.trim().toLowerCase();
}
