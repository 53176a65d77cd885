/**
 * `deno task page`: makes `src/admin/page_files.ts`, to be run after a change in `src/admin/page/`.
 *
 * @module
 */

import { runTask } from "./_command.ts";
import { makePageFiles, PAGE_FILES } from "./_page.ts";

if (import.meta.main) {
  await runTask(async () => {
    const text = await makePageFiles();
    await Deno.writeTextFile(PAGE_FILES, text);
  });
}
