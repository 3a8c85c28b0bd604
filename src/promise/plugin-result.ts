/** Results of JavaScript plugins, with the names that Python plugins know. */

export abstract class BaseResult {
  readonly #hasFailed: boolean;
  readonly message: string;
  readonly date: Date;

  constructor(hasFailed = false, message = '', date = new Date()) {
    this.#hasFailed = hasFailed;
    this.message = message;
    this.date = date;
  }

  hasFailed(): boolean {
    return this.#hasFailed;
  }

  abstract type(): string;
}

export class TestResult extends BaseResult {
  type(): string {
    return 'Test Result';
  }
}

export class AnomalyResult extends BaseResult {
  type(): string {
    return 'Anomaly Result';
  }
}
