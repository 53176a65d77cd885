import { assertEquals } from "@std/assert";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { readIp } from "../../../src/wire/ip.ts";

function read(text: string): { family: number; words: number[] } {
  const words = new Uint16Array(8).fill(0xaaaa);
  const family = readIp(text, words);
  return { family, words: family === 0 ? [] : [...words] };
}

const LITERALS: readonly [string, 0 | 4 | 6][] = [
  ["192.0.2.1", 4],
  ["0.0.0.0", 4],
  ["255.255.255.255", 4],
  ["::ffff:192.0.2.1", 4],
  ["::ffff:c000:201", 4],
  ["0:0:0:0:0:FFFF:192.0.2.1", 4],
  ["::", 6],
  ["::1", 6],
  ["1::", 6],
  ["2001:DB8::1", 6],
  ["1:2:3:4:5:6:7::", 6],
  ["::2:3:4:5:6:7:8", 6],
  ["64:ff9b::192.0.2.33", 6],
  ["fe80::1%eth0", 6],
  ["", 0],
  [":", 0],
  [":::", 0],
  ["1:", 0],
  [":1:2:3:4:5:6:7", 0],
  ["1:2:3:4:5:6:7", 0],
  ["1:2:3:4:5:6:7:8:9", 0],
  ["1:2:3:4::5:6:7:8", 0],
  ["1::2::3", 0],
  ["12345::", 0],
  ["g::", 0],
  ["::1.2.3", 0],
  ["1:2:3:4:5:6:7:1.2.3.4", 0],
  ["1.2.3", 0],
  ["1.2.3.4.5", 0],
  ["1.2.3.256", 0],
  ["01.2.3.4", 0],
  ["1..2.3", 0],
  ["1.2.3.4 ", 0],
  ["example.com", 0],
];

for (const [text, family] of LITERALS) {
  Deno.test(`resolve ip: "${text}" is ${family === 0 ? "no literal" : `IPv${family}`}`, () => {
    assertEquals(read(text).family, family);
  });
}

Deno.test("resolve ip: spellings of one address give the same words", () => {
  assertEquals(read("2001:DB8:0:0::1"), read("2001:db8::1"));
  assertEquals(read("::ffff:192.0.2.1"), read("192.0.2.1"));
});

Deno.test("resolve ip: agrees with ipaddr.js on every address and spelling", () => {
  const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.nat(0xffff));
  fc.assert(fc.property(fc.array(word, { minLength: 8, maxLength: 8 }), (parts) => {
    const bytes = parts.flatMap((part) => [part >>> 8, part & 0xff]);
    const address = new ipaddr.IPv6(bytes);
    for (const text of [address.toString(), address.toNormalizedString()]) {
      assertEquals(read(text).words, parts);
    }
  }));
  fc.assert(fc.property(fc.ipV4(), (text) => {
    assertEquals(
      read(text).words.slice(6).join(),
      ipaddr.IPv4.parse(text).toIPv4MappedAddress().parts.slice(6).join(),
    );
  }));
});

Deno.test("resolve ip: accepts exactly what node:net accepts", () => {
  const soup = fc.string({ unit: fc.constantFrom(..."0123af:.:"), maxLength: 24 });
  fc.assert(
    fc.property(fc.oneof(soup, fc.ipV6(), fc.ipV4(), fc.string()), (text) => {
      fc.pre(!text.includes("%"));
      assertEquals(read(text).family !== 0, isIP(text) !== 0, text);
    }),
    { numRuns: 2000 },
  );
});
