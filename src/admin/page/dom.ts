/**
 * Tables and other elements. Text is always inserted as text, never as HTML.
 *
 * @module
 */

/// <reference lib="dom" />

/** How a cell shows its text. */
export type CellKind = "text" | "number" | "lines" | "head";

/** A column of a table. */
export interface Column<Row> {
  readonly name: string;
  readonly kind?: CellKind;
  /** The text of a cell. */
  readonly text: (row: Row) => string;
  /** Fills a cell that shows more than text; called again whenever the row is shown. */
  readonly fill?: (cell: HTMLTableCellElement, row: Row) => void;
}

/**
 * Finds an element of the page.
 *
 * @param id Its id
 * @param type Its type
 * @returns The element
 * @throws {Error} if the page has no such element
 */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`The page has no #${id}`);
}

/** Sets a text that has changed. Otherwise a selection stays, and screen readers do not repeat it. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A table whose rows keep their elements, and with them the focus, as long as they are shown. */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #key: (row: Row) => string;
  readonly #body: HTMLTableSectionElement;
  readonly #empty: HTMLTableRowElement;
  #rows = new Map<string, HTMLTableRowElement>();

  /**
   * @param table The table element, empty
   * @param columns Its columns
   * @param parts The key of a row, and the text of an empty table
   */
  constructor(
    table: HTMLTableElement,
    columns: readonly Column<Row>[],
    { key, empty }: { readonly key: (row: Row) => string; readonly empty: string },
  ) {
    this.#columns = columns;
    this.#key = key;
    const titles = table.createTHead().insertRow();
    for (const { name, kind } of columns) {
      const title = document.createElement("th");
      title.scope = "col";
      title.textContent = name;
      if (kind === "number") title.className = kind;
      titles.append(title);
    }
    this.#body = table.createTBody();
    this.#empty = document.createElement("tr");
    this.#empty.className = "empty";
    const cell = this.#empty.insertCell();
    cell.className = "plain";
    cell.colSpan = columns.length;
    cell.textContent = empty;
  }

  /** Shows rows, in their order. */
  show(rows: readonly Row[]): void {
    const shown = new Map<string, HTMLTableRowElement>();
    for (const row of rows) {
      const key = this.#key(row);
      const element = this.#rows.get(key) ?? this.#make();
      this.#columns.forEach((column, i) => {
        const cell = element.cells[i]!;
        if (column.fill === undefined) setText(cell, column.text(row));
        else column.fill(cell, row);
      });
      shown.set(key, element);
    }
    const wanted = rows.length === 0 ? [this.#empty] : [...shown.values()];
    for (const old of [...this.#body.rows]) if (!wanted.includes(old)) old.remove();
    wanted.forEach((element, i) => {
      // Moving an element would take the focus from it.
      if (this.#body.rows[i] !== element) {
        this.#body.insertBefore(element, this.#body.rows[i] ?? null);
      }
    });
    this.#rows = shown;
  }

  #make(): HTMLTableRowElement {
    const element = document.createElement("tr");
    for (const { name, kind = "text" } of this.#columns) {
      const cell = document.createElement(kind === "head" ? "th" : "td");
      if (kind === "head") cell.scope = "row";
      else cell.dataset.label = name;
      if (kind === "number" || kind === "lines") cell.className = kind;
      element.append(cell);
    }
    return element;
  }
}

/**
 * Shows a word in a coloured frame.
 *
 * @param cell The place
 * @param word The word
 * @param tone Its colour: how good it is
 */
export function showBadge(cell: Element, word: string, tone: string): void {
  const badge = cell.querySelector(".badge") ?? cell.appendChild(document.createElement("span"));
  const name = `badge ${tone}`;
  if (badge.className !== name) badge.className = name;
  setText(badge, word);
}
