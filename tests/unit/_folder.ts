/** A folder for one test. */

/**
 * Runs a test with a temporary folder.
 *
 * @param test Gets the folder's path
 */
export async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
