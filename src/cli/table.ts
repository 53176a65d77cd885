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

/**
 * Writes a number of bytes for people.
 *
 * @param bytes The number
 * @returns Such as `3.2 MiB`
 */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/**
 * Writes how long something has lasted.
 *
 * @param seconds The time
 * @returns Its two greatest units, such as `3d 4h`
 */
export function formatAge(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [Math.floor(seconds) % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0s";
  return parts.slice(first, first + 2).filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`).join(" ");
}
