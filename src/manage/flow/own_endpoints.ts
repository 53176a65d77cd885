/**
 * The UDP addresses of this thread's sockets. Either shunt itself sent a datagram that comes from one of them,
 * or it was forged to make shunt talk to itself. Knows no datagram.
 *
 * @module
 */

import { networkInterfaces } from "node:os";
import type { Endpoint } from "../../io/mod.ts";
import { canonicalHost, formatAddress, unmapHost } from "../../wire/address.ts";

/** Milliseconds for which the addresses of this machine are remembered. */
const INTERFACES_MS = 10_000;

/** The addresses that listeners have bound for UDP. */
export class OwnEndpoints {
  readonly #now: () => number;
  /** For a datagram from another port, one look-up here is all. */
  readonly #ports = new Set<number>();
  readonly #exact = new Set<string>();
  readonly #anyHost = new Set<number>();
  #hosts: ReadonlySet<string> = new Set();
  #hostsUntil = -Infinity;

  /** @param now The time in milliseconds; need not be exact */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Replaces the bound addresses. */
  set(bound: Iterable<Endpoint>): void {
    this.#ports.clear();
    this.#exact.clear();
    this.#anyHost.clear();
    for (const { host, port } of bound) {
      this.#ports.add(port);
      if (host === "0.0.0.0" || host === "::") this.#anyHost.add(port);
      else this.#exact.add(formatAddress(canonicalHost(host), port));
    }
  }

  /** Reports whether one of shunt's sockets is bound to an address: an IP literal, as a socket shows it, and a port. */
  has(host: string, port: number): boolean {
    if (!this.#ports.has(port)) return false;
    const plain = unmapHost(host);
    if (this.#exact.has(formatAddress(plain, port))) return true;
    return this.#anyHost.has(port) && this.#isHere(plain);
  }

  #isHere(host: string): boolean {
    if (host.startsWith("127.") || host === "::1") return true;
    if (this.#now() >= this.#hostsUntil) {
      this.#hostsUntil = this.#now() + INTERFACES_MS;
      this.#hosts = hostsOfMachine();
    }
    return this.#hosts.has(host);
  }
}

function hostsOfMachine(): ReadonlySet<string> {
  try {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    return new Set(all.map(({ address }) => canonicalHost(address)));
  } catch {
    // Without permission, only loopback and the addresses that are bound exactly are known.
    return new Set();
  }
}
