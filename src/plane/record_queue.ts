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
/** Most batches under way. Further lines are lost until a slow log has taken some. */
const MAX_BATCHES = 32;

/** Characters of a batch of lines: about as long as {@linkcode BATCH} records. */
const BATCH_LENGTH = 65_536;

/** A batch. */
export interface Batch {
  readonly records: readonly AccessRecord[];
  /** Access lines. */
  readonly lines: string;
  /** How many were lost since the last batch, because too many batches were under way. */
  readonly lost: number;
}

/** Batches records and lines, within bounds. */
export class RecordQueue {
  readonly #send: (batch: Batch) => Promise<void>;
  #records: AccessRecord[] = [];
  #lines = "";
  #underWay = 0;
  #lost = 0;

  /** @param send Hands a batch over; its promise settles once the batch is taken */
  constructor(send: (batch: Batch) => Promise<void>) {
    this.#send = send;
  }

  /** Adds a record. Its error becomes text, which any thread can read. */
  addRecord(record: AccessRecord): void {
    if (!this.#hasRoom()) return;
    const { error } = record;
    this.#records.push(error === undefined ? record : { ...record, error: messageOf(error) });
  }

  /** Adds an access line, which has its line feed. */
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

  /** Hands over a batch, unless too many are under way. */
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
