import { assertEquals } from "@std/assert";
import { serveDns } from "./_dns.ts";
import { edge } from "./_edge.ts";
import { withShunt } from "./_process.ts";
import { run } from "./_tools.ts";

Deno.test("dig: UDP and TCP queries, which no detector knows, reach the fallback target", async () => {
  await using dns = serveDns("192.0.2.53");
  await withShunt(edge({ names: dns.port }), async (shunt) => {
    const server = ["@127.0.0.1", "-p", String(shunt.port()), "+tries=1", "+time=8", "+short"];
    assertEquals(await run("dig", [...server, "host.example"]), "192.0.2.53\n");
    assertEquals(await run("dig", [...server, "+tcp", "other.example"]), "192.0.2.53\n");
    await shunt.ended({ transport: "tcp", protocol: "unknown", upstream: "names" });
    await shunt.stop();
    const flow = await shunt.ended({ transport: "udp", protocol: "unknown", upstream: "names" });
    assertEquals(flow.reason, "shutdown");
  }, { ends: true });
});
