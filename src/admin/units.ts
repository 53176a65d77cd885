/**
 * Writes amounts for people. Knows nothing about what is measured.
 *
 * @module
 */

/** Writes a number of bytes, such as `3.2 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Writes a time in seconds as its two greatest units, such as `3d 4h`. */
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

/** Writes a frequency in times a second, such as `12.3/s`; a dash if it is not known yet. */
export function formatRate(rate: number | undefined): string {
  if (rate === undefined) return "–";
  return `${rate > 0 && rate < 99.95 ? rate.toFixed(1) : Math.round(rate)}/s`;
}

/** Writes bytes a second, such as `3.2 MiB/s`; a dash if they are not known yet. */
export function formatByteRate(rate: number | undefined): string {
  return rate === undefined ? "–" : `${formatBytes(rate)}/s`;
}
