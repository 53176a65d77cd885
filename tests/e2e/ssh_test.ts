import { assertEquals, assertGreater } from "@std/assert";
import { edge } from "./_edge.ts";
import { withShunt } from "./_process.ts";
import { SshServer } from "./_ssh.ts";

Deno.test("ssh: runs commands on the sshd behind the port, whose host key it checks", async () => {
  await using sshd = await SshServer.start();
  await withShunt(edge({ bastion: sshd.port }), async (shunt) => {
    const port = shunt.port();
    assertEquals(await sshd.run(port, "echo $((6 * 7)) from the bastion"), "42 from the bastion\n");
    const megabyte = new TextEncoder().encode("through ssh and back\n".repeat(50_000));
    assertEquals(await sshd.run(port, "cat", megabyte), new TextDecoder().decode(megabyte));
    const { bytes_up, bytes_down } = await shunt.ended({
      protocol: "ssh",
      upstream: "bastion",
      reason: "done",
    });
    assertGreater(Number(bytes_up), 1000);
    assertGreater(Number(bytes_down), 1000);
  });
});
