import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { isGrease, parseClientHello } from "../../../src/wire/client_hello.ts";
import { buildClientHello, bytesOf, concat, type Extension, prefixed } from "../_hello.ts";

const GREASE: readonly Extension[] = [[0x0a0a, new Uint8Array(0)], [0xfafa, Uint8Array.of(0)]];

/** Returns name and ALPN of a hello, or the result if it is none. */
function parsed(handshake: Uint8Array): unknown {
  const result = parseClientHello(handshake);
  if (result.kind !== "hello") return result;
  const { kind, sni, alpn } = result;
  return { kind, ...(sni !== undefined && { sni }), ...(alpn !== undefined && { alpn }) };
}

/** A server_name extension's data with these entries. */
function names(...entries: readonly (readonly [type: number, name: string])[]): Uint8Array {
  const list = entries.map(([type, name]) => concat([type], prefixed(2, bytesOf(name))));
  return prefixed(2, concat(...list));
}

Deno.test("wire client hello: reads server name and ALPN in the client's order", () => {
  const hello = buildClientHello({ sni: "www.example.com", alpn: ["http/1.1", "h2", "x"] });
  const expected = {
    kind: "hello",
    sni: "www.example.com",
    alpn: ["http/1.1", "h2", "x"],
  };
  assertEquals(parsed(hello), expected);
});

Deno.test("wire client hello: does not mind GREASE anywhere", () => {
  const hello = buildClientHello({
    suites: [0x2a2a, 0x1301],
    before: GREASE,
    sni: "a.example",
    alpn: ["\x0a\x0a", "h2"],
    after: GREASE,
  });
  const expected = { kind: "hello", sni: "a.example", alpn: ["\x0a\x0a", "h2"] };
  assertEquals(parsed(hello), expected);
});

Deno.test("wire client hello: takes hellos without extensions or session id", () => {
  for (const hello of [{ bare: true }, {}, { sessionId: 0 }, { sessionId: 0, bare: true }]) {
    assertEquals(parsed(buildClientHello(hello)), { kind: "hello" });
  }
});

Deno.test("wire client hello: returns server names in lower case without a trailing dot", () => {
  for (const sni of ["WWW.Example.COM", "www.example.com."]) {
    const expected = { kind: "hello", sni: "www.example.com" };
    assertEquals(parsed(buildClientHello({ sni })), expected);
  }
});

Deno.test("wire client hello: leaves out invalid server names", () => {
  for (const sni of ["", ".", "a b", "a\0b", "b\xfccher.example", "a\x7f", "a".repeat(256)]) {
    assertEquals(parsed(buildClientHello({ sni })), { kind: "hello" }, sni);
  }
});

Deno.test("wire client hello: counts the first host name and skips other name types", () => {
  const cases: readonly (readonly [Uint8Array, string | undefined])[] = [
    [names([7, "other"], [0, "one"], [0, "two"]), "one"],
    [names([7, "other"]), undefined],
    [names(), undefined],
    [new Uint8Array(0), undefined],
  ];
  for (const [data, sni] of cases) {
    const result = parsed(buildClientHello({ after: [[0, data]] }));
    assertEquals(result, sni === undefined ? { kind: "hello" } : { kind: "hello", sni });
  }
});

Deno.test("wire client hello: counts the first of repeated extensions", () => {
  const hello = buildClientHello({
    sni: "one",
    alpn: ["h2"],
    after: [[0, names([0, "two"])], [16, Uint8Array.of(0, 2, 1, 0x78)]],
  });
  assertEquals(parsed(hello), { kind: "hello", sni: "one", alpn: ["h2"] });
});

Deno.test("wire client hello: returns the indexes of its other parts", () => {
  for (const sessionId of [0, 32]) {
    const hello = buildClientHello({ sessionId, suites: [0x1301, 0x1302], after: GREASE });
    const suites = 4 + 2 + 32 + 1 + sessionId + 2;
    const extensions = suites + 4 + 2 + 2;
    const expected = { kind: "hello" as const, version: 0x0303, suites, extensions };
    assertEquals(parseClientHello(concat(hello, [1, 2])), { ...expected, bytes: hello.length });
    const bare = buildClientHello({ sessionId, suites: [0x1301, 0x1302], bare: true });
    const end = bare.length;
    assertEquals(parseClientHello(bare), { ...expected, bytes: end, extensions: end });
  }
});

