/**
 * Collects a worker's records or access lines of ended sessions and flows, and hands them over in batches.
 * Knows neither their contents nor what takes them.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import type { AccessRecord } from "../observe/access/record.ts";

/** Most records of one batch. */
const BATCH = 512;
/** Most batches under way. While a slow log has not taken them, further lines are lost. */
const MAX_BATCHES = 32;

/** Characters of a batch of lines: as many records make about as much. */
const BATCH_LENGTH = 65_536;

/** A batch as it is handed over. */
export interface Batch {
  readonly records: readonly AccessRecord[];
  /** Access lines. */
  readonly lines: string;
  /** What was lost since the last batch, because too many were under way. */
  readonly lost: number;
}

/** Batches records and lines, within bounds. */
export class RecordQueue {
  readonly #send: (batch: Batch) => Promise<void>;
  #records: AccessRecord[] = [];
  #lines = "";
  #underWay = 0;
  #lost = 0;

  /** @param send Hands a batch over, and settles once it is taken */
  constructor(send: (batch: Batch) => Promise<void>) {
    this.#send = send;
  }

  /**
   * Adds a record.
   *
   * @param record The record; its error becomes text, which any thread understands
   */
  addRecord(record: AccessRecord): void {
    if (!this.#hasRoom()) return;
    const { error } = record;
    this.#records.push(error === undefined ? record : { ...record, error: messageOf(error) });
  }

  /**
   * Adds an access line.
   *
   * @param line The line, with its line feed
   */
  addLine(line: string): void {
    if (this.#hasRoom()) this.#lines += line;
  }

  #hasRoom(): boolean {
    if (this.#records.length < BATCH && this.#lines.length < BATCH_LENGTH) return true;
    this.flush();
    if (this.#records.length === 0 && this.#lines === "") return true;
    this.#lost++;
    return false;
  }

  /** Hands over what there is, unless too many batches are under way. */
  flush(): void {
    if (this.#records.length === 0 && this.#lines === "") return;
    if (this.#underWay >= MAX_BATCHES) return;
    this.#underWay++;
    const taken = () => this.#underWay--;
    this.#send({ records: this.#records, lines: this.#lines, lost: this.#lost }).then(taken, taken);
    this.#records = [];
    this.#lines = "";
    this.#lost = 0;
  }
}
