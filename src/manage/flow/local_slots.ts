/**
 * Numbers the addresses that clients of one wildcard socket write to. Knows no flow.
 *
 * @module
 */

/** Addresses of one socket that are told apart. */
const MAX_LOCALS = 4096;

/** Small numbers for the addresses of one socket. */
export class LocalSlots {
  readonly #slots = new Map<string, number>();

  /**
   * Returns the number of an address.
   *
   * @param local The address that a client wrote to; unset or empty if the socket is bound to one
   * @returns Its number: the same for the same address; 0 if there is no address, or 4096 others came before
   */
  of(local: string | undefined): number {
    if (local === undefined || local === "") return 0;
    const known = this.#slots.get(local);
    if (known !== undefined) return known;
    // A machine that owns a whole network can be written to at any of its addresses.
    if (this.#slots.size >= MAX_LOCALS) return 0;
    const slot = this.#slots.size + 1;
    this.#slots.set(local, slot);
    return slot;
  }
}
