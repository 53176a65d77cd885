import { assertEquals } from "@std/assert";
import { fileFault } from "../../src/errors.ts";

Deno.test("errors: a file without permission is reported in Deno's words, except for device files", () => {
  const { NotCapable, NotFound } = Deno.errors;
  const table = [
    [new NotCapable('Requires all access to "/dev/stdout"'), "device files cannot be opened"],
    [new NotCapable('Requires read access to "a"'), 'Requires read access to "a"'],
    [new NotFound("No such file"), "No such file"],
  ] as const;
  for (const [error, message] of table) assertEquals(fileFault(error), message);
});
