/**
 * The state that the sessions and flows of one listener share. Knows none of them.
 *
 * @module
 */

import type { ListenerConfig } from "../config/schema.ts";
import type { Counters } from "../observe/metrics/counters.ts";
import type { Router } from "../resolve/router.ts";
import type { Upstream } from "../resolve/upstream.ts";
import type { Limits } from "./limits/limits.ts";

/** The state of one listener. A reload makes a new one; sessions and flows that began before keep the old one. */
export interface ListenerState {
  readonly name: string;
  readonly config: ListenerConfig;
  readonly router: Router;
  /** The upstreams that its routes lead to. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly limits: Limits;
  readonly counters: Counters;
  /** Reports whether a peer may send a PROXY header. */
  readonly trusts: (host: string) => boolean;
}
