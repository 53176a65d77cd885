import { assertEquals } from "@std/assert";
import { findWalk } from "./http.ts";
import { HTTP1_FORMS } from "./http_forms.ts";
import { HTTP2_FORMS } from "./http2_forms.ts";
import { type Server, servesRefused, START } from "./http_servers.ts";

const FORMS = { "1": HTTP1_FORMS, "2": HTTP2_FORMS } as const;

function show(bytes: Uint8Array): string {
  const text = JSON.stringify(new TextDecoder("latin1").decode(bytes));
  return text.length < 300 ? text : `${text.slice(0, 150)} … ${text.slice(-150)}`;
}

for (const [name, start] of Object.entries(START)) {
  for (const version of ["1", "2"] as const) {
    Deno.test(`differential http/${version}: ${name} serves no name that is not told`, async () => {
      await using server: Server | undefined = await start();
      if (server === undefined) {
        console.warn(`SKIPPED: "${name}" is not installed`);
        return;
      }
      const walks: string[] = [];
      let served = 0;
      for (const form of FORMS[version]) {
        const walk = await findWalk([server], version, form);
        if (walk !== undefined) walks.push(`${show(form)}: ${walk}`);
        else if (await servesRefused(server, version, form)) served++;
      }
      assertEquals(walks, []);
      // A server that refuses all proves nothing.
      assertEquals([name, served > FORMS[version].length / 10], [name, true], `${served} served`);
    });
  }
}
