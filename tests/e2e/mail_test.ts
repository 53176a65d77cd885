import { assertEquals, assertGreater } from "@std/assert";
import { edge } from "./_edge.ts";
import { withShunt } from "./_process.ts";
import { bytes, connect, readAll, readExactly, serveTcp, text, writeAll } from "./_shunt.ts";

const BANNER = "220 mail.example ESMTP\r\n";

Deno.test("mail: a client that waits for the server's greeting gets it once detection gives up", async () => {
  await using mail = serveTcp(async (conn) => {
    await writeAll(conn, bytes(BANNER));
    assertEquals(text(await readExactly(conn, 9)), "EHLO me\r\n");
    await writeAll(conn, bytes("250 mail.example\r\n"));
    assertEquals(text(await readExactly(conn, 6)), "QUIT\r\n");
    await writeAll(conn, bytes("221 bye\r\n"));
  });
  await withShunt(edge({ mail: mail.port }), async (shunt) => {
    using client = await connect(shunt.port());
    assertEquals(text(await readExactly(client, BANNER.length)), BANNER);
    await writeAll(client, bytes("EHLO me\r\n"));
    assertEquals(text(await readExactly(client, 18)), "250 mail.example\r\n");
    await writeAll(client, bytes("QUIT\r\n"));
    assertEquals(text(await readAll(client)), "221 bye\r\n");
    await client.closeWrite();
    const line = await shunt.ended({ protocol: "silent", upstream: "mail", reason: "done" });
    assertEquals([line.bytes_up, line.bytes_down], [15, BANNER.length + 18 + 9]);
    // The clock that deadlines go by is coarse.
    assertGreater(Number(line.detect_ms), 800);
  });
});
