import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  encodeOwnHeader,
  encodeProxyHeader,
  parseProxyHeader,
  type ProxyAddresses,
  type ProxyHeader,
} from "../../../src/wire/proxy_protocol.ts";
import { bytesOf, concat } from "../_hello.ts";

const SIGNATURE = bytesOf("\r\n\r\n\0\r\nQUIT\n");
const V4 = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 4, 0x01, 0xbb];
const V4_ADDRESSES = {
  source: { host: "192.0.2.1", port: 56_324 },
  destination: { host: "198.51.100.7", port: 443 },
};
const V6_ADDRESSES = {
  source: { host: "2001:db8::1", port: 1 },
  destination: { host: "2001:db8::2:0", port: 65_535 },
};
const V6 = [
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0],
  ...[0, 1, 0xff, 0xff],
];
/** A TLV of type 3, CRC-32c, that does not fit, and one of type 2, authority. */
const WRONG_TLVS = [3, 0, 4, 1, 2, 3, 4, 2, 0, 3, 97, 98, 99];
/** A TLV of type 2, authority, one of type 4, no operation, one of a type that has no meaning yet. */
const TLVS = [...tlv(2, [97, 98, 99]), ...tlv(4, [0, 0]), ...tlv(0xe7, [1, 2, 3])];

function tlv(type: number, value: readonly number[], length = value.length): number[] {
  return [type, length >> 8, length & 255, ...value];
}

/** A TLV of type 0x20, with TLVs within. */
function ssl(...inner: number[]): number[] {
  return tlv(0x20, [1, 0, 0, 0, 0, ...inner]);
}

/** CRC-32C by bits (RFC 3720 §B.4): not as the code does it. */
function crc32c(bytes: Uint8Array): number[] {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit++) {
      const odd = (crc ^ byte >> bit) & 1;
      crc = (crc >>> 1 ^ (odd === 1 ? 0x82f63b78 : 0)) >>> 0;
    }
  }
  return [24, 16, 8, 0].map((shift) => ~crc >>> shift & 255);
}

/** Makes a header whose TLVs have the right checksum in place of the first one of four zeros. */
function summed(family: number, block: readonly number[]): Uint8Array {
  const header = v2(0x21, family, block);
  const at = header.findIndex((_, i) =>
    i > 27 && [3, 0, 4, 0, 0, 0, 0].every((byte, j) => header[i + j] === byte)
  );
  header.set(crc32c(header), at + 3);
  return header;
}
const ZERO_SUM = tlv(3, [0, 0, 0, 0]);

/** Makes a version 2 header; `length` may be wrong. */
function v2(command: number, family: number, block: readonly number[], length = block.length) {
  return concat(SIGNATURE, [command, family, length >> 8, length & 255], block);
}

/** Expects a header at the input's end and not before, whatever follows it. */
function assertHeader(bytes: Uint8Array, expected: Omit<ProxyHeader, "length">): void {
  const header = { length: bytes.length, ...expected };
  for (const tail of ["", "\r\n", "GET / HTTP/1.1\r\n\r\n"]) {
    assertEquals(parseProxyHeader(concat(bytes, bytesOf(tail))), { kind: "header", header });
  }
  for (let size = 0; size < bytes.length; size++) {
    const result = parseProxyHeader(bytes.subarray(0, size));
    assert(result.kind === "need_more", `${result.kind} at ${size} of ${bytes.length} bytes`);
    assert(result.bytes > size && result.bytes <= bytes.length, `asks for ${result.bytes}`);
  }
}

