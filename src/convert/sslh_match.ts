/**
 * Converts one probe of sslh into shunt's conditions. Knows one entry at a time.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import { type Item, type Note, type PlannedMatch, unconverted } from "./plan.ts";
import type { SslhGroup } from "./sslh_group.ts";

/** What a probe matches. */
export type Probe =
  /** Some traffic, by conditions. */
  | { readonly kind: "some"; readonly match: PlannedMatch; readonly notes: readonly Note[] }
  /** All traffic with at least one byte. */
  | { readonly kind: "all"; readonly notes: readonly Note[] }
  /** Traffic that shunt does not recognise. */
  | { readonly kind: "unknown"; readonly why: string; readonly notes: readonly Note[] };

/** Probes that shunt has a detector for, with the detector's transport. */
const DETECTED: Readonly<Record<string, readonly [protocol: string, transport: Transport]>> = {
  http: ["http", "tcp"],
  socks5: ["socks5", "tcp"],
  ssh: ["ssh", "tcp"],
  ssl: ["tls", "tcp"],
  tls: ["tls", "tcp"],
  wireguard: ["wireguard", "udp"],
};

/**
 * Reads what an entry matches.
 *
 * @param name The probe's name
 * @param options The entry and its transport
 * @returns What it matches
 */
export function readProbe(
  name: string,
  { group, transport }: { readonly group: SslhGroup; readonly transport: Transport },
): Probe {
  if (name === "anyprot" || name === "timeout") return { kind: "all", notes: [] };
  if (name === "regex") {
    const patterns = group.texts("regex_patterns") ?? [];
    if (patterns.some(({ value }) => value === "" || value === ".*")) {
      return { kind: "all", notes: [] };
    }
    return { kind: "unknown", why: "shunt matches no patterns", notes: [] };
  }
  const [protocol, comesBy] = Object.hasOwn(DETECTED, name) ? DETECTED[name] ?? [] : [];
  if (protocol === undefined || comesBy !== transport) {
    return { kind: "unknown", why: `shunt does not detect it by ${transport}`, notes: [] };
  }
  const from = { line: group.own.line, directive: `name: ${name}` };
  const match: PlannedMatch = { protocol: [{ value: protocol, from }] };
  const notes: Note[] = [];
  if (protocol !== "tls") return { kind: "some", match, notes };
  const sni = withoutGlobs(group.texts("sni_hostnames"), { notes, wildcards: true });
  const alpn = withoutGlobs(group.texts("alpn_protocols"), { notes, wildcards: false });
  if (sni?.length === 0 || alpn?.length === 0) {
    return { kind: "unknown", why: "nothing is left that it could match", notes };
  }
  if (sni !== undefined) match.sni = sni;
  if (alpn !== undefined) match.alpn = alpn;
  return { kind: "some", match, notes };
}

/** Removes names that shunt cannot match: sslh uses glob(7), of which shunt has `*` and `*.suffix`. */
function withoutGlobs(
  items: readonly Item<string>[] | undefined,
  { notes, wildcards }: { readonly notes: Note[]; readonly wildcards: boolean },
): Item<string>[] | undefined {
  // In sslh an empty list is no condition.
  if (items === undefined || items.length === 0) return undefined;
  return items.filter(({ value, from }) => {
    const rest = wildcards ? value.replace(/^\*(\.|$)/, "") : value;
    if (!/[*?[\]\\]/.test(rest)) return true;
    const what = wildcards ? 'a "*" stands for whole labels at the start' : "ALPN has no wildcards";
    notes.push(unconverted(from, `${what} in shunt`));
    return false;
  });
}
