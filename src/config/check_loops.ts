/**
 * Finds targets that lead back to the listener that their sessions come from.
 *
 * @module
 */

import { boundHost, formatTarget, parseSocketAddress } from "../wire/address.ts";
import { isLoopbackHost } from "./check_admin.ts";
import { components } from "./cycles.ts";
import type { Draft, DraftListener } from "./draft.ts";
import type { Report } from "./report.ts";
import type { TargetConfig } from "./schema.ts";
import { quote } from "../wording.ts";

/** Warns of targets that send a session back to its own listener, again and again. */
export function checkLoops({ listeners, upstreams }: Draft, report: Report): void {
  const bound = new BoundListeners(listeners);
  const number = new Map(upstreams.map(({ name }, i) => [name, listeners.length + i]));
  const used = listeners.map(({ routes }) => [
    ...new Set(routes.flatMap(({ upstream }) => number.get(upstream ?? "") ?? [])),
  ]);
  const led = upstreams.map(({ targets = [] }) =>
    targets.map(({ address }) => bound.find(address))
  );
  const component = components([
    ...used,
    ...led.map((ends) => ends.filter((end) => end !== undefined)),
  ]);
  /** The first listener that sessions of each upstream can come back to. */
  const from = new Map<number, string>();
  listeners.forEach(({ name }, listener) => {
    for (const upstream of used[listener]!) {
      const round = component[upstream] === component[listener];
      if (round && !from.has(upstream)) from.set(upstream, name);
    }
  });
  upstreams.forEach(({ path, targets = [] }, i) => {
    const upstream = listeners.length + i;
    targets.forEach(({ address }, index) => {
      const to = led[i]![index];
      if (to === undefined || component[to] !== component[upstream]) return;
      report.warning("conflict", [...path, "targets", index], {
        message:
          `Target ${quote(formatTarget(address))} is listener ${
            quote(listeners[to]!.name)
          }, whose sessions come back to ` +
          `${quote(from.get(upstream)!)}: they go round until a limit stops them`,
        hint: "name another target, or see that its routes lead elsewhere",
      });
    });
  });
}

/** The kernel treats a connection to a wildcard address as one to the loopback. */
const OWN_HOSTS: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/** Finds the listener that has bound an address; the first one, if there are several. */
class BoundListeners {
  /** By host and port. */
  readonly #exact = new Map<string, number>();
  /** By port: listeners on all addresses. */
  readonly #everywhere = new Map<number, number>();

  constructor(listeners: readonly DraftListener[]) {
    listeners.forEach(({ bind = [] }, listener) => {
      for (const text of bind) {
        const bound = parseSocketAddress(text);
        if (typeof bound === "string" || bound.port === 0) continue;
        const host = boundHost(bound.host);
        if (host in OWN_HOSTS) noteFirst(this.#everywhere, bound.port, listener);
        else noteFirst(this.#exact, `${host} ${bound.port}`, listener);
      }
    });
  }

  /** Returns the number of the listener at a target's address, if there is one. */
  find(address: TargetConfig["address"]): number | undefined {
    if (address.kind !== "inet") return undefined;
    const { port } = address;
    const meant = boundHost(address.host);
    const host = OWN_HOSTS[meant] ?? meant;
    const exact = this.#exact.get(`${host} ${port}`);
    const wild = isLoopbackHost(host) ? this.#everywhere.get(port) : undefined;
    return exact === undefined || wild === undefined ? exact ?? wild : Math.min(exact, wild);
  }
}

function noteFirst<K>(map: Map<K, number>, key: K, listener: number): void {
  if (!map.has(key)) map.set(key, listener);
}
