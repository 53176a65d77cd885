import { assertEquals } from "@std/assert";
import { arrange, orderAddresses } from "../../../src/resolve/addresses.ts";
import { client, upstream } from "./_upstream.ts";

const V4 = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
const V6 = ["2001:db8::1", "2001:db8::2"];

function families(list: readonly string[]): string {
  return list.map((address) => address.includes(":") ? "6" : "4").join("");
}

Deno.test("resolve addresses: are sorted, unique and alternate between the families", () => {
  const list = arrange([...V4, ...V6, ...V4].toReversed());
  assertEquals(list, [V6[0]!, V4[0]!, V6[1]!, V4[1]!, V4[2]!]);
});

Deno.test("resolve addresses: of a large answer 64 are kept, of both families", () => {
  const many = Array.from({ length: 100 }, (_, i) => `2001:db8::${i + 1}`);
  const list = arrange([...many, ...V4]);
  assertEquals(list.length, 64);
  assertEquals(families(list).slice(0, 8), "64646466");
});

Deno.test("resolve addresses: each call starts at the next if the policy does not hash", () => {
  const web = upstream("round_robin", ["a:1"]);
  const list = arrange([...V4, ...V6]);
  const firsts = [0, 1, 2, 3].map((i) => {
    const ordered = orderAddresses(web, web.targets[0]!, list, client(i));
    assertEquals(families(ordered), "64644");
    assertEquals(ordered.toSorted(), list.toSorted());
    return ordered[0];
  });
  assertEquals(firsts, [V6[0], V6[1], V6[0], V6[1]]);
});

Deno.test("resolve addresses: a single one is given as it is", () => {
  const web = upstream("first", ["a:1"]);
  const list = ["192.0.2.1"];
  assertEquals(orderAddresses(web, web.targets[0]!, list, client(1)), list);
});

for (const balance of ["source_ip", "source_socket", "maglev"] as const) {
  Deno.test(`resolve addresses: ${balance} gives a client the same order every time`, () => {
    const web = upstream(balance, ["a:1"]);
    const order = (list: readonly string[], i: number) =>
      orderAddresses(web, web.targets[0]!, list, client(i));
    const firsts = new Set<string | undefined>();
    for (let i = 0; i < 50; i++) {
      const ordered = order(V4, i);
      assertEquals(order(V4.toReversed(), i), ordered);
      // Removing an address does not change the order of the others.
      const left = V4.filter((address) => address !== ordered[1]);
      assertEquals(order(left, i), ordered.filter((address) => address !== ordered[1]));
      firsts.add(ordered[0]);
    }
    assertEquals(firsts.size, 3);
    assertEquals(families(order([...V4, ...V6], 1)), "64644");
  });
}
