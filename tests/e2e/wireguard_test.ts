import { assertEquals } from "@std/assert";
import { randomBytes } from "node:crypto";
import { edge } from "./_edge.ts";
import { withShunt } from "./_process.ts";

/** A WireGuard message: its type, three reserved bytes, and what looks like noise to all but the peers. */
function message(type: number, length: number): Uint8Array {
  return new Uint8Array([type, 0, 0, 0, ...randomBytes(length - 4)]);
}

const INITIATION = message(1, 148);
const RESPONSE = message(2, 92);
const DATA = message(4, 128);

/** Answers an initiation with a response, anything else with itself. */
function serveTunnel(): AsyncDisposable & { readonly port: number } {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const loop = (async () => {
    for await (const [datagram, from] of socket) {
      await socket.send(datagram[0] === 1 ? RESPONSE : datagram, from);
    }
  })();
  return {
    port: (socket.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      socket.close();
      await loop;
    },
  };
}

Deno.test("wireguard: a handshake, and a tunnel whose flow expired, reach the tunnel's target", async () => {
  await using tunnel = serveTunnel();
  const yaml = edge({ tunnel: tunnel.port })
    .replace(/(tunnel: .*) \}/, "$1, idle_timeout: 500ms }");
  await withShunt(yaml, async (shunt) => {
    const peer = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: shunt.port() };
    const ask = async (datagram: Uint8Array): Promise<Uint8Array> => {
      await peer.send(datagram, to);
      const [answer, from] = await peer.receive();
      assertEquals(from, to);
      return answer;
    };
    assertEquals(await ask(INITIATION), RESPONSE);
    assertEquals(await ask(DATA), DATA);
    const first = await shunt.ended({ protocol: "wireguard", reason: "idle_timeout" });
    assertEquals([first.bytes_up, first.bytes_down], [148 + 128, 92 + 128]);
    assertEquals(await ask(DATA), DATA);
    const second = await shunt.ended({ bytes_up: 128, reason: "idle_timeout" });
    assertEquals([second.protocol, second.upstream], ["wireguard", "tunnel"]);
    peer.close();
  });
});
