import { assertEquals } from "@std/assert";
import { withShunt } from "./_process.ts";
import { until } from "./_shunt.ts";
import { run, Tool } from "./_tools.ts";

const VERSIONS = { mqttv31: "3.1", mqttv311: "3.1.1", mqttv5: "5" } as const;

Deno.test("mqtt: clients of each version publish and subscribe at the broker behind the port", async () => {
  const folder = await Deno.makeTempDir({ prefix: "shunt-mqtt-" });
  const broker = `${folder}/broker.sock`;
  // Started by root it becomes another user, who could not make the socket.
  await Deno.writeTextFile(
    `${folder}/conf`,
    `listener 0 ${broker}\nallow_anonymous true\npersistence false\nuser root\n`,
  );
  await using mosquitto = new Tool("/usr/sbin/mosquitto", ["-v", "-c", `${folder}/conf`]);
  await mosquitto.says(/mosquitto version .* running/);
  const yaml = `
listeners:
  edge:
    bind: 127.0.0.1:0
    routes:
      - match: { protocol: mqtt }
        upstream: broker
upstreams:
  broker: { targets: ["unix:${broker}"] }
`;
  await withShunt(yaml, async (shunt) => {
    for (const [option, version] of Object.entries(VERSIONS)) {
      const args = ["-h", "127.0.0.1", "-p", String(shunt.port()), "-V", option, "-t", option];
      // The broker keeps it for who comes later.
      await run("mosquitto_pub", [...args, "-q", "1", "-r", "-m", `by ${version}`]);
      assertEquals(await run("mosquitto_sub", [...args, "-C", "1"]), `by ${version}\n`);
    }
    const served = () => shunt.access.filter(({ reason }) => reason === "done");
    await until(() => served().length === 6, "a line of each session");
    for (const { protocol, upstream } of served()) {
      assertEquals([protocol, upstream], ["mqtt", "broker"]);
    }
  });
  await Deno.remove(folder, { recursive: true });
});
