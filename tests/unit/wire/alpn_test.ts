import { assertEquals, assertLess } from "@std/assert";
import { AlpnSet, NO_ALPN, readAlpn } from "../../../src/wire/alpn.ts";
import { parseClientHello } from "../../../src/wire/client_hello.ts";
import { ja4 } from "../../../src/wire/ja4.ts";
import { buildClientHello, bytesOf, concat, prefixed } from "../_hello.ts";

function read(names: readonly string[], asked: AlpnSet = NO_ALPN): string[] | null {
  const data = prefixed(2, concat(...names.map((name) => prefixed(1, bytesOf(name)))));
  // Among other bytes, as in a hello.
  const hello = concat([9, 9], data, [1, 0x61]);
  return readAlpn(hello, { from: 2, to: 2 + data.length }, asked);
}

Deno.test("wire alpn: keeps the first eight names, cut to 32 bytes", () => {
  const names = Array.from({ length: 12 }, (_, i) => `name-${i}`);
  assertEquals(read(names), names.slice(0, 8));
  assertEquals(read(["x".repeat(32), "x".repeat(33), "x".repeat(255)]), [
    "x".repeat(32),
    `${"x".repeat(32)}…`,
    `${"x".repeat(32)}…`,
  ]);
  assertEquals(read(["\0\xff"]), ["\0\xff"]);
});

Deno.test("wire alpn: keeps asked names wherever they stand, whole and once", () => {
  const long = "x".repeat(200);
  const asked = new AlpnSet(["acme-tls/1", long, "é", "h2"]);
  const many = Array.from({ length: 5000 }, (_, i) => `n${i}`);
  assertEquals(read([...many, "acme-tls/1", "acme-tls/1", long], asked), [
    ...many.slice(0, 8),
    "acme-tls/1",
    long,
  ]);
  assertEquals(read([long, "h2", "h2"], asked), [long, "h2", "h2"]);
  assertEquals(read(["\xc3\xa9", "acme-tls/", "acme-tls/11", "H2"], asked), [
    ...["é", "acme-tls/", "acme-tls/11", "H2"],
  ]);
});

Deno.test("wire alpn: a cut name equals no name that can be asked for", () => {
  const cut = "x".repeat(32);
  assertEquals(read([`${cut}y`], new AlpnSet([cut])), [`${cut}…`]);
});

Deno.test("wire alpn: refuses lists that contradict themselves, even after many names", () => {
  const many = concat(...new Array(3000).fill([1, 0x61]));
  for (const tail of [[0], [2, 0x61], [255], [1, 0x61, 0]]) {
    const data = prefixed(2, concat(many, tail));
    assertEquals(readAlpn(data, { from: 0, to: data.length }, NO_ALPN), null);
  }
});

Deno.test("wire alpn: a fingerprint is made from the first name, not from the part that is kept", () => {
  for (const [name, ends] of [[`h${"x".repeat(200)}2`, "h2"], ["h2", "h2"], ["\xab\xcd", "ad"]]) {
    const bytes = buildClientHello({ alpn: [name!] });
    const hello = parseClientHello(bytes);
    assertEquals(hello.kind === "hello" && ja4(bytes, hello, "t")?.slice(8, 10), ends);
  }
});

/** What one hello's facts hold of it, in bytes. */
function kept(names: readonly string[], asked?: AlpnSet): number {
  const hello = parseClientHello(buildClientHello({ alpn: names }), asked);
  if (hello.kind !== "hello") throw new Error("Not a hello");
  return (hello.alpn ?? []).reduce((sum, name) => sum + 32 + 2 * name.length, 0);
}

Deno.test("wire alpn: no hello has more than 1 KiB of names kept", () => {
  const asked = new AlpnSet(["h2", "http/1.1", "acme-tls/1"]);
  for (const [count, size] of [[235, 255], [15_000, 3], [30_000, 1]]) {
    const name = (i: number) => String(i).padStart(size!, "x").slice(-size!);
    const names = Array.from({ length: count! }, (_, i) => name(i));
    assertLess(kept(names, asked), 1024, `${count} of ${size}`);
  }
});