Deno.test("proxy protocol: parses version 1", () => {
  const table: [string, Omit<ProxyHeader, "length">][] = [
    ["PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", V4_ADDRESSES],
    ["PROXY TCP6 2001:db8::1 2001:DB8:0:0:0:0:2:0 1 65535\r\n", V6_ADDRESSES],
    ["PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n", {
      source: { host: "0.0.0.0", port: 0 },
      destination: { host: "255.255.255.255", port: 65_535 },
    }],
    ["PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c633:6407 56324 443\r\n", V4_ADDRESSES],
    ["PROXY UNKNOWN\r\n", {}],
    ["PROXY UNKNOWN whatever this is\r\n", {}],
    [`PROXY UNKNOWN ${"f".repeat(91)}\r\n`, {}],
  ];
  for (const [line, expected] of table) assertHeader(bytesOf(line), expected);
  assertEquals(parseProxyHeader(bytesOf("PROXY U")), { kind: "need_more", bytes: 15 });
});

Deno.test("proxy protocol: refuses malformed lines of version 1", () => {
  const lines = [
    "PROXY \r\n",
    "PROXY TCP4\r\n",
    "PROXY TCP5 192.0.2.1 198.51.100.7 56324 443\r\n",
    "PROXY tcp4 192.0.2.1 198.51.100.7 56324 443\r\n",
    "PROXY UDP4 192.0.2.1 198.51.100.7 56324 443\r\n",
    "PROXY UNKNOWNS\r\n",
    "PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
    "PROXY TCP4 192.0.2.1  198.51.100.7 56324 443\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 1\r\n",
    "PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n",
    "PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n",
    "PROXY TCP4 ::1 ::1 56324 443\r\n",
    "PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 56324 0443\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 56324 -1\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 56324 0x1\r\n",
    "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
    "PROXY \n",
    "PROXY UNKNOWN\n",
    `PROXY UNKNOWN ${"f".repeat(92)}\r\n`,
    `PROXY UNKNOWN ${"f".repeat(93)}`,
  ];
  for (const line of lines) {
    assertEquals(parseProxyHeader(bytesOf(line)), { kind: "invalid" }, JSON.stringify(line));
  }
});

Deno.test("proxy protocol: parses version 2", () => {
  const mapped = [...Array(10).fill(0), 255, 255];
  const bothMapped = [...mapped, ...V4.slice(0, 4), ...mapped, ...V4.slice(4, 8), ...V4.slice(8)];
  const table: [Uint8Array, Omit<ProxyHeader, "length">][] = [
    [v2(0x21, 0x11, V4), V4_ADDRESSES],
    [v2(0x21, 0x12, V4), V4_ADDRESSES],
    [v2(0x21, 0x21, V6), V6_ADDRESSES],
    [v2(0x21, 0x22, V6), V6_ADDRESSES],
    [v2(0x21, 0x21, bothMapped), V4_ADDRESSES],
    [v2(0x21, 0x11, [...V4, ...TLVS]), V4_ADDRESSES],
    [v2(0x21, 0x21, [...V6, ...TLVS]), V6_ADDRESSES],
    [v2(0x21, 0x11, [...V4, ...tlv(4, Array(1500).fill(4))]), V4_ADDRESSES],
    [v2(0x21, 0x11, [...V4, ...tlv(4, []), ...tlv(4, []), ...tlv(1, [104, 50])]), V4_ADDRESSES],
    [v2(0x21, 0x11, [...V4, ...tlv(5, Array(128).fill(9))]), V4_ADDRESSES],
    [v2(0x21, 0x11, [...V4, ...ssl()]), V4_ADDRESSES],
    [v2(0x21, 0x21, [...V6, ...ssl(...tlv(0x21, [84]), ...tlv(0x22, []))]), V6_ADDRESSES],
    [summed(0x11, [...V4, ...ZERO_SUM]), V4_ADDRESSES],
    [summed(0x21, [...V6, ...TLVS, ...ZERO_SUM, ...ssl()]), V6_ADDRESSES],
    [summed(0x12, [...V4, ...tlv(4, Array(15_000).fill(7)), ...ZERO_SUM]), V4_ADDRESSES],
    [summed(0x31, [...Array(216).fill(47), ...ZERO_SUM]), {}],
    [v2(0x20, 0x00, []), {}],
    [v2(0x20, 0x11, V4), {}],
    [v2(0x20, 0xff, [1, 2, 3]), {}],
    [v2(0x20, 0x11, [...V4, ...WRONG_TLVS, 9]), {}],
    [v2(0x21, 0x00, []), {}],
    [v2(0x21, 0x00, TLVS), {}],
    [v2(0x21, 0x00, WRONG_TLVS), {}],
    [v2(0x21, 0x31, Array(216).fill(47)), {}],
    [v2(0x21, 0x32, Array(216).fill(47)), {}],
  ];
  for (const [bytes, expected] of table) assertHeader(bytes, expected);
});

