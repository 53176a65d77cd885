import { assertEquals } from "@std/assert";
import { hostOf } from "../../../src/wire/authority.ts";

Deno.test("wire authority: takes the host without port, case, brackets and trailing dot", () => {
  const cases: Readonly<Record<string, string>> = {
    "example.com": "example.com",
    "EXAMPLE.com:8080": "example.com",
    "example.com.": "example.com",
    "example.com.:443": "example.com",
    "example.com:": "example.com",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
    "my_service": "my_service",
    "192.0.2.1:80": "192.0.2.1",
    "[2001:DB8::1]": "2001:db8::1",
    "[::1]:8080": "::1",
    "[::ffff:192.0.2.1]": "::ffff:192.0.2.1",
  };
  for (const [text, host] of Object.entries(cases)) assertEquals(hostOf(text), host, text);
});

Deno.test("wire authority: finds no host in text without one", () => {
  const cases = [
    "",
    ".",
    ":80",
    "a b",
    "a,b",
    "a/b",
    "user@example.com",
    "b\xfccher.example",
    "a:b",
    "a:123456",
    "::1",
    "[::1",
    "[1.2.3.4]",
    "[:::]",
    "[fe80::1%eth0]",
    "a".repeat(300),
  ];
  for (const text of cases) assertEquals(hostOf(text), undefined, text);
});
