/** Checks with results that a test decides, and a resolver that is never called. */

import type { NameResolver } from "../../../../src/resolve/dns.ts";
import type { Probe, ProbeOptions, ProbeOutcome } from "../../../../src/control/health/probe.ts";
import { formatTarget } from "../../../../src/wire/address.ts";

/** Knows no name. */
export const NO_NAMES: NameResolver = {
  resolve: () => {
    throw new Error("No name is to be resolved");
  },
};

/** One check under way. */
export interface Pending {
  readonly target: string;
  readonly options: ProbeOptions;
  readonly end: (outcome: ProbeOutcome) => Promise<void>;
}

/** Checks that end when a test says so. */
export class Probes {
  readonly pending = new Map<string, Pending>();
  /** Targets in the order in which their checks began. */
  readonly begun: string[] = [];

  readonly probe: Probe = (address, options) => {
    const target = formatTarget(address);
    if (this.pending.has(target)) throw new Error(`A second check of ${target}`);
    const { promise, resolve } = Promise.withResolvers<ProbeOutcome>();
    const end = async (outcome: ProbeOutcome) => {
      this.pending.delete(target);
      resolve(outcome);
      // The code that awaits the check continues a few microtasks later.
      for (let i = 0; i < 5; i++) await Promise.resolve();
    };
    options.signal.addEventListener("abort", () => void end({ kind: "failed", why: "given up" }));
    this.pending.set(target, { target, options, end });
    this.begun.push(target);
    return promise;
  };
}