Deno.test("proxy protocol: refuses malformed headers of version 2 as early as possible", () => {
  const table: Record<string, Uint8Array> = {
    "version 1": v2(0x11, 0x11, V4),
    "version 3": v2(0x31, 0x11, V4),
    "command 2": v2(0x22, 0x11, V4),
    "family 4": v2(0x21, 0x41, V6),
    "transport 3": v2(0x21, 0x13, V4),
    "a family without transport": v2(0x21, 0x10, V4),
    "a transport without family": v2(0x21, 0x01, V4),
    "no room for IPv4": v2(0x21, 0x11, V4, 11),
    "no room for IPv6": v2(0x21, 0x21, V6, 35),
    "no room for unix": v2(0x21, 0x31, V6, 215),
    "more than 16 KiB": v2(0x21, 0x11, V4, 16_369),
    "LOCAL of more than 16 KiB": v2(0x20, 0x00, V4, 65_535),
  };
  for (const [name, bytes] of Object.entries(table)) {
    assertEquals(parseProxyHeader(bytes), { kind: "invalid" }, name);
    assertEquals(parseProxyHeader(bytes.subarray(0, 16)), { kind: "invalid" }, name);
  }
  const longest = v2(0x21, 0x11, V4, 16_368);
  assertEquals(parseProxyHeader(longest), { kind: "need_more", bytes: 16_384 });
});

Deno.test("proxy protocol: the checksum is CRC-32C", () => {
  // The check value of the catalogue of CRCs.
  assertEquals(crc32c(bytesOf("123456789")), [0xe3, 0x06, 0x92, 0x83]);
});

Deno.test("proxy protocol: refuses values that contradict themselves or the header", () => {
  const good = summed(0x11, [...V4, ...TLVS, ...ZERO_SUM]);
  const flipped = (at: number) => {
    const bytes = good.slice();
    bytes[at]! ^= 1;
    return bytes;
  };
  const table: Record<string, readonly number[] | Uint8Array> = {
    "a value that overruns by one": tlv(2, [97, 98], 3),
    "a value that overruns by far": tlv(0xee, [1, 2], 65_535),
    "an overrun after good ones": [...TLVS, ...tlv(4, [], 1)],
    "a stump of one byte": [2],
    "a stump of two bytes": [2, 0],
    "a byte left over": [...TLVS, 9],
    "two bytes left over": [...TLVS, 4, 0],
    "a byte left over after no operation": [...tlv(4, []), 4],
    "a checksum that is wrong": WRONG_TLVS,
    "a checksum of zeros": ZERO_SUM,
    "a checksum of three bytes": tlv(3, [1, 2, 3]),
    "a checksum of five bytes": tlv(3, [1, 2, 3, 4, 5]),
    "a checksum of none": tlv(3, []),
    "two checksums": summed(0x11, [...V4, ...ZERO_SUM, ...ZERO_SUM]),
    "an address that is changed": flipped(16),
    "a port that is changed": flipped(27),
    "a value that is changed": flipped(31),
    "a checksum that is changed": flipped(good.length - 1),
    "a unique ID that is too long": tlv(5, Array(129).fill(9)),
    "TLS details that are too short": tlv(0x20, [1, 0, 0, 0]),
    "TLS details of nothing": tlv(0x20, []),
    "an overrun within TLS details": ssl(...tlv(0x21, [84], 2)),
    "a stump within TLS details": ssl(0x21, 0),
    "a byte left over within TLS details": ssl(...tlv(0x21, [84]), 1),
    "TLS details that reach into what follows": [...ssl(...tlv(0x21, [], 4)), ...tlv(4, [0])],
  };
  for (const [name, tlvs] of Object.entries(table)) {
    const bytes = tlvs instanceof Uint8Array ? tlvs : v2(0x21, 0x11, [...V4, ...tlvs]);
    for (const tail of ["", "GET / HTTP/1.1\r\n\r\n"]) {
      assertEquals(parseProxyHeader(concat(bytes, bytesOf(tail))), { kind: "invalid" }, name);
    }
    if (tlvs instanceof Uint8Array) continue;
    const wide = v2(0x21, 0x21, [...V6, ...tlvs]);
    assertEquals(parseProxyHeader(wide), { kind: "invalid" }, `${name}, IPv6`);
    const unix = v2(0x21, 0x31, [...Array(216).fill(47), ...tlvs]);
    assertEquals(parseProxyHeader(unix), { kind: "invalid" }, `${name}, unix`);
  }
});

