import { assertEquals } from "@std/assert";
import { socks4, socks5 } from "../../../src/detect/socks.ts";
import { bytesOf, concat } from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise } from "./_stream.ts";
import { capture } from "./_vectors.ts";

const CONNECT = [4, 1, 0, 80, 192, 0, 2, 1];
const CONNECT_4A = [4, 1, 0, 80, 0, 0, 0, 1];

Deno.test("detect socks5: matches curl's greeting, and not a byte earlier", () => {
  assertMatches(socks5, capture("socks5_curl"), {});
});

Deno.test("detect socks5: takes assigned and private methods beside a common one", () => {
  for (const methods of [[0], [2], [0, 1, 2], [0x80, 0xfe, 0], [9, 8, 7, 6, 5, 4, 3, 2]]) {
    assertMatches(socks5, Uint8Array.from([5, methods.length, ...methods]), {});
  }
});

Deno.test("detect socks5: rejects greetings that no client sends", () => {
  for (const bytes of [[4], [5, 0], [5, 1, 0xff], [5, 1, 3], [5, 2, 0, 10], [5, 2, 0, 0x7f]]) {
    assertEquals(ask(socks5, Uint8Array.from(bytes)).kind, "no_match", `${bytes}`);
  }
});

Deno.test("detect socks5: does not take a DCE/RPC bind for a greeting", () => {
  assertEquals(ask(socks5, Uint8Array.from([5, 0, 0x0b, 3, 0x10, 0, 0, 0])).kind, "no_match");
});

Deno.test("detect socks4: matches curl's requests by address and by name", () => {
  assertMatches(socks4, capture("socks4_curl"), {});
  assertMatches(socks4, capture("socks4a_curl"), {});
});

Deno.test("detect socks4: takes a user name, and BIND", () => {
  assertMatches(socks4, concat(CONNECT, bytesOf("user\0")), {});
  assertMatches(socks4, concat([4, 2], CONNECT.slice(2), bytesOf("user\0")), {});
  assertMatches(socks4, concat(CONNECT_4A, bytesOf("user\0host.example\0")), {});
});

Deno.test("detect socks4: rejects requests that no client sends", () => {
  const cases = [
    Uint8Array.from([5]),
    Uint8Array.from([4, 0]),
    Uint8Array.from([4, 3]),
    concat(CONNECT, [7]),
    concat(CONNECT, new Uint8Array(256).fill(0x61)),
    concat(CONNECT_4A, bytesOf("\0\0")),
    concat(CONNECT_4A, bytesOf("\0a\tb")),
    concat(CONNECT_4A, [0], new Uint8Array(256).fill(0x61)),
  ];
  for (const bytes of cases) assertEquals(ask(socks4, bytes).kind, "no_match", `${bytes}`);
});

Deno.test("detect socks: stays sound on noise and damaged requests", () => {
  assertSoundOnNoise(socks5, [Uint8Array.from([5, 2, 0, 2]), Uint8Array.from([5, 40])]);
  const requests = [concat(CONNECT, bytesOf("user\0")), concat(CONNECT_4A, bytesOf("\0host\0"))];
  assertSoundOnNoise(socks4, requests);
});
