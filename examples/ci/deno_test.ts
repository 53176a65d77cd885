// A test that talks to its server through shunt, which does harm on purpose.
//   deno test --allow-net --allow-read --allow-env examples/ci/deno_test.ts
import { startProxy } from "../../mod.ts";

Deno.test("the client survives a slow network", async () => {
  await using proxy = await startProxy({
    listeners: { edge: { bind: "127.0.0.1:0", transports: "tcp", routes: [{ upstream: "app" }] } },
    // In the place of your own server: what shunt answers by itself.
    upstreams: { app: { targets: ["builtin:hello"], faults: { latency: "50ms", jitter: "20ms" } } },
  });
  const response = await fetch(`http://${proxy.addresses.edge?.tcp[0]}/`);
  const { listener } = await response.json();
  if (listener !== "edge") throw new Error(`What came back is ${listener}`);
});
