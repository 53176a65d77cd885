/**
 * The UDP addresses that the sockets of this thread have. A datagram that comes from one of them was sent by
 * shunt itself, or forged to make shunt talk to itself. Knows no datagram.
 *
 * @module
 */

import { networkInterfaces } from "node:os";
import type { Endpoint } from "../../io/mod.ts";
import { canonicalHost, formatAddress, unmapHost } from "../../wire/address.ts";

/** How long the addresses of this machine are remembered. */
const INTERFACES_MS = 10_000;

/** The addresses that listeners have bound for UDP. */
export class OwnEndpoints {
  readonly #now: () => number;
  /** A datagram from elsewhere costs one look-up here. */
  readonly #ports = new Set<number>();
  readonly #exact = new Set<string>();
  readonly #anyHost = new Set<number>();
  #hosts: ReadonlySet<string> = new Set();
  #hostsUntil = -Infinity;

  /** @param now The time in milliseconds; need not be exact */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Replaces the addresses that are bound.
   *
   * @param bound All that are bound from now on
   */
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

  /**
   * Reports whether an address is one of them.
   *
   * @param host IP literal, as a socket shows it
   * @param port Its port
   * @returns Whether one of shunt's sockets is bound to it
   */
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
    // Not permitted. Loopback, and addresses that are bound exactly, are known without it.
    return new Set();
  }
}
