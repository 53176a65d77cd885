/**
 * Lines up columns of text. Knows nothing of what they hold.
 *
 * @module
 */

/**
 * Makes text harmless for a terminal.
 *
 * @param text Text from elsewhere
 * @returns The text without control characters and what turns its direction
 */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, "?");
}

/**
 * Lines up rows.
 *
 * @param rows The rows, their cells as text; numbers are put to the right
 * @returns A line for each
 */
export function formatTable(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, String(cell).length));
  }
  return rows.map((row) =>
    row.map((cell, i) => {
      const width = widths[i] ?? 0;
      return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
    }).join("  ").trimEnd()
  );
}
