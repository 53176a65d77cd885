/**
 * The table of fuzz targets: every parser of bytes from outside. Detectors come from the registry, so that
 * a new one cannot be forgotten.
 *
 * @module
 */

import type { Detector } from "../../src/detect/detector.ts";
import { DETECTORS } from "../../src/detect/mod.ts";
import { ADMIN_REQUESTS } from "./_admin.ts";
import { FLOW_REGISTRY, flowDetector, sealedFlights, shortHeaders } from "./_flows.ts";
import { FILE_EVENTS } from "./_kernel.ts";
import { HELLO_RESPONDER } from "./_replies.ts";
import { ANY_STREAM, HTTP1, HTTP2, POSTGRES, SOCKS4, SOCKS5, SSH, TLS } from "./_seeds.ts";
import { OPENING_ANSWERS, OPENINGS } from "./_openings.ts";
import { DRIP, http2Blocks, STREAM_REGISTRY, streamDetector } from "./_streams.ts";
import type { Target } from "./_target.ts";
import { ADDRESS, AUTHORITY, CONFIG } from "./_texts.ts";
import { CLIENT_HELLO, CRYPTO, FRAMES, HEADER_BLOCKS, PACKETS, PROXY_HEADERS } from "./_wire.ts";
import type { Kin } from "./mutate.ts";

/** What the detectors of streams are fed; one that is not named here gets a bit of everything. */
const FOOD: Readonly<Record<string, { readonly kin: Kin; readonly share: number }>> = {
  tls: { kin: TLS, share: 140 },
  http: {
    kin: { seeds: [...HTTP1.seeds, ...HTTP2.seeds], tokens: [...HTTP1.tokens, ...HTTP2.tokens] },
    share: 140,
  },
  ssh: { kin: SSH, share: 40 },
  postgres: { kin: POSTGRES, share: 40 },
  socks5: { kin: SOCKS5, share: 40 },
  socks4: { kin: SOCKS4, share: 40 },
};

function named(name: string): Detector {
  const detector = DETECTORS.find((one) => one.name === name);
  if (detector === undefined) throw new Error(`No detector is named "${name}"`);
  return detector;
}

/** All targets. */
export const TARGETS: readonly Target[] = [
  STREAM_REGISTRY,
  DRIP,
  FLOW_REGISTRY,
  OPENINGS,
  OPENING_ANSWERS,
  ...DETECTORS.filter(({ tcp }) => tcp !== undefined).map((detector) =>
    streamDetector(detector, FOOD[detector.name] ?? { kin: ANY_STREAM, share: 40 })
  ),
  ...DETECTORS.filter(({ udp }) => udp !== undefined).map((detector) =>
    flowDetector(detector, detector.name === "quic" ? 40 : 60)
  ),
  http2Blocks(named("http")),
  sealedFlights(named("quic")),
  shortHeaders(named("quic")),
  CLIENT_HELLO,
  HEADER_BLOCKS,
  PACKETS,
  FRAMES,
  CRYPTO,
  PROXY_HEADERS,
  ADDRESS,
  AUTHORITY,
  ADMIN_REQUESTS,
  FILE_EVENTS,
  HELLO_RESPONDER,
  CONFIG,
];
