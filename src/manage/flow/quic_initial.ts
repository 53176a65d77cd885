/**
 * What becomes of a datagram that may begin a QUIC connection, at a client address that has flows
 * already. Knows no socket and no table.
 *
 * @module
 */

import { type Detected, UNKNOWN, type Watch } from "../../detect/mod.ts";
import type { Route } from "../../resolve/router.ts";
import { hidesInitial, readLongHeader } from "../../wire/quic_ids.ts";
import type { Flow } from "./flow.ts";
import type { FlowData } from "./data.ts";
import { ConnectionIds, goingTo } from "./quic_lanes.ts";

/**
 * What becomes of it:
 *
 * - `pass`: it begins nothing; its connection ID says whose it is
 * - `take`: this flow gets it, whose route it would get as well
 * - `begin`: it gets a flow of its own, which detects by itself
 * - `drop`: it might begin a connection that nobody has judged
 */
export type InitialFate =
  | { readonly kind: "pass" }
  | { readonly kind: "take"; readonly flow: Flow<FlowData> }
  | { readonly kind: "begin" }
  | { readonly kind: "drop" };

/** What a datagram by itself is. */
export interface Judged {
  /** Unset while more is needed. */
  readonly detected: Detected | undefined;
  /** Unset if other facts would have led the same way. */
  readonly watch: Watch | undefined;
}

/** What a listener makes of new flows. */
export interface InitialJudge {
  /** What a first datagram of a client is, and what has to be watched of its connection. */
  readonly detect: (datagram: Uint8Array, host: string) => Judged;
  /** Where a flow of this kind would go; `undefined` if it would end. */
  readonly routeOf: (detected: Detected, host: string) => Route | undefined;
}

const BEGIN: InitialFate = Object.freeze({ kind: "begin" });
const PASS: InitialFate = Object.freeze({ kind: "pass" });
const DROP: InitialFate = Object.freeze({ kind: "drop" });

/**
 * Judges a datagram by itself: what is known of its client's other connections says nothing of it. Each
 * Initial that authenticates under the keys of its own ID begins a connection at a target that does not
 * know it, also with an ID that was used before. One that does not belongs to a connection that is there,
 * or is noise.
 *
 * @param datagram A datagram with a long header, of the size of an Initial
 * @param flows The client's flows, at least one
 * @param judge What the listener makes of new flows
 * @returns What becomes of it
 */
export function judgeInitial(
  datagram: Uint8Array,
  flows: readonly Flow<FlowData>[],
  { detect, routeOf }: InitialJudge,
): InitialFate {
  const header = readLongHeader(datagram);
  if (header === undefined) return PASS;
  const { dcid, version } = header;
  const { host } = flows[0]!;
  for (const flow of flows) {
    // It collects the pieces of its hello itself.
    if (flow.state === "detecting" && flow.data.ids?.has(dcid)) return { kind: "take", flow };
    // It has judged the hello, and says whether this is a piece of it.
    if (flow.data.watches.some((watch) => watch.follows(datagram))) return { kind: "take", flow };
  }
  let detected: Detected | undefined = UNKNOWN;
  let watch: Watch | undefined;
  if (version !== undefined) {
    ({ detected, watch } = detect(datagram, host));
    if (detected?.protocol === UNKNOWN.protocol) return hidesInitial(datagram) ? DROP : PASS;
  } else if (!flows.some(({ data }) => data.detected?.protocol === "quic")) {
    // Other protocols have such first bytes too.
    return PASS;
  }
  const route = detected && routeOf(detected, host);
  const flow = route && goingTo(route, flows);
  if (flow === undefined) return BEGIN;
  if (watch !== undefined) flow.data.watches = [...flow.data.watches, watch];
  (flow.data.ids ??= new ConnectionIds()).add(dcid);
  return { kind: "take", flow };
}
