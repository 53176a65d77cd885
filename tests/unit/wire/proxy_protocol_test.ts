import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
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
const TLVS = [3, 0, 4, 1, 2, 3, 4, 2, 0, 3, 97, 98, 99];

/** A version 2 header; `length` lies where it is given. */
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
    [v2(0x21, 0x21, [...V6, ...TLVS, 9]), V6_ADDRESSES],
    [v2(0x21, 0x11, [...V4, ...Array(1500).fill(4)]), V4_ADDRESSES],
    [v2(0x20, 0x00, []), {}],
    [v2(0x20, 0x11, V4), {}],
    [v2(0x20, 0xff, [1, 2, 3]), {}],
    [v2(0x21, 0x00, []), {}],
    [v2(0x21, 0x00, TLVS), {}],
    [v2(0x21, 0x31, Array(216).fill(47)), {}],
    [v2(0x21, 0x32, Array(216).fill(47)), {}],
  ];
  for (const [bytes, expected] of table) assertHeader(bytes, expected);
});

Deno.test("proxy protocol: refuses malformed headers of version 2 as soon as they show", () => {
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

Deno.test("proxy protocol: says none at the first byte that cannot be a header's", () => {
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

Deno.test("proxy protocol: says unknown where an address is no IP literal", () => {
  const odd = { source: { host: "localhost", port: 1 }, destination: V4_ADDRESSES.destination };
  for (const transport of ["tcp", "udp"] as const) {
    const addresses = { ...odd, transport };
    const swapped = { source: odd.destination, destination: odd.source, transport };
    for (const each of [addresses, swapped]) {
      assertEquals(encodeProxyHeader("v1", each), bytesOf("PROXY UNKNOWN\r\n"));
      assertEquals(encodeProxyHeader("v2", each), v2(0x21, 0, []));
    }
  }
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

Deno.test("proxy protocol: never throws on noise, nor changes its mind about longer input", () => {
  const seeds = [
    bytesOf("PROXY "),
    bytesOf("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
    bytesOf("PROXY TCP6 ::1 ::2 1 2\r\n"),
    SIGNATURE,
    v2(0x21, 0x11, V4),
    v2(0x21, 0x21, V6),
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
