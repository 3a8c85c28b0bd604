/**
 * A text that is put together from many small pieces, as bytes: a string for each piece of each
 * sample would keep the garbage collector busy.
 */
const LINE_FEED = 10;
const ZERO = 48;
/** Integers below are written digit by digit. */
const SMALL = 2 ** 31;
const LONGEST_NUMBER = 32;

export class TextBytes {
  #bytes: Buffer;
  #length = 0;

  /** @param capacity bytes to begin with; it grows */
  constructor(capacity = 64 * 1024) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  clear(): void {
    this.#length = 0;
  }

  append(piece: Uint8Array): void {
    this.#reserve(piece.length);
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  }

  appendText(text: string): void {
    this.append(Buffer.from(text));
  }

  /** A finite number, as JSON has it. */
  appendNumber(value: number): void {
    this.#reserve(LONGEST_NUMBER);
    if (Number.isInteger(value) && value >= 0 && value < SMALL) this.#appendDigits(value);
    else this.#length += this.#bytes.write(String(value), this.#length, 'latin1');
  }

  appendLineEnd(): void {
    this.#reserve(1);
    this.#bytes[this.#length] = LINE_FEED;
    this.#length += 1;
  }

  /** A copy of what is there. */
  toBytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #appendDigits(value: number): void {
    let end = this.#length + 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) end += 1;
    this.#length = end;
    let rest = value;
    do {
      end -= 1;
      const next = Math.floor(rest / 10);
      this.#bytes[end] = ZERO + rest - next * 10;
      rest = next;
    } while (rest > 0);
  }

  #reserve(more: number): void {
    const wanted = this.#length + more;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
