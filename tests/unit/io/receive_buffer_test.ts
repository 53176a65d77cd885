import { assertEquals } from "@std/assert";
import { denoIo } from "../../../src/io/deno.ts";

const BURST = 600;
const BYTES = 1200;

/** What a burst takes in the kernel: each datagram counts as twice its bytes and more. */
const NEEDED = BURST * 4 * BYTES;
const most = Number(await Deno.readTextFile("/proc/sys/net/core/rmem_max").catch(() => "0"));

Deno.test({
  name:
    "io deno: a burst waits in the kernel until it is received (net.core.rmem_max of 3 MB or more)",
  ignore: most < NEEDED,
  async fn() {
    for (const host of ["127.0.0.1", "0.0.0.0", "::1"]) {
      const socket = denoIo.bind({ host, port: 0 }, false);
      const to = host === "::1" ? host : "127.0.0.1";
      const sender = Deno.listenDatagram({ transport: "udp", hostname: to, port: 0 });
      const { port } = socket.local;
      for (let i = 0; i < BURST; i++) {
        await sender.send(new Uint8Array(BYTES), { transport: "udp", hostname: to, port });
      }
      const all = Promise.withResolvers<void>();
      let heard = 0;
      const receiving = socket.receive({
        onDatagram() {
          if (++heard === BURST) all.resolve();
          return undefined;
        },
        onUndeliverable() {},
        onError: all.reject,
      });
      const timer = setTimeout(() => all.reject(new Error(`${heard} of ${BURST} came`)), 5000);
      await all.promise.finally(() => clearTimeout(timer));
      socket.close();
      sender.close();
      await receiving;
      assertEquals(heard, BURST);
    }
  },
});
