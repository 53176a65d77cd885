/**
 * `deno task bundle`: makes `dist/shunt.js`, one file that runs on any Deno from 2.9 on.
 *
 * @module
 */

import { BUNDLE, makeBundle } from "./_bundle.ts";
import { runTask, writeLine } from "./_command.ts";
import { findStamp } from "./_stamp.ts";

if (import.meta.main) {
  await runTask(async () => {
    await makeBundle(await findStamp());
    writeLine(`Made ${BUNDLE}`);
  });
}
