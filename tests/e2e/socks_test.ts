import { assertEquals } from "@std/assert";
import { edge } from "./_edge.ts";
import { withShunt } from "./_process.ts";
import { serveSocks } from "./_socks.ts";
import { run } from "./_tools.ts";

Deno.test("curl: SOCKS5, SOCKS4 and SOCKS4a reach the SOCKS server behind the port", async () => {
  await using web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("behind two proxies"),
  );
  await using socks = serveSocks();
  await withShunt(edge({ socks: socks.port }), async (shunt) => {
    const cases = [
      ["--socks5", "socks5", "5 127.0.0.1"],
      ["--socks5-hostname", "socks5", "5 localhost"],
      ["--socks4", "socks4", "4 127.0.0.1"],
      ["--socks4a", "socks4", "4 localhost"],
    ] as const;
    for (const [option, protocol, asked] of cases) {
      const host = asked.slice(2);
      const url = `http://${host}:${web.addr.port}/`;
      const proxy = [option, `127.0.0.1:${shunt.port()}`, "--noproxy", ""];
      assertEquals(await run("curl", ["-sS", ...proxy, url]), "behind two proxies");
      assertEquals(socks.asked.at(-1), asked);
      await shunt.ended({ protocol, upstream: "socks" });
    }
    assertEquals(socks.accepted, cases.length);
  });
});
