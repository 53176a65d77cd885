/**
 * What the admin address needs: who can reach it, and with what. Knows no server.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import { canonicalHost, isIpLiteral, parseSocketAddress } from "../wire/address.ts";
import { quote } from "./problem.ts";
import type { Report } from "./report.ts";
import type { Config } from "./schema.ts";

/** The admin part of a configuration, where it is not off. */
export type AdminConfig = NonNullable<Config["admin"]>;

/**
 * Tells whether a host is this machine's own loopback.
 *
 * @param host IP literal without brackets, or `localhost`
 * @returns `false` for anything that others may reach
 */
export function isLoopbackHost(host: string): boolean {
  if (host === "localhost") return true;
  const literal = canonicalHost(host);
  return isIpLiteral(literal) && !literal.includes("%") &&
    ipaddr.parse(literal).range() === "loopback";
}

/**
 * Tells whether only who is on this machine reaches an admin address.
 *
 * @param bind `IP:PORT` or `unix:PATH`
 * @returns `true` for loopback and Unix sockets
 */
export function isLocalBind(bind: string): boolean {
  if (bind.startsWith("unix:")) return true;
  const address = parseSocketAddress(bind);
  return typeof address !== "string" && isLoopbackHost(address.host);
}

/**
 * Checks the admin address.
 *
 * @param admin The admin part of a configuration
 * @param report What takes the problems
 */
export function checkAdmin({ bind, token_file }: AdminConfig, report: Report): void {
  if (token_file !== null || isLocalBind(bind)) return;
  report.error("missing", ["admin", "bind"], {
    message: `Address ${quote(bind)} can be reached from elsewhere, which needs "token_file"`,
    hint: 'add "token_file: PATH" with a file that holds a secret of your own, or bind to ' +
      '"127.0.0.1:9901" or "unix:PATH"',
  });
}
