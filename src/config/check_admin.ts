/**
 * Checks what the admin address needs, depending on who can reach it. Knows no server.
 *
 * @module
 */

import ipaddr from "ipaddr.js";
import { boundHost, canonicalHost, isIpLiteral, parseSocketAddress } from "../wire/address.ts";
import type { DraftListener } from "./draft.ts";
import type { Report } from "./report.ts";
import type { Config } from "./schema.ts";
import { quote } from "../wording.ts";

/** The admin part of a configuration, if it is not off. */
export type AdminConfig = NonNullable<Config["admin"]>;

/** Reports whether a host, an IP literal without brackets or `localhost`, is this machine's loopback. */
export function isLoopbackHost(host: string): boolean {
  if (host === "localhost") return true;
  const literal = canonicalHost(host);
  return isIpLiteral(literal) && !literal.includes("%") &&
    ipaddr.parse(literal).range() === "loopback";
}

/** Reports whether only this machine can reach an address, `IP:PORT` or `unix:PATH`. */
export function isLocalBind(bind: string): boolean {
  if (bind.startsWith("unix:")) return true;
  const address = parseSocketAddress(bind);
  return typeof address !== "string" && isLoopbackHost(address.host);
}

/** Checks the admin address, also against the addresses of listeners. */
export function checkAdmin(
  { bind, token_file }: AdminConfig,
  { listeners, report }: {
    readonly listeners: readonly DraftListener[];
    readonly report: Report;
  },
): void {
  if (token_file === null && !isLocalBind(bind)) {
    report.error("missing", ["admin", "bind"], {
      message: `Address ${quote(bind)} can be reached from elsewhere, which needs "token_file"`,
      hint: 'add "token_file: PATH" with a file that holds a secret of your own, or bind to ' +
        '"127.0.0.1:9901" or "unix:PATH"',
    });
  }
  for (const { path, bind: binds = [], transports = [] } of listeners) {
    if (!transports.includes("tcp")) continue;
    binds.forEach((text, index) => {
      if (!overlap(text, bind)) return;
      // The admin address may be a default, without a line in the file.
      report.error("conflict", [...path, "bind", index], {
        message: `Address ${quote(text)} is taken (tcp) by the admin address ${quote(bind)}`,
        hint: 'choose another port here or in "admin.bind", or set "admin: null"',
      });
    });
  }
}

function overlap(a: string, b: string): boolean {
  const [one, other] = [parseSocketAddress(a), parseSocketAddress(b)];
  if (typeof one === "string" || typeof other === "string") return false;
  if (one.port === 0 || one.port !== other.port) return false;
  const [host, taken] = [boundHost(one.host), boundHost(other.host)];
  return host === taken || isWildcardOf(host, taken) || isWildcardOf(taken, host);
}

function isWildcardOf(wild: string, host: string): boolean {
  return wild === "::" || (wild === "0.0.0.0" && !host.includes(":"));
}
