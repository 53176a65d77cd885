/**
 * Reads the addresses of an nginx server. Knows the `listen` directive only.
 *
 * @module
 */

import type { Transport } from "../config/schema.ts";
import { type Directive, originOf } from "./nginx_syntax.ts";
import { type Item, type Note, unconverted } from "./plan.ts";
import { bindableHost, hostAndPort, joinWildcards, unbracket } from "./shared.ts";

/** Addresses with the same transport and PROXY protocol. */
export interface Listen {
  readonly transport: Transport;
  /** Whether sessions begin with a PROXY header. */
  readonly proxied: boolean;
  readonly bind: readonly Item<string>[];
  readonly notes: Note[];
}

/** Limit for the addresses of a port range. */
const MAX_RANGE = 100;

/** Parameters that shunt does not need. */
const NEEDLESS = new Set(["udp", "proxy_protocol", "reuseport", "bind", "default_server"]);

/**
 * Reads where a server listens.
 *
 * @param directives Its `listen` directives
 * @param notes List for notes on directives that are not converted
 * @returns The addresses by transport and PROXY protocol
 */
export function readListen(directives: readonly Directive[], notes: Note[]): Listen[] {
  const groups: { transport: Transport; proxied: boolean; all: Item<string>[]; notes: Note[] }[] =
    [];
  for (const directive of directives) {
    const [address = "", ...params] = directive.args;
    const from = originOf(directive);
    const transport: Transport = params.includes("udp") ? "udp" : "tcp";
    const proxied = transport === "tcp" && params.includes("proxy_protocol");
    const [found, why] = addressesOf(address);
    if (why !== undefined) notes.push(unconverted(from, why));
    if (found.length === 0) continue;
    let group = groups.find((each) => each.transport === transport && each.proxied === proxied);
    if (group === undefined) groups.push(group = { transport, proxied, all: [], notes: [] });
    group.all.push(...found.map((value) => ({ value, from })));
    for (const param of params) {
      if (NEEDLESS.has(param) || param.startsWith("ipv6only=")) continue;
      group.notes.push(unconverted(from, `${param}: shunt has no equivalent`));
    }
  }
  return groups.map(({ all, notes, ...group }) => {
    const joined = joinWildcards(all);
    return { ...group, bind: joined.bind, notes: [...notes, ...joined.notes] };
  });
}

function addressesOf(address: string): readonly [found: readonly string[], why?: string] {
  if (address.startsWith("unix:")) return [[], "shunt binds no Unix sockets"];
  const [, name = "*", ports = ""] = /^(?:(\[[^\]]*\]|[^:]*):)?([0-9-]+)$/.exec(address) ?? [];
  const [, first, last = first] = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(ports) ?? [];
  if (first === undefined) return [[], "it is no address with a port"];
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > MAX_RANGE) return [[], `ranges have 1 to ${MAX_RANGE} ports`];
  const { host, why } = bindableHost(name === "*" ? "0.0.0.0" : unbracket(name));
  const all = Array.from(
    { length: count },
    (_, i) => hostAndPort(host, String(Number(first) + i)),
  );
  return why === undefined ? [all] : [all, why];
}
