/**
 * What a client on TCP is. Knows no kind.
 *
 * @module
 */

import type { Random } from "./random.ts";
import type { Sum, Wire } from "./tally.ts";

/** What a client may use. */
export interface ClientParts {
  readonly token: string;
  readonly random: Random;
  /** Who signs certificates. */
  readonly caCerts: string[];
  /** Settles once a client that is held may go on. */
  readonly release: Promise<void>;
}

/** Runs one client to its end; throws if the result is wrong. */
export type Client = (wire: Wire, parts: ClientParts) => Promise<void>;

/** Fails where two sums differ. */
export function expectSame(got: Sum, expected: Sum): void {
  if (got.bytes !== expected.bytes) throw new Error("Wrong length");
  if (got.hash !== expected.hash) throw new Error("Wrong bytes");
}
