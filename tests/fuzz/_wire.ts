/**
 * Fuzz targets of single formats: ClientHello, HPACK, PROXY headers, QUIC packets, frames and CRYPTO data.
 *
 * @module
 */

import { fail } from "@std/assert";
import { isIP } from "node:net";
import { helloFacts } from "../../src/detect/_hello.ts";
import { NO_MATCH } from "../../src/detect/detector.ts";
import { parseClientHello } from "../../src/wire/client_hello.ts";
import { CryptoStream } from "../../src/wire/crypto_stream.ts";
import { decodeHeaderBlock } from "../../src/wire/hpack.ts";
import {
  encodeProxyHeader,
  parseProxyHeader,
  type ProxyHeader,
} from "../../src/wire/proxy_protocol.ts";
import { readFrames } from "../../src/wire/quic_frames.ts";
import { InitialKeys } from "../../src/wire/quic_keys.ts";
import { parsePacket, varint } from "../../src/wire/quic_packet.ts";
import { concat } from "../unit/_hello.ts";
import { VerdictClaims } from "./_claims.ts";
import { frames } from "./_frames.ts";
import { BLOCKS, HELLO, PROXY, QUIC } from "./_seeds.ts";
import { cuts, pieces, type Target } from "./_target.ts";
import { vary } from "./mutate.ts";

const EMPTY = new Uint8Array(0);

/** ClientHello messages without a carrier. */
export const CLIENT_HELLO: Target = {
  name: "client hello",
  share: 80,
  make: (dice) => [vary(dice, HELLO), cuts(dice)],
  check(input) {
    const [bytes = EMPTY] = input;
    const claims = new VerdictClaims("tls");
    pieces(input, (_, end) => {
      const result = parseClientHello(bytes.subarray(0, end));
      switch (result.kind) {
        case "hello": {
          const facts = helloFacts(bytes.subarray(0, result.bytes), result, "t");
          return claims.take({ kind: "match", facts }, end);
        }
        case "need_more":
          return claims.take(result, end);
        case "invalid":
          return claims.take(NO_MATCH, end);
      }
    });
  },
};

/** HPACK header blocks: half a block has a beginning of the fields that the whole has. */
export const HEADER_BLOCKS: Target = {
  name: "hpack",
  share: 60,
  make: (dice) => [vary(dice, BLOCKS)],
  check([block = EMPTY]) {
    const fields: string[] = [];
    let visits = 0;
    decodeHeaderBlock(block, (name, value) => {
      visits++;
      if (fields.length < 100) fields.push(`${name}: ${value}`);
    });
    if (visits > block.length) fail(`${visits} fields in ${block.length} bytes`);
    let at = 0;
    decodeHeaderBlock(block.subarray(0, block.length >> 1), (name, value) => {
      if (at < fields.length && fields[at] !== `${name}: ${value}`) fail(`Field ${at} differs`);
      at++;
    });
    if (at > visits) fail(`${at} fields in half a block, ${visits} in the whole`);
  },
};

/** PROXY headers: their addresses are some, and read the same once written again. */
export const PROXY_HEADERS: Target = {
  name: "proxy protocol",
  share: 70,
  make: (dice) => [vary(dice, PROXY), cuts(dice)],
  check(input) {
    const [bytes = EMPTY] = input;
    let settled = "";
    pieces(input, (_, end) => {
      const result = parseProxyHeader(bytes.subarray(0, end));
      if (settled !== "" && result.kind !== settled) fail(`"${settled}", then "${result.kind}"`);
      if (result.kind === "header" && settled === "") {
        claimHeader(result.header, end);
        claimFilled(bytes, result.header);
      }
      if (result.kind !== "need_more") settled = result.kind;
      else if (!(result.bytes > end)) fail(`${end} bytes ask for ${result.bytes}`);
    });
  },
};