Deno.test('proxy protocol: says "none" at the first byte that cannot belong to a header', () => {
  for (const signature of [bytesOf("PROXY "), SIGNATURE]) {
    for (let at = 0; at < signature.length; at++) {
      const bytes = signature.slice(0, at + 1);
      bytes[at]! ^= 0x80;
      assertEquals(parseProxyHeader(bytes), { kind: "none" }, `byte ${at}`);
    }
  }
  const none = { kind: "none" } as const;
  assertEquals(parseProxyHeader(bytesOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")), none);
  assertEquals(parseProxyHeader(bytesOf("\r\nGET / HTTP/1.1\r\n\r\n")), none);
  assertEquals(parseProxyHeader(bytesOf("proxy TCP4 ")), none);
});

Deno.test("proxy protocol: writes both versions byte for byte", () => {
  const tcp = { ...V4_ADDRESSES, transport: "tcp" } as const;
  const udp6 = { ...V6_ADDRESSES, transport: "udp" } as const;
  const mixed = { ...tcp, destination: V6_ADDRESSES.destination };
  const text = (addresses: ProxyAddresses) =>
    new TextDecoder().decode(encodeProxyHeader("v1", addresses));
  assertEquals(text(tcp), "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n");
  assertEquals(
    text({ ...udp6, transport: "tcp" }),
    "PROXY TCP6 2001:db8::1 2001:db8::2:0 1 65535\r\n",
  );
  assertEquals(text(mixed), "PROXY TCP6 ::ffff:c000:201 2001:db8::2:0 56324 65535\r\n");
  assertEquals(text(udp6), "PROXY UNKNOWN\r\n");
  assertEquals(encodeProxyHeader("v2", tcp), v2(0x21, 0x11, V4));
  assertEquals(encodeProxyHeader("v2", udp6), v2(0x21, 0x22, V6));
  const wide = [...Array(10).fill(0), 255, 255, ...V4.slice(0, 4), ...V6.slice(16, 32)];
  const ports = [0xdc, 4, 0xff, 0xff];
  assertEquals(encodeProxyHeader("v2", mixed), v2(0x21, 0x21, [...wide, ...ports]));
});

Deno.test("proxy protocol: writes addresses as dual-stack and scoped sockets show them", () => {
  const encode = (from: string, to: string) =>
    parseProxyHeader(encodeProxyHeader("v2", {
      source: { host: from, port: 1 },
      destination: { host: to, port: 2 },
      transport: "tcp",
    }));
  const table = [
    ["::ffff:192.0.2.1", "::ffff:198.51.100.7", "192.0.2.1", "198.51.100.7", 28],
    ["192.0.2.1", "::ffff:c633:6407", "192.0.2.1", "198.51.100.7", 28],
    ["fe80::1%eth0.5", "fe80::2%3", "fe80::1", "fe80::2", 52],
  ] as const;
  for (const [from, to, host, other, length] of table) {
    const header = {
      length,
      source: { host, port: 1 },
      destination: { host: other, port: 2 },
    };
    assertEquals(encode(from, to), { kind: "header", header });
  }
});

Deno.test('proxy protocol: says "unknown" if an address is no IP literal', () => {
  const odd = { source: { host: "localhost", port: 1 }, destination: V4_ADDRESSES.destination };
  for (const transport of ["tcp", "udp"] as const) {
    const addresses = { ...odd, transport };
    const swapped = { source: odd.destination, destination: odd.source, transport };
    for (const each of [addresses, swapped]) {
      assertEquals(encodeProxyHeader("v1", each), bytesOf("PROXY UNKNOWN\r\n"));
      assertEquals(encodeProxyHeader("v2", each), v2(0x21, 0, []));
    }
    const nowhere = { source: V4_ADDRESSES.source, destination: undefined, transport };
    assertEquals(encodeProxyHeader("v1", nowhere), bytesOf("PROXY UNKNOWN\r\n"));
    assertEquals(encodeProxyHeader("v2", nowhere), v2(0x21, 0, []));
  }
});

Deno.test("proxy protocol: connections of its own say UNKNOWN and LOCAL", () => {
  assertEquals(encodeOwnHeader("v1"), bytesOf("PROXY UNKNOWN\r\n"));
  assertEquals(encodeOwnHeader("v2"), v2(0x20, 0, []));
});

Deno.test("proxy protocol: reads back what it writes, and truncations as incomplete", () => {
  const v4 = fc.ipV4();
  const hex = fc.nat(65_535).map((group) => group.toString(16));
  // 2000::/3: no mapped address among them, which would come back as IPv4.
  const v6 = fc.array(hex, { minLength: 7, maxLength: 7 }).map((rest) => ["2001", ...rest]);
  const host = fc.oneof(v4, v6.map((groups) => groups.join(":")));
  const endpoint = fc.record({ host, port: fc.nat(65_535) });
  const canonical = (text: string) =>
    text.includes(":") ? new URL(`http://[${text}]`).hostname : text;
  const version = fc.constantFrom("v1" as const, "v2" as const);
  fc.assert(fc.property(version, endpoint, endpoint, (format, source, destination) => {
    const bytes = encodeProxyHeader(format, { source, destination, transport: "tcp" });
    assertHeader(bytes, {
      source: { host: canonical(source.host).replace(/[[\]]/g, ""), port: source.port },
      destination: {
        host: canonical(destination.host).replace(/[[\]]/g, ""),
        port: destination.port,
      },
    });
  }));
});

Deno.test("proxy protocol: never throws on noise, and longer input does not change a verdict", () => {
  const seeds = [
    bytesOf("PROXY "),
    bytesOf("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
    bytesOf("PROXY TCP6 ::1 ::2 1 2\r\n"),
    SIGNATURE,
    v2(0x21, 0x11, V4),
    v2(0x21, 0x21, V6),
    v2(0x21, 0x11, [...V4, ...TLVS, ...ssl(...tlv(0x21, [84]))]),
    summed(0x11, [...V4, ...TLVS, ...ZERO_SUM]),
  ];
  const input = fc.tuple(
    fc.constantFrom(new Uint8Array(0), ...seeds),
    fc.nat(60),
    fc.uint8Array({ maxLength: 120 }),
    fc.option(fc.tuple(fc.nat(), fc.nat(255))),
  );
  fc.assert(fc.property(input, ([seed, cut, tail, change]) => {
    const bytes = concat(seed.subarray(0, Math.max(0, seed.length - cut % 20)), tail);
    if (change !== null && bytes.length > 0) bytes[change[0] % bytes.length] = change[1];
    let settled: unknown;
    let needed = 0;
    for (let size = 0; size <= bytes.length; size++) {
      const result = parseProxyHeader(bytes.subarray(0, size));
      if (settled !== undefined) assertEquals(result, settled);
      if (result.kind === "need_more") {
        assert(result.bytes > size);
        needed = result.bytes;
        continue;
      }
      if (result.kind === "header") {
        assert(size >= needed && result.header.length === size || settled);
      }
      settled = result;
    }
  }));
});
