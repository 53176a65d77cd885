/**
 * Tells apart the addresses that clients of one wildcard socket write to. Knows no flow.
 *
 * @module
 */

/** Addresses of one socket that are told apart. */
const MAX_LOCALS = 4096;

/** Small numbers for the addresses of one socket. */
export class LocalSlots {
  readonly #slots = new Map<string, number>();

  /**
   * Tells the number of an address.
   *
   * @param local The address that a client wrote to; unset or empty where the socket is bound to one
   * @returns Its number: the same for the same address; 0 where there is none, and for those that come
   * after 4096 others
   */
  of(local: string | undefined): number {
    if (local === undefined || local === "") return 0;
    const known = this.#slots.get(local);
    if (known !== undefined) return known;
    // Whoever owns a whole network can be written to at any address of it.
    if (this.#slots.size >= MAX_LOCALS) return 0;
    const slot = this.#slots.size + 1;
    this.#slots.set(local, slot);
    return slot;
  }
}
