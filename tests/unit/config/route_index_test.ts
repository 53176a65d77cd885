/** The index of earlier routes against the plain way: each compared with each. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { keysOf, RouteIndex } from "../../../src/config/route_index.ts";
import type { MatchConfig } from "../../../src/config/schema.ts";

interface Route {
  readonly cells: readonly string[];
  readonly match: MatchConfig;
}

function patternCovers(wide: string, narrow: string): boolean {
  if (wide === "*" || wide === narrow) return true;
  if (!wide.startsWith("*.")) return false;
  const suffix = wide.slice(1);
  return narrow.startsWith("*.") ? narrow.slice(1).endsWith(suffix) : narrow.endsWith(suffix);
}

function toNetwork(
  text: string,
): { readonly address: ipaddr.IPv4 | ipaddr.IPv6; readonly bits: number } {
  const [host = "", digits] = text.split("/");
  const address = ipaddr.parse(host);
  const bits = digits === undefined ? address.toByteArray().length * 8 : +digits;
  if (address instanceof ipaddr.IPv6 && bits >= 96 && address.isIPv4MappedAddress()) {
    return { address: address.toIPv4Address(), bits: bits - 96 };
  }
  return { address, bits };
}

function networkCovers(wide: string, narrow: string): boolean {
  const [outer, inner] = [toNetwork(wide), toNetwork(narrow)];
  return outer.address.kind() === inner.address.kind() && outer.bits <= inner.bits &&
    inner.address.match(outer.address, outer.bits);
}

const COVERS = {
  sni: patternCovers,
  host: patternCovers,
  alpn: (wide: string, narrow: string) => wide === narrow,
  ja4: (wide: string, narrow: string) =>
    wide === narrow || (wide.endsWith("*") && narrow.startsWith(wide.slice(0, -1))),
  source: networkCovers,
};

type Condition = keyof typeof COVERS;
const CONDITIONS = Object.keys(COVERS) as Condition[];

function covers(wide: MatchConfig, narrow: MatchConfig): boolean {
  return CONDITIONS.every((condition) => {
    const [all, some] = [wide[condition], narrow[condition]];
    if (all === undefined) return true;
    return some?.every((item) => all.some((other) => COVERS[condition](other, item))) ?? false;
  });
}

/** The hiders of each route by their numbers; a route that is hidden hides none. */
function plainly(routes: readonly Route[]): (readonly number[] | undefined)[] {
  const earlier: number[] = [];
  return routes.map(({ cells, match }, index) => {
    const left = new Set(cells);
    const hiders: number[] = [];
    for (const other of earlier) {
      if (left.size === 0 || !covers(routes[other]!.match, match)) continue;
      const before = left.size;
      for (const cell of routes[other]!.cells) left.delete(cell);
      if (left.size < before) hiders.push(other);
    }
    if (left.size === 0) return hiders;
    earlier.push(index);
    return undefined;
  });
}

function byIndex(routes: readonly Route[]): (readonly number[] | undefined)[] {
  const takers = routes.map(({ cells, match }, number) => ({
    cells: new Set(cells),
    keys: keysOf(match),
    number,
  }));
  const index = new RouteIndex(takers);
  return takers.map((taker) => {
    const hiders = index.hiders(taker);
    if (hiders === undefined) index.add(taker);
    return hiders?.map(({ number }) => number);
  });
}

const NAMES = ["*", "*.b", "*.a.b", "a.b", "x.a.b", "*.x.a.b", "y.x.a.b", "c", "b.b", "*.c"];
const POOLS = {
  sni: NAMES,
  host: [...NAMES, "10.0.0.1", "::1"],
  alpn: ["h2", "http/1.1", "x"],
  ja4: ["t*", "q*", "*", "t13*", "t13d*", "t13d1516h2_8daaf6152771_02713d6af862"],
  source: [
    ...["0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/8", "10.0.0.0/9", "10.1.0.0/16", "10.1.2.3", "::/0"],
    ...["2001:db8::/32", "2001:db8::1", "::ffff:10.0.0.0/104", "::ffff:0:0/90"],
  ],
};

const match: fc.Arbitrary<MatchConfig> = fc.record(
  Object.fromEntries(
    CONDITIONS.map((condition) => [
      condition,
      // Long lists are found another way than short ones.
      fc.oneof(
        {
          weight: 4,
          arbitrary: fc.array(fc.constantFrom(...POOLS[condition]), { minLength: 1, maxLength: 2 }),
        },
        {
          weight: 1,
          arbitrary: fc.array(fc.constantFrom(...POOLS[condition]), {
            minLength: 5,
            maxLength: 12,
          }),
        },
      ),
    ]),
  ),
  { requiredKeys: [] },
);
const route = fc.record({
  cells: fc.uniqueArray(fc.constantFrom("tcp/a", "tcp/b", "udp/a", "udp/c"), { minLength: 1 }),
  match,
});

Deno.test("config route index: finds the same hidden routes as comparing each with each", () => {
  fc.assert(
    fc.property(fc.array(route, { maxLength: 12 }), (routes) => {
      assertEquals(byIndex(routes), plainly(routes));
    }),
    { numRuns: 2000 },
  );
});
