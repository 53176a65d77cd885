/**
 * Recognises QUIC versions 1 and 2 by a client's first datagrams, and reads their ClientHello. Never looks
 * past the Initial packets, whose keys anyone can derive.
 *
 * Only an Initial packet that authenticates under the keys of its own connection ID makes QUIC certain. All
 * other first datagrams are no match: Handshake and short-header packets, whose keys are secret, and other
 * versions (drafts, greased ones, version negotiation), of which only one bit and the places of two lengths
 * are known (RFC 8999). A 0-RTT packet of a known version may have overtaken its Initial packet, so shunt
 * waits, but without certainty.
 *
 * @module
 */

import { hasLongHeader, MIN_INITIAL_DATAGRAM, parsePacket } from "../wire/quic_packet.ts";
import { FirstFlight } from "./_first_flight.ts";
import { HELLO_FACTS } from "./_hello.ts";
import { type Detector, NO_MATCH } from "./detector.ts";

/** QUIC over UDP. */
export const quic: Detector = {
  name: "quic",
  facts: HELLO_FACTS,
  udp(datagrams, alpn) {
    let flow = FLOWS.get(datagrams);
    if (flow === undefined) {
      // Most datagrams that are not QUIC end here, before anything is allocated.
      if (datagrams[0] === undefined || !mayBegin(datagrams[0])) return NO_MATCH;
      flow = new FirstFlight(alpn);
      // Forgeries end here.
      const verdict = flow.judge(datagrams);
      if (verdict.kind !== "no_match") FLOWS.set(datagrams, flow);
      return verdict;
    }
    return flow.judge(datagrams);
  },
  opens(datagram) {
    if (!hasLongHeader(datagram)) return "nothing";
    return datagram.length < MIN_INITIAL_DATAGRAM ? "more" : "connection";
  },
  watch(datagrams) {
    const flow = FLOWS.get(datagrams);
    FLOWS.delete(datagrams);
    return flow;
  },
};

/** Reports whether a flow may begin with a datagram: servers, too, discard shorter Initial ones. */
function mayBegin(datagram: Uint8Array): boolean {
  const packet = parsePacket(datagram, 0);
  if (packet === undefined) return false;
  return packet.kind !== "initial" || datagram.length >= MIN_INITIAL_DATAGRAM;
}

/**
 * The state of each flow, so that no datagram is decrypted twice; freed with the flow's array. An unknown
 * array gets the same verdict, since datagrams are read one by one.
 */
const FLOWS = new WeakMap<readonly Uint8Array[], FirstFlight>();
