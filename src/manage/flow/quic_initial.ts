/**
 * Judges a datagram that may begin a QUIC connection, from a client address that has flows already. Knows no
 * socket and no table.
 *
 * @module
 */

import { type Detected, Detection, UNKNOWN } from "../../detect/mod.ts";
import { unmapHost } from "../../wire/address.ts";
import { hidesInitial, readLongHeader } from "../../wire/quic_ids.ts";
import { seenOf } from "../life.ts";
import type { ListenerState } from "../listener_state.ts";
import { closesUnreadable, needsWatch } from "../unreadable.ts";
import type { FlowData } from "./data.ts";
import type { Flow } from "./flow.ts";
import { ConnectionIds, goingTo } from "./quic_lanes.ts";

/**
 * What to do with the datagram:
 *
 * - `pass`: it begins nothing, and its connection ID shows its flow
 * - `take`: this flow gets it, because it would take the same route
 * - `begin`: it gets a flow of its own, with its own detection
 * - `drop`: it might begin a connection that was not judged
 */
export type InitialFate =
  | { readonly kind: "pass" }
  | { readonly kind: "take"; readonly flow: Flow<FlowData> }
  | { readonly kind: "begin" }
  | { readonly kind: "drop" };

const BEGIN: InitialFate = Object.freeze({ kind: "begin" });
const PASS: InitialFate = Object.freeze({ kind: "pass" });
const DROP: InitialFate = Object.freeze({ kind: "drop" });

/**
 * Judges a datagram by itself, whatever is known about its client's other connections. An Initial that
 * authenticates under the keys of its own ID begins a connection at a target that does not know it, even if
 * the ID was used before. Any other Initial belongs to an existing connection, or is noise.
 *
 * @param datagram A datagram with a long header, of the size of an Initial
 * @param flows The client's flows, at least one
 * @param listener The listener of a new flow
 */
export function judgeInitial(
  datagram: Uint8Array,
  flows: readonly Flow<FlowData>[],
  listener: ListenerState,
): InitialFate {
  const header = readLongHeader(datagram);
  if (header === undefined) return PASS;
  const { dcid, version } = header;
  for (const flow of flows) {
    // This flow collects the pieces of its hello itself.
    if (flow.state === "detecting" && flow.data.ids?.has(dcid)) return { kind: "take", flow };
    // This flow has judged the hello, and knows whether the datagram is a piece of it.
    if (flow.data.watches.some((watch) => watch.follows(datagram))) return { kind: "take", flow };
  }
  let detected: Detected | undefined = UNKNOWN;
  let detection: Detection | undefined;
  const datagrams = [datagram];
  if (version !== undefined) {
    detection = new Detection("udp", listener.router.wants);
    detected = detection.datagrams(datagrams);
    if (detected?.protocol === UNKNOWN.protocol) return hidesInitial(datagram) ? DROP : PASS;
  } else if (!flows.some(({ data }) => data.detected?.protocol === "quic")) {
    // Other protocols can begin with such bytes too.
    return PASS;
  }
  // The rest of its hello is still to come.
  if (detected === undefined) return BEGIN;
  const seen = seenOf("flow", unmapHost(flows[0]!.host), detected);
  if (detected.end !== undefined && closesUnreadable(listener, detected, seen)) return BEGIN;
  const route = listener.router.match(seen);
  const flow = route && goingTo(route, flows);
  if (flow === undefined) return BEGIN;
  const watch = needsWatch(listener, detected, seen) ? detection?.watch(datagrams) : undefined;
  if (watch !== undefined) flow.data.watches = [...flow.data.watches, watch];
  (flow.data.ids ??= new ConnectionIds()).add(dcid);
  return { kind: "take", flow };
}
