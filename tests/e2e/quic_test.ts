import { assert, assertEquals } from "@std/assert";
import { createHash, randomBytes } from "node:crypto";
import { edge } from "./_edge.ts";
import { Certificates } from "./_openssl.ts";
import { withShunt } from "./_process.ts";
import { ALPN, askQuic, serveQuic } from "./_quic.ts";

const MEBIBYTE = 1_048_576;

Deno.test("quic: the server name leads to two servers, 1 MiB each way", async () => {
  await using certificates = await Certificates.make("one.example", "two.example");
  await using one = await serveQuic(certificates, "one.example");
  await using two = await serveQuic(certificates, "two.example");
  await withShunt(edge({ "quic-one": one.port, "quic-two": two.port }), async (shunt) => {
    for (const sni of ["one.example", "two.example", "one.example"]) {
      const body = new Uint8Array(randomBytes(MEBIBYTE));
      const answer = await askQuic(shunt.port(), certificates, { sni, body });
      assertEquals(answer.name, sni);
      assertEquals(answer.digest, createHash("sha256").update(body).digest("hex"));
      assert(Buffer.compare(answer.body, body.toReversed()) === 0, "the answer's body differs");
    }
    await shunt.stop();
    const flows = shunt.access.filter(({ transport }) => transport === "udp");
    assertEquals(
      flows.map(({ protocol, sni, upstream }) => [protocol, sni, upstream]),
      ["one", "two", "one"].map((name) => ["quic", `${name}.example`, `quic-${name}`]),
    );
    for (const { alpn, bytes_up, bytes_down } of flows) {
      assertEquals(alpn, [ALPN]);
      assert(Number(bytes_up) > MEBIBYTE && Number(bytes_down) > MEBIBYTE);
    }
  }, { ends: true });
});
