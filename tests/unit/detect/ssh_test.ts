import { assertEquals } from "@std/assert";
import { ssh } from "../../../src/detect/ssh.ts";
import { bytesOf } from "../_hello.ts";
import { ask, assertMatches, assertSoundOnNoise } from "./_stream.ts";
import { capture } from "./_vectors.ts";

Deno.test("detect ssh: matches OpenSSH's client by its identification string", () => {
  const facts = { version: "2.0" };
  assertEquals(ask(ssh, capture("ssh_openssh_client")), { kind: "match", facts });
});

Deno.test("detect ssh: matches once the protocol version is whole", () => {
  for (const version of ["2.0", "1.99", "1.5"]) assertMatches(ssh, `SSH-${version}-`, { version });
});

Deno.test("detect ssh: rejects what no version of SSH sends", () => {
  for (const text of ["s", "SSX", "SSH ", "SSH-3", "SSH-2.1", "SSH-2.0 ", "SSH-1-", "SSH-1.999"]) {
    assertEquals(ask(ssh, text).kind, "no_match", text);
  }
});

Deno.test("detect ssh: stays sound on noise and damaged strings", () => {
  assertSoundOnNoise(ssh, [bytesOf("SSH-2.0-x\r\n"), bytesOf("SSH-1.99-x\r\n")]);
});
