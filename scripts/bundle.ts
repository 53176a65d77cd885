/**
 * `deno task bundle`: makes `dist/shunt.js`, one file that any Deno from 2.9 on runs.
 *
 * @module
 */

import { BUNDLE, makeBundle } from "./_bundle.ts";
import { runTask, tell } from "./_command.ts";
import { findStamp } from "./_stamp.ts";

if (import.meta.main) {
  await runTask(async () => {
    await makeBundle(await findStamp());
    tell(`Made ${BUNDLE}`);
  });
}
