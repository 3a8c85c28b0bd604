/** A request that the proxy refuses: nothing was changed, and the text says why. */
export class HttpProblem extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.name = 'HttpProblem';
    this.statusCode = statusCode;
  }
}

/** 400: the request itself is wrong. */
export function badRequest(message: string): HttpProblem {
  return new HttpProblem(400, message);
}

/** 404: what it is about does not exist. */
export function notFound(message: string): HttpProblem {
  return new HttpProblem(404, message);
}