Deno.test("wire client hello: takes the highest version of the first list", () => {
  const cases: readonly (readonly [readonly number[], number])[] = [
    [[4, 3, 3, 3, 4], 0x0304],
    [[6, 0xfa, 0xfa, 3, 2, 3, 1], 0x0302],
    [[2, 0x7f, 0x1c], 0x7f1c],
    [[2, 0x0a, 0x0a], 0],
    [[2, 3, 4, 9, 9], 0x0304],
    [[200, 3, 3, 4], 0x0303],
    [[0, 3, 4], 0],
    [[2], 0],
    [[], 0],
  ];
  const second: Extension = [43, Uint8Array.of(2, 9, 9)];
  for (const [data, version] of cases) {
    const hello = buildClientHello({ after: [[43, Uint8Array.from(data)], second] });
    const result = parseClientHello(hello);
    assert(result.kind === "hello");
    assertEquals(result.version, version, `${data}`);
  }
});

Deno.test("wire client hello: knows GREASE", () => {
  const all = Array.from({ length: 0x10000 }, (_, value) => value).filter(isGrease);
  assertEquals(all, Array.from({ length: 16 }, (_, i) => i * 0x1010 + 0x0a0a));
});

Deno.test("wire client hello: returns its number of bytes, and ignores those after them", () => {
  const hello = buildClientHello({ sni: "a.example" });
  assertEquals(parsed(hello.subarray(0, 0)), { kind: "need_more", bytes: 1 });
  for (let given = 1; given < hello.length; given++) {
    const bytes = given < 4 ? 4 : hello.length;
    assertEquals(parsed(hello.subarray(0, given)), { kind: "need_more", bytes });
  }
  assertEquals(parsed(concat(hello, [1, 2, 3])), { kind: "hello", sni: "a.example" });
});

Deno.test("wire client hello: refuses wrong lengths", () => {
  const extensions: readonly (readonly [string, readonly Extension[]])[] = [
    ["name list too long", [[0, Uint8Array.of(0, 9, 0, 0, 1, 0x61)]]],
    ["name list too short", [[0, Uint8Array.of(0, 3, 0, 0, 1, 0x61)]]],
    ["name too long", [[0, Uint8Array.of(0, 4, 0, 0, 2, 0x61)]]],
    ["name without length", [[0, Uint8Array.of(0, 2, 0, 0)]]],
    ["half a list length", [[0, Uint8Array.of(0)]]],
    ["ALPN list too long", [[16, Uint8Array.of(0, 9, 1, 0x61)]]],
    ["ALPN name too long", [[16, Uint8Array.of(0, 2, 2, 0x61)]]],
    ["ALPN name empty", [[16, Uint8Array.of(0, 3, 0, 1, 0x61)]]],
    ["ALPN list empty", [[16, Uint8Array.of(0, 0)]]],
  ];
  for (const [name, after] of extensions) {
    assertEquals(parsed(buildClientHello({ after })), { kind: "invalid" }, name);
  }
});

Deno.test("wire client hello: refuses wrong fixed fields", () => {
  const at = {
    type: 0,
    length: 1,
    session: 38,
    suites: 71,
    compressions: 79,
    block: 81,
  };
  const damage: readonly (readonly [string, number, number])[] = [
    ["another handshake type", at.type, 2],
    ["a length that no hello has", at.length, 3],
    ["a session id over 32 bytes", at.session, 33],
    ["cipher suites that are odd", at.suites + 1, 5],
    ["no cipher suites", at.suites + 1, 0],
    ["cipher suites past the end", at.suites, 0xff],
    ["no compression method", at.compressions, 0],
    ["compression methods past the end", at.compressions, 0xff],
    ["a block of extensions that ends late", at.block + 1, 19],
    ["a block of extensions that ends early", at.block + 1, 17],
    ["an extension past the end", at.block + 5, 15],
  ];
  const hello = buildClientHello({ sni: "a.example" });
  assertEquals(parseClientHello(hello).kind, "hello");
  assertEquals(hello[at.block + 1], 18);
  for (const [name, index, value] of damage) {
    const damaged = hello.slice();
    damaged[index] = value;
    assertEquals(parsed(damaged), { kind: "invalid" }, name);
  }
});

Deno.test("wire client hello: answers on any damage without throwing", () => {
  const hello = buildClientHello({ sni: "a.example", alpn: ["h2", "http/1.1"] });
  const changes = fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 4 });
  fc.assert(fc.property(changes, fc.nat(hello.length), (changes, length) => {
    const damaged = hello.slice(0, length);
    for (const [index, value] of changes) if (index < length) damaged[index] = value;
    const result = parseClientHello(damaged);
    if (result.kind === "need_more") assert(result.bytes > length);
    if (result.kind === "hello" && result.sni) assert(/^[!-~]{1,255}$/.test(result.sni));
  }));
});
