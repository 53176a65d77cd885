import { assert, assertEquals } from "@std/assert";
import { withShunt } from "./_process.ts";
import { until } from "./_shunt.ts";

const CONFIG = `
listeners: { edge: { bind: 127.0.0.1:0, routes: [{ upstream: up }] } }
upstreams: { up: { targets: ["builtin:echo"] } }
drain_timeout: 1s`;

Deno.test("notify: the service manager hears of start, reload, life and end", async () => {
  const folder = await Deno.makeTempDir({ prefix: "shunt-" });
  const path = `${folder}/notify`;
  const manager = Deno.listenDatagram({ transport: "unixpacket", path });
  const heard: string[] = [];
  const loop = (async () => {
    for await (const [data] of manager) heard.push(...new TextDecoder().decode(data).split("\n"));
  })();
  const hears = (line: string) => until(() => heard.includes(line), `${line} in ${heard}`);
  try {
    await withShunt(CONFIG, async (shunt) => {
      await hears("READY=1");
      assert(heard.includes("STATUS=Listening: edge"), heard.join());
      await hears("WATCHDOG=1");
      const before = heard.length;
      shunt.kill("SIGHUP");
      await hears("RELOADING=1");
      await until(() => heard.lastIndexOf("READY=1") > before, "the end of the reload");
      await shunt.stop();
      await hears("STOPPING=1");
    }, { under: ["env", `NOTIFY_SOCKET=${path}`, "WATCHDOG_USEC=400000"], ends: true });
    assertEquals(heard.filter((line) => line === "READY=1").length, 2);
  } finally {
    manager.close();
    await loop;
    await Deno.remove(folder, { recursive: true });
  }
});
