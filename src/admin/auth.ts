/**
 * Who may do what at the admin address: tokens, and what keeps web pages of others out. Knows
 * requests, no route and no socket.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { isLocalBind, isLoopbackHost } from "../config/check_admin.ts";
import { parseSocketAddress } from "../wire/address.ts";
import { Refusal } from "./errors.ts";

/** What a request shows of itself. */
export interface Credentials {
  readonly method: string;
  readonly path: string;
  header(name: string): string | undefined;
}

/** What guards an address. */
export interface Guard {
  /** Where the admin address is bound. */
  readonly bind: string;
  /** The secret, where there is one. */
  readonly token: string | undefined;
}

/**
 * Answered to anyone: load balancers and service managers have no token, and a browser has none before
 * the page, which holds no secret, has asked for it.
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
 * Judges a request.
 *
 * An address that others reach needs the token for everything. A local one is open for reading; a
 * change needs the token where there is one, and else must come from no other site's page: from a
 * program, or with JSON or a header of its own, which a browser sends to no other site without asking
 * it first, which is never granted here.
 *
 * @param request What it shows of itself
 * @param guard What guards the address
 * @throws {Refusal} if it may not
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

/** A page whose name was made to point at 127.0.0.1 shows its own name in Host. */
function checkHost(host: string | undefined, bind: string): void {
  // HTTP/1.0 probes have none, and no browser sends requests without.
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
  // Digests have one length, so that time tells neither the token nor how long it is.
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

/** Every browser shows at least its name, and where a request comes from unless that is kept quiet. */
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

/** The media type of a Content-Type, in lower case; empty where there is none. */
function mediaType(value: string | undefined): string {
  return (value ?? "").split(";", 1)[0]!.trim().toLowerCase();
}
