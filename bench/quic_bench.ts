/**
 * The cost of QUIC detection for a new flow, honest or forged, in addition to the 7 to 18 µs of each
 * datagram's sockets. Datagrams of open flows are never looked at.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { quic } from "../src/detect/quic.ts";
import { wireguard } from "../src/detect/wireguard.ts";
import { InitialKeys } from "../src/wire/quic_keys.ts";
import { parsePacket } from "../src/wire/quic_packet.ts";
import { buildClientHello } from "../tests/unit/_hello.ts";
import { buildInitial, cryptoFrame, DCID, MIN_DATAGRAM } from "../tests/unit/_quic.ts";

const FORGERIES = 4096;

const small = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size: 300 });
const one = [buildInitial(cryptoFrame(small), { size: MIN_DATAGRAM })];
const large = buildClientHello({ sni: "www.example.com", alpn: ["h3"], size: 1800 });
const two = [[1100, 1800], [0, 1100]].map(([from, to], number) =>
  buildInitial(cryptoFrame(large, from, to), { size: MIN_DATAGRAM, number })
);

Deno.bench("hello in one datagram", { group: "flow", baseline: true }, () => {
  quic.udp?.([...one]);
});
Deno.bench("hello in two datagrams, the second first", { group: "flow" }, () => {
  const flow = two.slice(0, 1);
  quic.udp?.(flow);
  flow.push(two[1]!);
  quic.udp?.(flow);
});

// A flood: the header of an Initial packet, the rest random.
const forged = Array.from({ length: FORGERIES }, () => {
  const datagram = one[0]!.slice();
  crypto.getRandomValues(datagram.subarray(18));
  datagram[0]! ^= crypto.getRandomValues(new Uint8Array(1))[0]! & 15;
  crypto.getRandomValues(datagram.subarray(6, 14));
  return datagram;
});
let next = 0;
Deno.bench("forged Initial packet", { group: "flow" }, () => {
  quic.udp?.([forged[next = (next + 1) % FORGERIES]!]);
});

// Only the tag is wrong: the most expensive forgery.
const nearly = forged.map((datagram) => {
  const dcid = datagram.slice(6, 14);
  const sealed = buildInitial(cryptoFrame(small), { size: MIN_DATAGRAM, dcid });
  return sealed.with(-1, sealed.at(-1)! ^ 1);
});
Deno.bench("Initial packet, forged but for the tag", { group: "flow" }, () => {
  quic.udp?.([nearly[next = (next + 1) % FORGERIES]!]);
});
const stumps = forged.map((datagram) => datagram.slice(0, 40));
Deno.bench("40 bytes that look like an Initial packet", { group: "flow" }, () => {
  quic.udp?.([stumps[next = (next + 1) % FORGERIES]!]);
});

const [datagram] = one;
const packet = datagram && parsePacket(datagram, 0);
const keys = new InitialKeys("1", DCID);
Deno.bench("derive secret and header key", { group: "step" }, () => {
  new InitialKeys("1", DCID);
});
Deno.bench("open with keys at hand", { group: "step" }, () => {
  if (datagram !== undefined && packet !== undefined) keys.open(datagram, packet);
});

const noise = [Uint8Array.from({ length: MIN_DATAGRAM }, (_, i) => i * 31 + 1)];
Deno.bench("noise, QUIC and WireGuard", { group: "noise" }, () => {
  quic.udp?.(noise);
  wireguard.udp?.(noise);
});

// Shows why keys and ciphers are computed by hand: the same parts by node:crypto.
const key = new Uint8Array(32).fill(3);
const label = new Uint8Array(20).fill(7);
const salt = new Uint8Array(20);
Deno.bench("hkdfSync: extract and expand", { group: "crypto" }, () => {
  hkdfSync("sha256", DCID, salt, label, 32);
});
Deno.bench("createHmac: extract or expand", { group: "crypto" }, () => {
  createHmac("sha256", key).update(label).digest();
});
const short = key.subarray(0, 16);
Deno.bench("aes-128-ecb, one block", { group: "crypto" }, () => {
  const cipher = createCipheriv("aes-128-ecb", short, null);
  cipher.update(short);
  cipher.final();
});
const iv = new Uint8Array(12);
const sealing = createCipheriv("aes-128-gcm", short, iv).setAAD(label);
const sealed = sealing.update(new Uint8Array(1162));
sealing.final();
const tag = sealing.getAuthTag();
Deno.bench("aes-128-gcm, 1162 bytes", { group: "crypto" }, () => {
  const aead = createDecipheriv("aes-128-gcm", short, iv, { authTagLength: 16 });
  aead.setAAD(label);
  aead.setAuthTag(tag);
  aead.update(sealed);
  aead.final();
});
