/**
 * Pools of read buffers in three sizes. Knows how memory becomes resident; never what is in it.
 * A buffer may be given back only after the read that used it has settled.
 *
 * @module
 */

/** Size class of a buffer: 0 = 64 KiB, 1 = 256 KiB, 2 = 1 MiB. */
export type BufferClass = 0 | 1 | 2;

/** Bytes of a buffer of each class. */
export const BUFFER_BYTES = [65_536, 262_144, 1_048_576] as const;

/** How many idle buffers of the larger classes are kept: 64 MiB and 48 MiB at the most. */
const KEPT = [Infinity, 256, 48] as const;

const SLAB_BUFFERS = 512;

const pools: readonly [Uint8Array[], Uint8Array[], Uint8Array[]] = [[], [], []];

/**
 * Takes a buffer out of its pool.
 *
 * @param size The size class
 * @returns A buffer with whatever its last user left in it
 */
export function takeBuffer(size: BufferClass): Uint8Array {
  const pooled = pools[size].pop();
  if (pooled !== undefined) return pooled;
  if (size !== 0) return new Uint8Array(BUFFER_BYTES[size]);
  // One lazily mapped slab of 32 MiB: only touched pages count (9.9 KB an idle session), while a
  // 64 KiB array of its own is zero-filled and resident at once and was most of a connection's cost.
  const slab = new ArrayBuffer(BUFFER_BYTES[0] * SLAB_BUFFERS);
  for (let i = SLAB_BUFFERS - 1; i > 0; i--) {
    pools[0].push(new Uint8Array(slab, i * BUFFER_BYTES[0], BUFFER_BYTES[0]));
  }
  return new Uint8Array(slab, 0, BUFFER_BYTES[0]);
}

/**
 * Gives a buffer back.
 *
 * @param size The size class it was taken from
 * @param buffer The buffer
 */
export function giveBuffer(size: BufferClass, buffer: Uint8Array): void {
  if (pools[size].length < KEPT[size]) pools[size].push(buffer);
}