function claimHeader(header: ProxyHeader, given: number): void {
  const { length, source, destination } = header;
  if (length > given) fail(`${length} bytes of header in ${given}`);
  if ((source === undefined) !== (destination === undefined)) fail("Half the addresses");
  if (source === undefined || destination === undefined) return;
  for (const { host, port } of [source, destination]) {
    if (isIP(host) === 0 || !(port >= 0 && port <= 65_535)) fail(`No address: ${host}, ${port}`);
  }
  for (const version of ["v1", "v2"] as const) {
    const bytes = encodeProxyHeader(version, { source, destination, transport: "tcp" });
    const again = parseProxyHeader(bytes);
    const same = again.kind === "header" && again.header.length === bytes.length &&
      again.header.source?.host === source.host && again.header.source.port === source.port &&
      again.header.destination?.host === destination.host;
    if (!same) fail(`Reads back otherwise: ${JSON.stringify([header, again])}`);
  }
}

/** What follows the addresses fills the header, read backwards from every place that it can end at. */
function claimFilled(bytes: Uint8Array, { length, source }: ProxyHeader): void {
  if (bytes[0] !== 0x0d || source === undefined) return;
  const ends = Array<boolean>(length + 1).fill(false);
  ends[length] = true;
  const from = 16 + (bytes[13]! >> 4 === 1 ? 12 : 36);
  for (let at = length - 3; at >= from; at--) {
    ends[at] = ends[at + 3 + bytes[at + 1]! * 256 + bytes[at + 2]!] ?? false;
  }
  if (!ends[from]) fail(`Values that do not fill ${length} bytes`);
}

const KEYS = new InitialKeys("1", EMPTY);

/** Long headers, and the packets after the first in a datagram. */
export const PACKETS: Target = {
  name: "quic packets",
  share: 60,
  make: (dice) => [vary(dice, QUIC), dice.bytes(1)],
  check([datagram = EMPTY, [from = 0] = []]) {
    varint(datagram, from % datagram.length);
    let at = from < 200 ? 0 : from - 200;
    for (let count = 0; count < 8; count++) {
      const packet = parsePacket(datagram, at);
      if (packet === undefined) return;
      const { start, numberAt, end, dcid } = packet;
      if (start !== at || numberAt < start + 7 || end < numberAt || end > datagram.length) {
        fail(`Packet ${start}, ${numberAt}, ${end} in ${datagram.length} bytes`);
      }
      // Also if there is no room for the sample of the header protection.
      KEYS.open(datagram, packet);
      if (dcid.length > 20) fail(`Connection ID of ${dcid.length} bytes`);
      at = end;
    }
  },
};

const STREAM = new CryptoStream();

/** Frames of one packet after the other into one stream, against the plainest way to join them. */
export const FRAMES: Target = {
  name: "quic frames",
  share: 60,
  make: (dice) => Array.from({ length: 1 + dice.below(3) }, () => frames(dice)),
  check(input) {
    STREAM.reset();
    let before = 0;
    for (const payload of input) {
      if (!readFrames(payload, STREAM)) return;
      const { length } = STREAM.contiguous;
      if (length < before || length > 65_536) fail(`${before} bytes became ${length}`);
      before = length;
    }
  },
};

/** CRYPTO data: each part is a byte of offset in steps of 10, then data. */
export const CRYPTO: Target = {
  name: "crypto stream",
  share: 20,
  make: (dice) => {
    const text = dice.once(2) ? new Uint8Array(4000).fill(1) : dice.bytes(4000);
    return Array.from({ length: 1 + dice.below(30) }, () => {
      const step = dice.below(dice.once(3) ? 256 : 8);
      const part = concat([step], text.subarray(step * 10, step * 10 + dice.below(60)));
      if (dice.once(40)) part[dice.below(part.length)]! ^= 1;
      return part;
    });
  },
  check(input) {
    STREAM.reset();
    const model = new Map<number, number>();
    for (const [step = 0, ...data] of input) {
      const offset = step * 10;
      const differs = data.some((byte, i) => (model.get(offset + i) ?? byte) !== byte);
      if (STREAM.add(offset, Uint8Array.from(data)) === differs) fail(`Takes ${offset} wrongly`);
      if (differs) return;
      data.forEach((byte, i) => model.set(offset + i, byte));
      const { contiguous } = STREAM;
      if (model.has(contiguous.length)) fail(`Ends at ${contiguous.length}, which is there`);
      contiguous.forEach((byte, at) => {
        if (model.get(at) !== byte) fail(`Byte ${at} is ${byte}, not ${model.get(at)}`);
      });
    }
  },
};
