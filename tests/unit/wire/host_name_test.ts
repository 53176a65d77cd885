import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { hostNames } from "../../../src/facts/host_names.ts";
import { parseSocketAddress } from "../../../src/wire/address.ts";
import { hostOf } from "../../../src/wire/authority.ts";
import { parseClientHello } from "../../../src/wire/client_hello.ts";
import { hostName, isHostName, readHostName } from "../../../src/wire/host_name.ts";
import { buildClientHello, bytesOf, concat } from "../_hello.ts";

const LABEL = "a".repeat(63);
const LONGEST = `${LABEL}.${LABEL}.${LABEL}.${"a".repeat(61)}`;

/** What is a name, and how it is spelt. */
const NAMES: Readonly<Record<string, string>> = {
  "a": "a",
  "localhost": "localhost",
  "WWW.Example.COM": "www.example.com",
  "www.example.com.": "www.example.com",
  "xn--bcher-kva.example": "xn--bcher-kva.example",
  "_dmarc.a_b.example_": "_dmarc.a_b.example_",
  "r3---sn-4g5.example": "r3---sn-4g5.example",
  "1.2.3.4.example": "1.2.3.4.example",
  "3com.example": "3com.example",
  "192.0.2.7a": "192.0.2.7a",
  "0x7g": "0x7g",
  "a.0a": "a.0a",
  [`${LABEL}.example`]: `${LABEL}.example`,
  [LONGEST]: LONGEST,
  [`${LONGEST}.`]: LONGEST,
};

/** Invalid names, except for IP addresses. */
const OTHERS: readonly string[] = [
  "",
  ".",
  "..",
  "*",
  "*.foo.example",
  "a.*.example",
  "..foo.example",
  ".foo.example",
  "a..foo.example",
  "foo.example..",
  "a/b.foo.example",
  "foo.example:443",
  "foo.example:",
  "user@foo.example",
  "-a.example",
  "a-.example",
  "a.-",
  "a b.example",
  " a.example",
  "a.example ",
  "a\0.example",
  "a~b.example",
  "a,b.example",
  "a%2eexample",
  "b\xfccher.example",
  "a\x7f.example",
  "[::1]",
  "127.1",
  "0x7f.1",
  "0x7f000001",
  "0x",
  "a.0x1F",
  "a.1",
  "1",
  "256.0.0.1",
  "192.000.002.007",
  `${LABEL}a.example`,
  `${LONGEST}a`,
  `${LONGEST}..`,
  "a".repeat(300),
];

const ADDRESSES = ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "::"];

Deno.test("wire host name: returns names in lower case, without the dot at their end", () => {
  for (const [text, name] of Object.entries(NAMES)) assertEquals(hostName(text), name, text);
});

Deno.test("wire host name: refuses text that is no name", () => {
  for (const text of [...OTHERS, ...ADDRESSES]) {
    assertEquals([hostName(text), isHostName(text)], [undefined, false], text);
  }
});

Deno.test("wire host name: reads bytes like text, whatever stands around them", () => {
  for (const text of [...Object.keys(NAMES), ...OTHERS, ...ADDRESSES]) {
    const bytes = concat(bytesOf("a."), bytesOf(text), bytesOf(".b"));
    assertEquals(readHostName(bytes, 2, 2 + text.length), hostName(text), text);
  }
});

Deno.test("names: are the same in the file, in hellos, in HTTP and in targets", () => {
  for (const [text, name] of Object.entries(NAMES)) {
    assertEquals(hostNames({ ip: false }).parse(text), name);
    assertEquals(hostNames({ ip: true }).parse(`*.${text}`), `*.${name}`);
    assertEquals(hostOf(text), name);
    assertEquals(hostOf(`${text}:443`), name);
    const hello = parseClientHello(buildClientHello({ sni: text }));
    assertEquals(hello.kind === "hello" && [hello.sni, hello.doubt], [name, undefined]);
    const target = parseSocketAddress(`${text}:443`);
    assertEquals(typeof target === "string" ? target : target.host, text);
  }
});

Deno.test("names: an invalid name is invalid everywhere", () => {
  for (const text of OTHERS) {
    if (!text.startsWith("*")) {
      assertEquals(typeof hostNames({ ip: true }).parse(text), "object", text);
    }
    // With a port, and with brackets, it is a host and more.
    if (!/:[0-9]*$|^\[/.test(text)) assertEquals(hostOf(text), undefined, text);
    const hello = parseClientHello(buildClientHello({ sni: text }));
    const doubt = text === "" ? undefined : "bad_name";
    assertEquals(hello.kind === "hello" && [hello.sni, hello.doubt], [undefined, doubt], text);
    assertEquals(typeof parseSocketAddress(`${text}:443`), text === "[::1]" ? "object" : "string");
  }
});

Deno.test("names: an IP address is an HTTP host, and no server name", () => {
  for (const text of ADDRESSES) {
    assertEquals(hostNames({ ip: true }).parse(text), text);
    assertEquals(typeof hostNames({ ip: false }).parse(text), "object");
    assertEquals(hostOf(text.includes(":") ? `[${text}]:80` : `${text}:80`), text);
    const hello = parseClientHello(buildClientHello({ sni: text }));
    assertEquals(hello.kind === "hello" && [hello.sni, hello.doubt], [undefined, undefined]);
  }
  assertEquals(hostOf("192.0.2.7.:80"), "192.0.2.7");
  assertEquals(hostNames({ ip: true }).parse("192.0.2.7."), "192.0.2.7");
  assertEquals(hostName("192.0.2.7."), undefined);
});

Deno.test("wire host name: is a fixed point, for any text", () => {
  const part = fc.constantFrom(
    "a",
    "B",
    "0",
    "x",
    "-",
    "_",
    ".",
    "..",
    "*",
    " ",
    "é",
    "0x1",
    LABEL,
  );
  fc.assert(fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
    const name = hostName(parts.join(""));
    if (name !== undefined) assertEquals([hostName(name), name.length <= 253], [name, true]);
  }));
});
